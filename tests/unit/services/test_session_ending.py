"""Closing and restarting: who is asked, who is killed, and what is told of it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.lowlevel import checkpoint
from tests.unit.services.fake_processes import FakeProcesses

from iterm_mcp.errors import NotFoundError, RefusedError, TerminalRejectedError
from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.session_details import LastCommand
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.sessions.ending import SessionEnder
from iterm_mcp.services.sessions.search import SessionSearch

if TYPE_CHECKING:
    from iterm_mcp.testing import FakeTerminal

SHELL, JOB = 70, 71
SOON = 0.01


class Bench:
    """A session whose shell and job are processes 70 and 71."""

    def __init__(self, terminal: FakeTerminal) -> None:
        self.terminal = terminal
        self.processes = FakeProcesses(SHELL, JOB)
        self.ender = SessionEnder(
            terminal, SessionSearch(terminal), self.processes, shell_seconds=SOON
        )
        self.session_id = SessionId("")

    async def open(self, job: int = SHELL) -> SessionId:
        opened = await self.terminal.open_session(Program(name="work"))
        self.session_id = opened.session_id
        for name, value in {"pid": SHELL, "jobPid": job, "jobName": "vim"}.items():
            self.terminal.set_fact(opened.session_id, name, value)
        return opened.session_id

    def end_with(self, pid: int) -> None:
        """Let the session end as soon as a process does."""

        def ended(one: int) -> None:
            if one == pid:
                self.terminal.end(self.session_id)

        self.processes.on_end = ended

    async def standing(self) -> list[SessionId]:
        return [one.session_id for one in await self.terminal.list_sessions()]


@pytest.fixture
def bench(terminal: FakeTerminal) -> Bench:
    return Bench(terminal)


async def test_a_shell_is_hung_up_on_and_what_it_was_is_told(bench: Bench) -> None:
    session_id = await bench.open()
    await bench.terminal.send_text(session_id, "echo last words\r")
    bench.end_with(SHELL)

    closed = await bench.ender.close("name:work")

    assert bench.processes.sent == [(SHELL, signal.SIGHUP), (SHELL, signal.SIGCONT)]
    assert await bench.standing() == []
    assert (closed.session_id, closed.name, closed.killed) == (session_id, "work", False)
    assert closed.open_seconds == 60
    assert closed.last_command == LastCommand("echo last words", running=False, exit_code=0)
    assert closed.last_lines == ("$ echo last words", "last words", "$")


async def test_a_job_in_the_foreground_is_asked_to_end_before_its_shell_is(bench: Bench) -> None:
    await bench.open(job=JOB)
    bench.end_with(SHELL)

    closed = await bench.ender.close("active", confirm=True)

    assert [one for one in bench.processes.sent if one[1] != signal.SIGCONT] == [
        (JOB, signal.SIGTERM), (SHELL, signal.SIGHUP)
    ]  # fmt: skip
    assert not closed.killed


async def test_what_does_not_end_in_time_is_killed(bench: Bench) -> None:
    await bench.open(job=JOB)
    bench.processes.deaf = {SHELL, JOB}

    closed = await bench.ender.close("active", confirm=True, grace_seconds=SOON)

    assert [one for one in bench.processes.sent if one[1] != signal.SIGCONT] == [
        (JOB, signal.SIGTERM), (JOB, signal.SIGKILL), (SHELL, signal.SIGHUP),
        (SHELL, signal.SIGKILL),
    ]  # fmt: skip
    assert closed.killed
    assert await bench.standing() == []


async def test_a_shell_may_end_by_itself_once_its_job_was_killed(bench: Bench) -> None:
    await bench.open(job=JOB)
    bench.processes.deaf = {JOB}
    bench.end_with(SHELL)

    closed = await bench.ender.close("active", confirm=True, grace_seconds=SOON)

    assert closed.killed
    assert (JOB, signal.SIGKILL) in bench.processes.sent
    assert (SHELL, signal.SIGKILL) not in bench.processes.sent
    assert await bench.standing() == []


async def test_a_job_that_takes_its_time_is_waited_for(bench: Bench) -> None:
    await bench.open(job=JOB)
    bench.processes.deaf = {JOB}
    bench.end_with(SHELL)
    closed = []

    async def close() -> None:
        closed.append(await bench.ender.close("active", confirm=True, grace_seconds=30))

    async with anyio.create_task_group() as group:
        group.start_soon(close)
        while (JOB, signal.SIGTERM) not in bench.processes.sent:
            await checkpoint()
        bench.processes.alive.discard(JOB)
    assert not closed[0].killed


async def test_without_a_grace_the_terminal_ends_it_at_once(bench: Bench) -> None:
    await bench.open()

    closed = await bench.ender.close("active", grace_seconds=0)

    assert bench.processes.sent == []
    assert not closed.killed
    assert await bench.standing() == []


async def test_a_session_whose_processes_are_not_ours_is_left_to_the_terminal(
    bench: Bench,
) -> None:
    session_id = await bench.open()
    bench.processes.foreign = {SHELL}

    await bench.ender.close(session_id)

    assert bench.processes.sent == []
    assert await bench.standing() == []


async def test_a_session_of_which_nothing_is_known_is_closed_all_the_same(
    bench: Bench, terminal: FakeTerminal
) -> None:
    opened = await terminal.open_session(Program())

    closed = await bench.ender.close(opened.session_id)

    assert closed.open_seconds is None
    assert closed.last_command is None
    assert await bench.standing() == []


@pytest.mark.parametrize("unmarked", [False, True])
async def test_a_command_that_runs_is_not_ended_unasked(bench: Bench, *, unmarked: bool) -> None:
    session_id = await bench.open(job=JOB)
    if unmarked:
        bench.terminal.shell(session_id).marks = False
    else:
        await bench.terminal.send_text(session_id, "block\r")

    for ask in (bench.ender.close, bench.ender.restart):
        with pytest.raises(RefusedError, match="vim" if unmarked else "block") as caught:
            await ask(session_id)
        assert caught.value.code == "confirm_needed"
        assert "confirm=true" in caught.value.hint
    assert bench.processes.sent == []
    assert await bench.standing() == [session_id]


async def test_a_session_that_ends_meanwhile_is_closed(bench: Bench) -> None:
    session_id = await bench.open()
    bench.terminal.fail_next("close_session", NotFoundError("session", session_id))
    bench.end_with(SHELL)

    assert (await bench.ender.close(session_id)).session_id == session_id


async def test_nobody_cannot_be_closed(bench: Bench) -> None:
    with pytest.raises(NotFoundError):
        await bench.ender.close("00000000-0000-4000-8000-00000000FFFF")


async def test_a_restarted_session_keeps_its_id_and_has_a_new_shell(bench: Bench) -> None:
    session_id = await bench.open(job=JOB)
    before = bench.terminal.shell(session_id)

    assert await bench.ender.restart(session_id, confirm=True) == session_id

    assert bench.terminal.shell(session_id) is not before


async def test_what_still_runs_is_not_restarted_where_only_the_ended_is(bench: Bench) -> None:
    session_id = await bench.open(job=JOB)
    with pytest.raises(TerminalRejectedError):
        await bench.ender.restart(session_id, only_if_ended=True)


async def test_where_a_restarted_session_has_another_id_that_one_is_told(
    bench: Bench, terminal: FakeTerminal
) -> None:
    session_id = await bench.open()
    (before,) = await terminal.list_sessions()
    gate = terminal.hold("restart_session")
    restarted = []

    async def restart() -> None:
        restarted.append(await bench.ender.restart(session_id))

    async with anyio.create_task_group() as group:  # as iTerm2 does: another id, the same tab
        group.start_soon(restart)
        await gate.wait_arrived()
        await terminal.open_session(Program())
        new = terminal.replace_session(session_id)
        gate.open()
    assert restarted == [new]
    assert new != before.session_id
