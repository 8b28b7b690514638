"""How programs on pseudo-terminals end, and what is left of them: nothing."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psutil
import pytest
from tests.integration.programs import (
    BASH,
    WITHIN_SECONDS,
    is_gone,
    needs_proc,
    open_files,
    running,
    shell,
    spawn,
    wait_gone,
)
from tests.waiting import eventually

from iterm_mcp.host import reaper
from iterm_mcp.host.pty import PtyError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.headless


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="im-") as path:
        yield Path(path).resolve()


@pytest.fixture(params=["process descriptor", "SIGCHLD"])
def _exit_watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn of a program's end in each of the two ways, whatever this system would choose."""
    if request.param == "SIGCHLD":
        monkeypatch.setattr(reaper, "_open_pidfd", lambda _pid: None)
    elif not hasattr(os, "pidfd_open"):
        pytest.skip("no process descriptors on this system")


@pytest.mark.usefixtures("_exit_watch")
@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
async def test_the_end_is_told_once_with_its_code(folder: Path, script: str, code: int) -> None:
    async with running(folder, *shell(script)) as program:
        assert await program.wait_end() == code

    assert program.codes == [code]


@pytest.mark.usefixtures("_exit_watch")
async def test_many_ends_at_once_are_all_told(folder: Path) -> None:
    async with anyio.create_task_group() as tasks:

        async def one(code: int) -> None:
            async with running(folder, *shell(f"exit {code}")) as program:
                assert await program.wait_end() == code

        for code in range(30):
            tasks.start_soon(one, code)


async def test_a_code_that_somebody_else_has_collected_is_unknown(folder: Path) -> None:
    program = spawn(folder, *shell("exit 3"))
    try:
        os.waitpid(program.pty.pid, 0)  # noqa: ASYNC222 - it ends at once
        program.start()

        assert await program.wait_end() is None
    finally:
        await program.pty.aclose(grace_seconds=1)


@pytest.mark.usefixtures("_exit_watch")
async def test_no_zombie_is_left(folder: Path) -> None:
    async with running(folder, *shell("exit 3")) as program:
        await program.wait_end()

    with pytest.raises(ChildProcessError):
        os.waitpid(program.pty.pid, os.WNOHANG)  # noqa: ASYNC222 - it does not wait


async def test_all_output_comes_before_the_end(folder: Path) -> None:
    script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; exit 5"
    ended_after: list[int] = []
    program = spawn(folder, *shell(script))
    program.pty.start(program._on_output, lambda _code: ended_after.append(len(program.output)))
    try:

        async def probe() -> list[int]:
            return ended_after

        await eventually(probe, within_seconds=WITHIN_SECONDS)
    finally:
        await program.pty.aclose(grace_seconds=1)

    assert program.output.endswith(b"line 2999\r\n")
    assert ended_after == [len(program.output)]


async def test_a_child_left_behind_does_not_delay_the_end(folder: Path) -> None:
    async with running(folder, *shell("trap '' HUP; sleep 1000 & echo child=$!.")) as program:
        assert await program.wait_end() == 0
        child = await program.wait_number(b"child")
        still_there = not is_gone(child)
        os.kill(child, signal.SIGKILL)
        await wait_gone(child)

    assert still_there


async def test_a_child_left_behind_that_floods_does_not_delay_the_end(folder: Path) -> None:
    async with running(folder, *shell("trap '' HUP; yes & echo child=$!.; sleep 0.2")) as program:
        assert await program.wait_end() == 0
        reads = program.reads
        await anyio.wait_all_tasks_blocked()

        assert program.reads == reads
    child = await program.wait_number(b"child")
    await wait_gone(child)  # its terminal is gone


async def test_a_program_that_lets_go_of_its_terminal_has_not_ended(folder: Path) -> None:
    name = folder / "go"
    os.mkfifo(name)
    script = f"exec <&- >&- 2>&-; cat {name} >/dev/null; echo back >/dev/tty; exit 4"
    async with running(folder, *shell(script)) as program:

        async def probe() -> bool:
            return program.pty._hung_up

        await eventually(probe, within_seconds=WITHIN_SECONDS)
        assert program.codes == []
        await anyio.to_thread.run_sync(name.write_bytes, b"")
        await program.wait_output(b"back")
        assert await program.wait_end() == 4


@pytest.mark.usefixtures("_exit_watch")
async def test_closing_hangs_up_on_shell_and_foreground_job(folder: Path) -> None:
    async with running(folder, *BASH) as program:
        program.pty.write(b"sh -c 'echo job=$$.; exec sleep 1000'\n")
        job = await program.wait_number(b"job")
        assert program.pty.foreground_pid == job
        with anyio.fail_after(WITHIN_SECONDS / 2):
            await program.pty.aclose(grace_seconds=WITHIN_SECONDS)

    await wait_gone(job)
    assert program.codes == [129]


async def test_closing_wakes_a_stopped_job_to_hear_of_it(folder: Path) -> None:
    script = "trap 'exit 9' HUP; echo ready; kill -STOP $$; while :; do sleep 0.01; done"
    async with running(folder, *shell(script)) as program:
        await program.wait_output(b"ready")

        async def probe() -> str:
            return psutil.Process(program.pty.pid).status()

        await eventually(probe, lambda status: status == psutil.STATUS_STOPPED)
        await program.pty.aclose(grace_seconds=WITHIN_SECONDS)

    assert program.codes == [9]


@pytest.mark.usefixtures("_exit_watch")
async def test_a_program_that_ignores_the_hang_up_is_killed_with_its_session(
    folder: Path,
) -> None:
    script = "trap '' HUP TERM INT; sleep 1000 & echo child=$!.; while :; do sleep 0.05; done"
    async with running(folder, *shell(script)) as program:
        child = await program.wait_number(b"child")
        await program.pty.aclose(grace_seconds=0.1)

    assert program.codes == [137]
    await wait_gone(child)


async def test_a_foreground_job_that_ignores_the_hang_up_is_killed(folder: Path) -> None:
    script = 'trap "" HUP; echo job=$$.; while :; do sleep 0.05; done'
    async with running(folder, *BASH) as program:
        program.pty.write(f"sh -c '{script}'\n".encode())
        job = await program.wait_number(b"job")
        assert program.pty.foreground_pid == job
        await program.pty.aclose(grace_seconds=0.1)

    assert program.codes == [129]
    await wait_gone(job)


async def test_a_background_job_that_ignores_the_hang_up_lives_on(folder: Path) -> None:
    async with running(folder, *BASH) as program:
        script = 'trap "" HUP; echo job=$$.; exec sleep 1000 >/dev/null 2>&1'
        program.pty.write(f"sh -c '{script}' &\n".encode())
        job = await program.wait_number(b"job")
        await program.pty.aclose(grace_seconds=WITHIN_SECONDS)

    assert not is_gone(job)
    os.kill(job, signal.SIGKILL)
    await wait_gone(job)


async def test_closing_is_not_cut_short_by_cancellation(folder: Path) -> None:
    program = spawn(folder, *shell("trap '' HUP; echo ready; while :; do sleep 0.05; done"))
    program.start()
    await program.wait_output(b"ready")
    with anyio.CancelScope() as scope:
        scope.cancel()
        await program.pty.aclose(grace_seconds=0.1)

    assert program.codes == [137]


async def test_closing_may_be_asked_for_again_and_meanwhile(folder: Path) -> None:
    async with running(folder, *shell("trap '' HUP; while :; do sleep 0.05; done")) as program:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(lambda: program.pty.aclose(grace_seconds=0.1))
        codes = list(program.codes)
        await program.pty.aclose(grace_seconds=0.1)

    assert len(codes) == 1
    assert program.codes == codes


async def test_a_program_that_was_never_started_reading_can_be_closed(folder: Path) -> None:
    program = spawn(folder, "sleep", "1000")
    await program.pty.aclose(grace_seconds=WITHIN_SECONDS)

    assert is_gone(program.pty.pid)


@needs_proc
@pytest.mark.usefixtures("_exit_watch")
async def test_no_file_stays_open(folder: Path) -> None:
    async with running(folder, *shell("exit 0")) as program:
        await program.wait_end()  # whatever the loop opens for itself is open now
    before = open_files()
    for script in ("exit 0", "sleep 1000"):
        for _ in range(5):
            async with running(folder, *shell(script)):
                pass
    for argv in (["/nowhere/at-all"], ["a\0b"]):
        with pytest.raises(PtyError):
            spawn(folder, *argv)

    assert open_files() == before
