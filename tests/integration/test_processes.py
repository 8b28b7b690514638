"""One instance of a program: several processes ask for it, and some are killed."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.waiting import eventually

from iterm_mcp import __version__
from iterm_mcp.paths import find_paths
from iterm_mcp.processes import lock_holder, spawn_detached, start_once

if TYPE_CHECKING:
    from collections.abc import Iterator

TAKER = """
import sys
from iterm_mcp.processes import AlreadyRunningError, InstanceLock
sys.stdin.readline()
try:
    lock = InstanceLock(sys.argv[1]).acquire(wait=sys.argv[2] == "wait")
except AlreadyRunningError as error:
    print("lost", flush=True)
else:
    print("won", flush=True)
    sys.stdin.readline()
"""
SECONDS = 20


@contextmanager
def taker(path: str, how: str = "at once") -> Iterator[subprocess.Popen[str]]:
    """Have a process that takes the lock when it is told to, and gives it back when told again."""
    with subprocess.Popen(
        [sys.executable, "-c", TAKER, path, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    ready, _, _ = select.select([process.stdout], [], [], SECONDS)
    assert ready, "it said nothing"
    return process.stdout.readline().strip()


def test_of_many_that_race_for_a_lock_one_wins(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with ExitStack() as stack:
        racers = [stack.enter_context(taker(path)) for _ in range(4)]
        for racer in racers:
            tell(racer)

        answers = [said(racer) for racer in racers]

        assert sorted(answers) == ["lost", "lost", "lost", "won"]
        assert lock_holder(path) == racers[answers.index("won")].pid


async def test_a_lock_is_free_after_its_holder_was_killed(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with taker(path) as first, taker(path) as second:
        tell(first)
        assert said(first) == "won"
        first.kill()
        await eventually(lambda: lock_holder(path), lambda holder: holder is None)
        tell(second)
        assert said(second) == "won"
        assert lock_holder(path) == second.pid


def test_a_waiter_takes_the_lock_when_its_holder_ends(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with taker(path) as holder, taker(path, "wait") as waiter:
        tell(holder)
        assert said(holder) == "won"
        tell(waiter)
        holder.kill()
        assert said(waiter) == "won"
        assert lock_holder(path) == waiter.pid


async def ended(alive: int) -> None:
    """Wait until what holds the other end of this pipe has ended, and close it."""
    try:
        await eventually(lambda: select.select([alive], [], [], 0)[0], within_seconds=SECONDS)
        assert os.read(alive, 1) == b""
    finally:
        os.close(alive)


async def test_what_is_started_finds_a_relative_home_from_wherever_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ITERM_MCP_HOME", "state")
    log = tmp_path / "status.json"

    await ended(spawn_detached(["host", "status", "--json"], str(log)))

    assert json.loads(log.read_text())["socket"] == find_paths().host_socket
    assert find_paths().state == f"{Path.cwd()}/state"


async def test_a_started_program_is_nobodys_child_and_tells_of_its_end(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "version.log"
    children = psutil.Process().children()

    alive = spawn_detached(["version"], str(log))

    assert psutil.Process().children() == children
    await ended(alive)
    assert log.read_text().strip() == __version__
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_program_that_ends_at_once_is_waited_for_no_longer(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")

    found = start_once(
        lambda: None,
        lock=path,
        spawn_lock=f"{path}.spawn",
        arguments=["version"],
        log=str(tmp_path / "log"),
        within_seconds=600,  # the test's own bound is far below
    )

    assert found is None
    assert lock_holder(f"{path}.spawn") is None


def test_what_another_is_starting_is_not_started_again(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with taker(f"{path}.spawn") as other:
        tell(other)
        assert said(other) == "won"

        found = start_once(
            lambda: None,
            lock=path,
            spawn_lock=f"{path}.spawn",
            arguments=["version"],
            log=str(tmp_path / "log"),
            within_seconds=0.1,
        )

        assert found is None
        assert not (tmp_path / "log").exists()


def test_what_holds_its_lock_but_does_not_answer_is_not_started_again(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with taker(path) as coming_up:
        tell(coming_up)
        assert said(coming_up) == "won"

        found = start_once(
            lambda: None,
            lock=path,
            spawn_lock=f"{path}.spawn",
            arguments=["version"],
            log=str(tmp_path / "log"),
            within_seconds=0.1,
        )

        assert found is None
        assert not (tmp_path / "log").exists()


def open_files() -> set[Path]:
    return set(Path("/dev/fd").iterdir())


def test_a_program_that_cannot_be_started_says_so_and_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))  # no Python starts with that
    before = open_files()

    with pytest.raises(OSError, match="could not start iterm-mcp version"):
        spawn_detached(["version"], str(tmp_path / "log"))

    assert open_files() == before
    assert "Fatal Python error" in (tmp_path / "log").read_text()


def test_a_log_that_cannot_be_opened_starts_nothing(tmp_path: Path) -> None:
    before = open_files()
    with pytest.raises(IsADirectoryError):
        spawn_detached(["version"], str(tmp_path))
    assert open_files() == before


def test_a_home_that_is_a_file_is_named_without_a_traceback(tmp_path: Path) -> None:
    in_the_way = tmp_path / "state"
    in_the_way.write_text("a file, not a folder")

    done = subprocess.run(
        [sys.executable, "-m", "iterm_mcp", "daemon", "start"],
        env={**os.environ, "ITERM_MCP_HOME": str(in_the_way)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"iterm-mcp: File exists: {in_the_way}\n"
