"""What the system tells of processes: of our own, for a unit test may start none."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from iterm_mcp.errors import RefusedError
from iterm_mcp.services.sessions import process_table
from iterm_mcp.services.sessions.process_table import Job, SystemProcessTable
from iterm_mcp.testing import FakeClock

NO_PID = 2**22 + 7
"""No system numbers its processes so far."""


@pytest.fixture
def table(clock: FakeClock) -> SystemProcessTable:
    return SystemProcessTable(clock)


async def test_a_process_is_described(table: SystemProcessTable) -> None:
    tree = await table.tree(os.getpid(), seconds=0)

    root = tree.processes[0]
    assert (root.pid, root.parent) == (os.getpid(), os.getppid())
    assert root.name
    assert "pytest" in root.command or "python" in root.command
    assert root.memory_bytes
    assert root.state
    assert root.cpu_percent is None, "no time has passed"
    assert tree.left_out == 0


class TickingClock(FakeClock):
    """A second passes whenever somebody looks."""

    def monotonic(self) -> float:
        self.advance(1)
        return super().monotonic()


async def test_how_busy_a_process_is_is_told_of_the_time_it_was_looked_at() -> None:
    tree = await SystemProcessTable(TickingClock()).tree(os.getpid(), seconds=0)

    assert tree.processes[0].cpu_percent is not None
    assert tree.processes[0].cpu_percent >= 0


async def test_of_very_many_processes_some_are_left_out(
    table: SystemProcessTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_table, "MOST", 0)

    tree = await table.tree(os.getpid(), seconds=0)

    assert tree.processes == ()
    assert tree.left_out >= 1


async def test_a_process_that_is_not_there_has_no_tree_and_no_job(
    table: SystemProcessTable,
) -> None:
    assert (await table.tree(NO_PID, seconds=0)).processes == ()
    assert await table.find_job(NO_PID) is None
    assert await table.stopped_jobs(NO_PID) == ()


async def test_what_the_system_does_not_answer_in_time_is_not_waited_for(
    table: SystemProcessTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_table, "SECONDS", 0)

    assert (await table.tree(os.getpid(), seconds=0)).processes == ()
    assert await table.stopped_jobs(os.getpid()) == ()
    assert not await table.runs(Job(1, 1))


async def test_the_session_that_we_run_in_is_left_alone(table: SystemProcessTable) -> None:
    with pytest.raises(RefusedError, match="itself runs in"):
        await table.find_job(os.getpid())


async def test_another_users_process_is_left_alone(
    table: SystemProcessTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    with pytest.raises(RefusedError, match="another user"):
        await table.find_job(os.getpid())


@pytest.mark.parametrize("job", [Job(1, NO_PID), Job(os.getsid(0) + 1, os.getpgid(0)), Job(1, 1)])
async def test_a_job_that_is_gone_gets_no_signal(table: SystemProcessTable, job: Job) -> None:
    assert not await table.signal(job, signal.SIGTERM)
    assert not await table.runs(job)


async def test_a_group_that_may_not_be_signalled_counts_as_gone(
    table: SystemProcessTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_group: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", refuse)
    assert not await table.signal(Job(os.getsid(0), os.getpid()), 0)


async def test_a_leader_that_runs_is_told_from_one_that_waits_to_be_reaped(
    table: SystemProcessTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(os.getsid(0), os.getpid())
    assert await table.runs(job)

    def gone(_pid: int) -> None:
        raise psutil.NoSuchProcess(_pid)

    monkeypatch.setattr(psutil, "Process", gone)
    assert not await table.runs(job)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Job:
    """Our own process, as one of a terminal session that we do not run in."""
    ours = os.getsid(0)
    monkeypatch.setattr(os, "getsid", lambda pid: ours + 1 if pid == 0 else ours)
    return Job(ours, os.getpgid(0))


async def test_a_process_of_another_session_of_ours_is_found_as_a_job(
    table: SystemProcessTable, elsewhere: Job
) -> None:
    assert await table.find_job(os.getpid()) == elsewhere


async def test_a_job_with_several_suspended_processes_is_one_job(
    table: SystemProcessTable, elsewhere: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await table.stopped_jobs(os.getpid()) == ()
    process = psutil.Process()
    monkeypatch.setattr(process_table, "_family", lambda _root: [process, process])
    monkeypatch.setattr(psutil.Process, "status", lambda _self: psutil.STATUS_STOPPED)
    assert await table.stopped_jobs(os.getpid()) == (elsewhere,)


async def test_signals_go_to_the_whole_job_in_order(
    table: SystemProcessTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "killpg", lambda group, number: sent.append((group, number)))
    monkeypatch.setattr(os, "getsid", lambda _pid: 70)

    assert await table.signal(Job(70, 71), signal.SIGTERM, signal.SIGCONT)

    assert sent == [(71, signal.SIGTERM), (71, signal.SIGCONT)]
