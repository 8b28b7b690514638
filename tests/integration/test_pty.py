"""Real programs on real pseudo-terminals: starting, typing, reading."""

from __future__ import annotations

import asyncio
import os
import resource
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.programs import (
    BASH,
    environ,
    needs_proc,
    open_files,
    running,
    shell,
    spawn,
)
from tests.waiting import eventually

from iterm_mcp.host import limits
from iterm_mcp.host.pty import MAX_QUEUED_BYTES, PtyBackpressureError, PtyError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.headless


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="im-") as path:
        yield Path(path).resolve()


async def test_an_interactive_shell_has_a_controlling_terminal_and_job_control(
    folder: Path,
) -> None:
    async with running(folder, *BASH) as program:
        program.pty.write(b"tty; pwd; echo pid=$$; ps -o tpgid= -p $$ >/dev/tty; echo done=$?\n")
        await program.wait_output(b"done=0")

        assert program.pty.name.encode() in program.output
        assert str(folder).encode() in program.output
        assert b"pid=%d\r" % program.pty.pid in program.output
        assert b"job control" not in program.output


async def test_control_c_interrupts_the_foreground_job_only(folder: Path) -> None:
    async with running(folder, *BASH) as program:
        program.pty.write(b"sh -c 'echo started; exec sleep 1000'\n")
        await program.wait_output(b"started\r")
        job = program.pty.foreground_pid
        program.pty.write(b"\x03")
        program.pty.write(b"echo code=$?\n")
        await program.wait_output(b"code=130\r")

        assert job not in (None, program.pty.pid)
        assert program.pty.foreground_pid == program.pty.pid


async def test_the_environment_is_exactly_what_was_given(folder: Path) -> None:
    async with running(folder, "env") as program:
        await program.wait_end()
    found = dict(line.split("=", 1) for line in program.output.decode().splitlines())
    for added_by_the_shell in ("PWD", "OLDPWD", "SHLVL", "_"):
        found.pop(added_by_the_shell, None)

    assert found == environ(folder)


async def test_the_terminal_has_its_size_from_the_start_and_tells_of_changes(
    folder: Path,
) -> None:
    script = "trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.01; done"
    async with running(folder, *shell(script)) as program:
        await program.wait_output(b"24 80\r\n")
        program.pty.resize(132, 50)
        await program.wait_output(b"50 132\r\n")


async def test_writing_never_blocks_and_everything_arrives_in_order(folder: Path) -> None:
    size = 3_000_000
    script = f"stty raw -echo; echo ready; head -c {size} | cksum; echo done"
    data = os.urandom(size)
    async with running(folder, *shell(script)) as program:
        await program.wait_output(b"ready")
        for start in range(0, size, 50_000):
            program.pty.write(data[start : start + 50_000])
        queued = program.pty.queued
        await program.wait_output(b"done")

        assert queued > size // 2
        assert program.pty.queued == 0
    (folder / "data").write_bytes(data)
    async with running(folder, *shell("cksum < data")) as check:
        await check.wait_end()
    assert bytes(check.output).split()[:2] == bytes(program.output).split()[1:3]


async def test_a_program_that_never_reads_refuses_more_and_takes_nothing_of_it(
    folder: Path,
) -> None:
    async with running(folder, *shell("stty raw -echo; echo ready; sleep 1000")) as program:
        await program.wait_output(b"ready")
        program.pty.write(b"x" * (MAX_QUEUED_BYTES - 100_000))
        before = program.pty.queued
        with pytest.raises(PtyBackpressureError):
            program.pty.write(b"y" * 200_000)

        assert program.pty.queued == before
        program.pty.write(b"z")


async def test_input_for_a_program_that_has_ended_goes_nowhere(folder: Path) -> None:
    async with running(folder, *shell("exit 0")) as program:
        await program.wait_end()
        program.pty.write(b"x" * (MAX_QUEUED_BYTES + 1))

        assert program.pty.queued == 0
    program.pty.write(b"x")
    program.pty.resize(10, 10)
    assert program.pty.foreground_pid is None


async def test_a_paused_terminal_is_not_read_until_it_is_resumed(folder: Path) -> None:
    async with running(folder, "yes") as program:
        await program.wait_output(b"y")
        program.pty.pause_reading()
        reads = program.reads
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        paused = program.reads
        program.pty.resume_reading()
        size = len(program.output)

        async def probe() -> int:
            return len(program.output)

        assert paused == reads
        await eventually(probe, lambda now: now > size + 100_000)


async def test_a_paused_program_that_ends_is_still_heard_of(folder: Path) -> None:
    async with running(folder, *shell("read line; echo last; exit 6")) as program:
        program.pty.pause_reading()
        program.pty.write(b"\n")

        assert await program.wait_end() == 6
        assert b"last" in program.output


async def test_floods_do_not_starve_a_quiet_program(folder: Path) -> None:
    async with (
        running(folder, "yes") as flood,
        running(folder, "yes") as other,
        running(folder, "cat") as quiet,
    ):
        await flood.wait_output(b"y")
        await other.wait_output(b"y")
        quiet.pty.write(b"hello\n")
        await quiet.wait_output(b"hello\r\nhello")


async def test_a_program_can_be_started_in_a_worker_thread(folder: Path) -> None:
    program = await anyio.to_thread.run_sync(spawn, folder, *shell("echo hello"))
    program.start()
    try:
        assert await program.wait_end() == 0
        assert program.output == b"hello\r\n"
    finally:
        await program.pty.aclose(grace_seconds=1)


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ([], "no program was named"),
        (["no-such-program"], "no executable program 'no-such-program'"),
        (["./data"], "no executable program './data'"),
        (["/"], "no executable program '/'"),
        (["true", "a\0b"], "null byte"),
    ],
)
async def test_a_program_that_cannot_be_started_says_why(
    folder: Path, argv: list[str], reason: str
) -> None:
    (folder / "data").write_text("not executable")

    with pytest.raises(PtyError, match=reason):
        spawn(folder, *argv)


async def test_a_folder_that_does_not_exist_says_so(folder: Path) -> None:
    with pytest.raises(PtyError, match=r"folder '.*missing' does not exist"):
        spawn(folder / "missing", "true")


async def test_a_relative_program_is_looked_for_in_the_folder(folder: Path) -> None:
    program = folder / "hello"
    program.write_text("#!/bin/sh\necho hello from $0\n")
    program.chmod(0o700)
    async with running(folder, "./hello") as started:
        await started.wait_end()

    assert started.output == b"hello from ./hello\r\n"


@contextmanager
def file_limit(soft: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@needs_proc
async def test_too_many_open_files_are_a_plain_reason(folder: Path) -> None:
    before = open_files()
    held: list[int] = []
    try:
        with file_limit(before + 20):
            with suppress(OSError):
                while True:
                    held.append(os.open(os.devnull, os.O_RDONLY))
            for spare in range(4):
                with pytest.raises(PtyError, match="too many files are open"):
                    spawn(folder, "true")
                if spare < 3:
                    os.close(held.pop())
    finally:
        for fd in held:
            os.close(fd)

    assert open_files() == before


async def test_a_session_has_the_file_limit_that_its_user_had(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_remembered", [])
    try:
        with file_limit(200):
            limits.first_file_limit.cache_clear()
            raised = limits.raise_file_limit()
            async with running(folder, *shell("ulimit -S -n; ulimit -H -n")) as program:
                await program.wait_end()
    finally:
        limits.first_file_limit.cache_clear()

    assert raised > 200
    assert program.output.split()[0] == b"200"
    assert program.output.split()[1] != b"200"


async def test_a_terminal_full_of_noise_reaches_the_emulator_whole(folder: Path) -> None:
    (folder / "noise").write_bytes(os.urandom(300_000))
    async with running(folder, *shell("stty raw; cat noise")) as program:
        await program.wait_end()

    assert bytes(program.output) == (folder / "noise").read_bytes()


async def test_the_loops_exception_handler_hears_nothing(folder: Path) -> None:
    heard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: heard.append(what))
    async with running(folder, *BASH) as program:
        await program.wait_output(b"ready> ")
        program.pty.write(b"exit 3\n")
        assert await program.wait_end() == 3

    assert heard == []
