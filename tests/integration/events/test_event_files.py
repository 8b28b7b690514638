"""Exports and history on the command line, through a real daemon."""

from __future__ import annotations

import json
import os
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


class Verbs:
    """Runs ``iterm-mcp events`` in a home."""

    program = (sys.executable, "-m", "iterm_mcp")

    def __init__(self, home: Home) -> None:
        self.environ = home.environ

    async def run(self, *words: str) -> CompletedProcess[bytes]:
        with anyio.fail_after(SECONDS):
            return await anyio.run_process(
                [*self.program, "events", *words],
                env=self.environ,
                check=False,
            )

    async def says(self, *words: str) -> str:
        ended = await self.run(*words)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.decode()


@pytest.fixture
def verbs(shared_home: Home, tools: ToolClient) -> Verbs:
    del tools  # whose relay has started the daemon
    return Verbs(shared_home)


async def test_what_happened_is_written_to_a_file_that_is_not_there_yet(
    verbs: Verbs, tools: ToolClient, tmp_path: Path
) -> None:
    await tools.data("list_sessions")
    *events, last = [json.loads(one) for one in (await verbs.says("export")).splitlines()]
    assert last["export"] == {"events": len(events), "complete": True}
    target = tmp_path / "all.html"
    assert str(target) in await verbs.says("export", "-o", str(target))
    page = target.read_text()
    assert page.startswith("<!doctype html>")
    assert page.endswith("</body></html>\n")
    assert target.stat().st_mode & 0o777 == 0o600
    again = await verbs.run("export", "-o", str(target))
    assert (again.returncode, target.read_text()) == (1, page)
    assert os.listdir(tmp_path) == [target.name]  # noqa: PTH208 - it is short
    assert (await verbs.run("export", "-o", str(tmp_path / "x.exe"))).returncode == 2


async def test_what_cannot_be_exported_is_told(verbs: Verbs) -> None:
    one = await verbs.run("export", "no/such")
    assert (one.returncode, b"no/such" in one.stderr, one.stdout) == (1, True, b"")
    two = await verbs.run("export", "nobody", "nowhere", "-f", "json")
    assert (two.returncode, b"nobody" in two.stderr) == (1, True)


async def test_weeks_and_trends_are_told(verbs: Verbs) -> None:
    assert "week of" in await verbs.says("weeks", "2")
    assert len(json.loads(await verbs.says("weeks", "2", "--json"))["weeks"]) == 2
    said = await verbs.says("trends")
    assert "too few days" in said
    assert "Mann-Kendall" in said
    assert json.loads(await verbs.says("trends", "--json"))["alpha"] == 0.05
