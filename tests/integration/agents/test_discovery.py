"""Finding the programs of kinds, and the command that says what works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psutil
import pytest
from tests.waiting import eventually

from iterm_mcp.agents.claude import Claude
from iterm_mcp.agents.codex import Codex
from iterm_mcp.agents.described import read_described
from iterm_mcp.agents.discovery import Found, abilities, discover
from iterm_mcp.agents.gemini import Gemini
from iterm_mcp.agents.kind import Installed
from iterm_mcp.agents.probing import ask_program
from iterm_mcp.agents.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.agents.kind import AgentKind

COMMAND = str(Path(sys.executable).with_name("iterm-mcp"))


def script(folder: Path, name: str, body: str) -> Path:
    """Write a program that counts its runs."""
    path = folder / name
    path.write_text(f'#!/bin/sh\necho x >> "{folder}/{name}.runs"\n{body}\n')
    path.chmod(0o755)
    return path


def runs(folder: Path, name: str) -> int:
    return len((folder / f"{name}.runs").read_text().split())


def environ_of(folder: Path) -> dict[str, str]:
    return {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}


CODEX = """case "$1" in
--version) echo "codex-cli 0.169.0";;
*) printf '  resume   Resume\\n  app-server  x\\n  --dangerously-bypass-hook-trust\\n';;
esac"""


GEMINI = """case "$1" in
--version) echo 0.61.0;;
*) printf 'gemini hooks\n  gemini hooks <command>\n  --resume  x\n  --session-id  x\n';;
esac"""


async def test_installed_kinds_are_found_with_version_and_features_and_others_are_not(
    tmp_path: Path,
) -> None:
    script(tmp_path, "codex", CODEX)
    script(tmp_path, "gemini", GEMINI)
    kinds: list[AgentKind] = [Shell(), Codex(), Gemini(), read_described([]).kinds["aider"]]

    found = await discover(kinds, environ_of(tmp_path))

    assert [one.kind for one in found] == kinds
    codex = found[1].installed
    assert codex is not None
    assert (codex.path, codex.version) == (str(tmp_path / "codex"), "0.169.0")
    assert codex.features == {"resume", "app_server", "hook_trust", "hooks"}
    assert found[0].installed is not None
    assert found[2].installed == Installed(
        str(tmp_path / "gemini"), "0.61.0", frozenset({"resume", "session_id", "hooks"})
    )
    assert found[3] == Found(kinds[3], None)


async def test_a_program_is_asked_again_only_when_it_has_changed(tmp_path: Path) -> None:
    script(tmp_path, "codex", CODEX)

    await discover([Codex()], environ_of(tmp_path))
    first = runs(tmp_path, "codex")
    await discover([Codex()], environ_of(tmp_path))
    assert runs(tmp_path, "codex") == first
    script(tmp_path, "codex", CODEX.replace("0.169.0", "0.170.0"))
    (found,) = await discover([Codex()], environ_of(tmp_path))

    assert found.installed is not None
    assert found.installed.version == "0.170.0"


async def test_a_program_from_npm_is_not_asked_for_its_version(tmp_path: Path) -> None:
    package = tmp_path / "lib" / "gemini-cli"
    package.mkdir(parents=True)
    script(package, "gemini", GEMINI.replace("echo 0.61.0", "exit 1"))
    (package / "package.json").write_text('{"name": "@google/gemini-cli", "version": "0.62.1"}')
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "gemini").symlink_to(package / "gemini")

    (found,) = await discover([Gemini()], environ_of(programs))

    assert found.installed is not None
    assert found.installed.version == "0.62.1"
    assert "resume" in found.installed.features


async def test_a_described_kind_is_asked_as_its_manifest_says(tmp_path: Path) -> None:
    script(tmp_path, "aider", 'echo "aider 0.86.1"')
    kind = read_described([]).kinds["aider"]

    (found,) = await discover([kind], environ_of(tmp_path))
    (missing,) = await discover([kind], {"PATH": "/nowhere"})

    assert found.installed == Installed(
        str(tmp_path / "aider"), "0.86.1", frozenset({"resume", "model"})
    )
    assert missing.installed is None


async def test_a_program_that_hangs_is_ended_with_all_it_started_and_counts_as_silent(
    tmp_path: Path,
) -> None:
    path = script(tmp_path, "codex", f"sleep 60 & echo $! >> {tmp_path}/children; wait")

    with anyio.fail_after(8):
        (found,) = await discover([Codex()], environ_of(tmp_path))

    assert found.installed == Installed(str(path))
    for child in (tmp_path / "children").read_text().split():
        await eventually(partial(has_ended, int(child)))


class Slow(Shell):
    """Its program answers when it is too late."""

    async def probe(self, environ: Mapping[str, str]) -> Installed | None:
        del environ
        await anyio.sleep_forever()
        return None


async def test_a_probe_has_its_time_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iterm_mcp.agents.discovery.PROBE_SECONDS", 0.05)

    (found,) = await discover([Slow()], environ_of(tmp_path))

    assert (found.installed, found.late) == (None, True)


async def test_a_program_that_was_removed_is_not_installed_any_more(tmp_path: Path) -> None:
    path = script(tmp_path, "codex", CODEX)
    await discover([Codex()], environ_of(tmp_path))

    path.unlink()
    (found,) = await discover([Codex()], environ_of(tmp_path))

    assert found.installed is None


async def test_what_a_program_says_is_bounded_and_a_failure_is_nothing(tmp_path: Path) -> None:
    environ = environ_of(tmp_path)
    loud = script(tmp_path, "loud", "yes")
    failing = script(tmp_path, "failing", "echo out; exit 3")

    assert await ask_program(str(loud), [], environ) is None
    assert await ask_program(str(failing), [], environ) is None
    assert await ask_program(str(tmp_path / "missing"), [], environ) is None


def test_abilities_say_what_works_and_what_to_do() -> None:
    old = Found(Codex(), Installed("/bin/codex", "0.1", frozenset({"queue"})))
    silent = Found(Codex(), Installed("/bin/codex"))
    new = Found(Codex(), Installed("/bin/codex", "1", frozenset({"hooks", "resume", "app_server"})))

    assert [(one.name, one.works) for one in abilities(new)] == [
        ("state", True), ("permissions", True), ("resume", True), ("protocol", True)
    ]  # fmt: skip
    assert [one.works for one in abilities(old)] == [False, False, False]
    assert abilities(old)[2].hint
    assert abilities(Found(Codex(), None)) == ()
    assert [one.name for one in abilities(silent)] == ["features"]
    claude = Found(Claude(), Installed("/bin/claude", "2", frozenset({"hooks", "stream_json"})))
    assert [one.works for one in abilities(claude)] == [True, False, False, True]
    assert "Python" in abilities(claude)[1].text
    assert abilities(claude)[1].hint
    newest = frozenset({"hooks", "http_hooks", "resume", "stream_json"})
    told = abilities(Found(Claude(), Installed("/bin/claude", "2.1.329", newest)))
    assert [(one.name, one.works) for one in told][1] == ("permissions", True)
    assert "over HTTP" in told[1].text
    shell = Found(Shell(), Installed("/bin/zsh", "5", frozenset({"marks"})))
    assert [one.name for one in abilities(shell)] == ["state"]


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_whether_our_hooks_were_trusted_before_is_told(tmp_path: Path) -> None:
    script(tmp_path, "codex", CODEX)
    home = tmp_path / ".codex"
    home.mkdir()
    (asks,) = await discover([Codex()], environ_of(tmp_path))
    state = '[hooks.state."/<session-flags>/config.toml:permission_request:0:0"]'
    (home / "config.toml").write_text(f'{state}\ntrusted_hash = "sha256:0"\n')
    (trusts,) = await discover([Codex()], environ_of(tmp_path))

    told = {one.name: one for one in abilities(asks)}
    assert "Trust all" in told["hooks"].hint
    assert "hooks" not in {one.name for one in abilities(trusts)}


def run(arguments: list[str], environ: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        [COMMAND, "agents", *arguments], env={**os.environ, **environ}, check=False,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """A machine with a Codex, and with a described kind."""
    programs = tmp_path / "bin"
    programs.mkdir()
    script(programs, "codex", CODEX)
    kinds = tmp_path / "state" / "kinds"
    kinds.mkdir(parents=True)
    (kinds / "mine.toml").write_text(
        "name = 'mine'\n[start]\nprogram = 'mine'\n[composer]\npattern = '> (?P<text>.*)'\n"
    )
    path = f"{programs}:{os.environ['PATH']}"
    return {"PATH": path, "ITERM_MCP_HOME": str(tmp_path / "state"), "ITERM_MCP_KINDS": ""}


def test_the_list_shows_kinds_with_versions(machine: dict[str, str]) -> None:
    code, said = run(["list"], machine)
    rows = {line.split()[0]: line.split()[1] for line in said.splitlines()}
    _, as_json = run(["list", "--json"], machine)

    assert code == 0
    assert (rows["codex"], rows["mine"]) == ("0.169.0", "-")
    kinds = {one["kind"]: one for one in json.loads(as_json)}
    assert kinds["codex"]["transports"] == ["protocol", "terminal"]
    assert kinds["mine"]["manifest"].endswith("/kinds/mine.toml")


def test_the_doctor_says_what_works_and_fails_for_a_description_that_cannot_be_used(
    machine: dict[str, str], tmp_path: Path
) -> None:
    code, said = run(["doctor"], machine)
    assert code == 0
    assert "ok    codex: 0.169.0" in said
    assert "note  mine: not installed" in said

    more = tmp_path / "more"
    more.mkdir()
    (more / "broken.toml").write_text("name = 'broken'\n[start]\n")
    code, said = run(["doctor"], {**machine, "ITERM_MCP_KINDS": str(more)})
    assert code == 1
    assert f"fail  kinds: {more}/broken.toml: start.program: Field required" in said
    assert "Write the program's name or path" in said
    code, as_json = run(["doctor", "--json"], {**machine, "ITERM_MCP_KINDS": str(more)})
    assert (code, json.loads(as_json)[-1]["level"]) == (1, "fail")
