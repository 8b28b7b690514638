"""What agents' shells leave in the spool: whole, in any shell, silently, and never too much."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.agents.hook_spool import COUNTER, plain_spool_command, spool_command
from iterm_mcp.services.events.spool import Spool

if TYPE_CHECKING:
    from pathlib import Path

SHELLS = [one for one in ("sh", "bash", "dash", "zsh") if shutil.which(one)]
EVENT = {"hook_event_name": "Stop", "said": 'it\'s "said"\n\t§ $(boom) `boom` %s \\n'}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder whose name a shell would take apart."""
    return tmp_path / "it's $a spool"


@pytest.fixture
def spool(folder: Path) -> Spool:
    made = Spool(str(folder))
    made.make()
    return made


def hook(folder: Path, event: bytes, shell: str = "sh") -> subprocess.CompletedProcess[bytes]:
    environ = {"PATH": os.environ["PATH"], "ITERM_MCP_AGENT": "ann", "TERM_SESSION_ID": "s-1"}
    return subprocess.run(
        [shell, "-c", spool_command(str(folder), "claude")],
        input=event, capture_output=True, timeout=60, check=False, env=environ,
    )  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_leaves_an_event_as_it_is(folder: Path, spool: Spool, shell: str) -> None:
    done = hook(folder, json.dumps(EVENT).encode() + b"\n", shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (file,) = spool.claim(4e9)
    (event,) = file.events
    assert (event.kind, event.payload, event.agent, event.session) == (
        "claude",
        EVENT,
        "ann",
        "s-1",
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_calls_who_empties_the_spool_but_not_without_end(
    folder: Path, spool: Spool, shell: str
) -> None:
    bell = spool.hang_bell()
    assert bell is not None
    hook(folder, json.dumps(EVENT).encode() + b"\n", shell)
    assert os.read(bell, 10) == b"."
    with (folder / COUNTER).open("wb") as counter:
        counter.truncate(5000)
    assert hook(folder, b"{}\n", shell).returncode == 0
    with pytest.raises(BlockingIOError):
        os.read(bell, 10)
    os.close(bell)
    assert len(spool.claim(4e9)) == 2


@pytest.mark.parametrize("shell", SHELLS)
def test_a_call_that_nobody_hears_holds_nobody_up(folder: Path, spool: Spool, shell: str) -> None:
    bell = spool.hang_bell()
    assert bell is not None
    os.close(bell)
    done = hook(folder, b"{}\n", shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_plain_command_does_the_same_in_any_shell(folder: Path, spool: Spool) -> None:
    line = plain_spool_command(str(folder), "codex")
    subprocess.run([*shlex.split(line)], input=b"{}\n", check=True, timeout=60)
    (file,) = spool.claim(4e9)
    assert [one.kind for one in file.events] == ["codex"]


@pytest.mark.parametrize("shell", SHELLS)
def test_no_more_is_left_than_may_be_and_that_is_said(
    folder: Path, spool: Spool, shell: str
) -> None:
    with (folder / COUNTER).open("wb") as counter:
        counter.truncate(1 << 17)
    done = hook(folder, b"{}\n", shell)
    assert done.returncode == 1
    assert b"its spool or the disk is full" in done.stderr
    assert spool.claim(4e9) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_an_event_beyond_all_bounds_is_refused_and_never_kept(
    folder: Path, spool: Spool, shell: str
) -> None:
    done = hook(folder, b'{"a": "' + b"x" * (20 << 20) + b'"}\n', shell)
    assert done.returncode != 0
    assert done.stderr
    (file,) = spool.claim(4e9)
    assert file.torn
    assert file.events == ()


@pytest.mark.parametrize("shell", SHELLS)
def test_where_nobody_wants_events_nothing_is_said(folder: Path, shell: str) -> None:
    done = hook(folder, b"{}\n", shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not folder.exists()


def test_large_events_at_the_same_time_do_not_mix(folder: Path, spool: Spool) -> None:
    events = [{"n": n, "text": chr(97 + n) * 300_000} for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda one: hook(folder, json.dumps(one).encode()), events))
    assert all(one.returncode == 0 for one in done)
    found = [one.payload for file in spool.claim(4e9) for one in file.events]
    assert sorted(found, key=lambda one: int(str(one["n"]))) == events
