"""Notes and playbooks on the command line, through a real daemon."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.line_client import SECONDS

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

    from tests.integration.homes import Home
    from tests.integration.tool_client import ToolClient

STUCK = """
playbook: stuck
steps:
  - note: {namespace: cli-run, key: a, value: one}
  - wait: {in: "name:nobody-is-called-so", for: prompt}
  - note: {namespace: cli-run, key: b, value: two}
"""


class Shell:
    """Runs our verbs in a home."""

    def __init__(self, home: Home) -> None:
        self._environ = home.environ

    async def run(self, *words: str, stdin: str = "") -> CompletedProcess[bytes]:
        with anyio.fail_after(SECONDS):
            return await anyio.run_process(
                [sys.executable, "-m", "iterm_mcp", *words],
                env=self._environ,
                input=stdin.encode(),
                check=False,
            )

    async def says(self, *words: str, stdin: str = "") -> str:
        ended = await self.run(*words, stdin=stdin)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.decode()


@pytest.fixture
def shell(shared_home: Home, tools: ToolClient) -> Shell:
    del tools  # whose relay has started the daemon
    return Shell(shared_home)


async def test_a_note_is_written_found_listed_and_removed(shell: Shell) -> None:
    written = await shell.says("notes", "set", "-n", "cli", "k", "-", stdin="from stdin\n")
    version = written.removeprefix("version ").strip()
    assert await shell.says("notes", "get", "-n", "cli", "k") == "from stdin\n\n"
    stale = await shell.run("notes", "set", "-n", "cli", "k", "v", "--expected-version", "0")
    assert stale.returncode == 1
    assert f"has version {version}".encode() in stale.stderr
    row = f"cli/k  v{version} iterm-mcp-cli: from stdin\n"
    assert await shell.says("notes", "list", "-n", "cli") == row
    assert await shell.says("notes", "search", "stdi") == row
    assert "cli  1\n" in await shell.says("notes", "list")
    assert json.loads(await shell.says("notes", "get", "-n", "cli", "k", "--json"))["key"] == "k"
    assert await shell.says("notes", "remove", "-n", "cli", "k") == "removed\n"


async def test_a_playbook_stops_is_looked_at_and_goes_on(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "stuck.yaml"
    file.write_text(STUCK)
    begun = await shell.run("playbook", "run", str(file))
    assert begun.returncode == 1
    lines = begun.stdout.decode().splitlines()
    run_id, name, state = lines[0].split()
    assert (name, state) == ("stuck", "failed")
    assert lines[1:3] == ["  step 1 of 3: done", "  step 2 of 3: failed"]
    assert lines[-1] == f"  iterm-mcp playbook resume {run_id}"
    assert run_id in await shell.says("playbook", "status")
    seen = json.loads(await shell.says("playbook", "status", run_id, "--json"))
    assert seen["state"] == "failed"

    ended = await shell.says("playbook", "resume", run_id, "--decision", "skip")

    assert ended.splitlines()[0] == f"{run_id}  stuck  done"
    assert "step 2 of 3: skipped" in ended
    late = await shell.run("playbook", "cancel", run_id)
    assert late.returncode == 1
    assert b"is done" in late.stderr
    assert await shell.says("notes", "get", "-n", "cli-run", "b") == "two\n"
