"""Ending sessions, and starting what runs in them again."""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import NotFoundError, RefusedError
from iterm_mcp.models.happenings import SessionEnded
from iterm_mcp.models.session_details import ClosedSession, LastCommand
from iterm_mcp.services.sessions.details import as_pid, last_command
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from iterm_mcp.models.ids import LockId, SessionId
    from iterm_mcp.models.sessions import SessionInfo
    from iterm_mcp.services.sessions.process_table import Job, ProcessTable
    from iterm_mcp.services.sessions.search import SessionSearch
    from iterm_mcp.terminal.protocol import Terminal, Watch

GRACE_SECONDS = 5.0
LONGEST_GRACE_SECONDS = 60.0
SHELL_SECONDS = 1.0
"""What a shell has to end in whose job had to be killed."""

LAST_LINES = 5
LINE_CHARACTERS = 200

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a session is before it is ended.

    Attributes:
        root: The program that the session was opened with; None where it cannot be signalled.
        job: What runs in the foreground, if that is another one.
        busy: What runs there, in words; empty when nothing would be lost.
    """

    name: str
    root: Job | None
    job: Job | None
    open_seconds: float | None
    last: LastCommand | None
    last_lines: tuple[str, ...]
    busy: str


class SessionEnder:
    """Closes and restarts sessions, and asks first where something runs.

    Args:
        writers: Who knows of locks; without it, nobody holds any.
        shell_seconds: What a shell has to end in whose job had to be killed.
    """

    def __init__(
        self,
        terminal: Terminal,
        search: SessionSearch,
        processes: ProcessTable,
        writers: SessionWriters | None = None,
        *,
        shell_seconds: float = SHELL_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._search = search
        self._processes = processes
        self._writers = writers or SessionWriters()
        self._shell_seconds = shell_seconds

    async def close(
        self,
        session_id: str,
        *,
        confirm: bool = False,
        grace_seconds: float = GRACE_SECONDS,
        lock_id: LockId | None = None,
    ) -> ClosedSession:
        """End a session: ask its programs to, and kill what has not ended after a grace.

        The job in the foreground gets SIGTERM, and its shell then SIGHUP, as when a window is
        closed. A caller that gives up leaves the session standing, or ended by what it was asked.

        Args:
            confirm: Also when a command runs.
            grace_seconds: How long to wait; 0 kills at once, as the terminal does.
            lock_id: The lock that the caller holds.

        Raises:
            RefusedError: A command runs, and `confirm` is not set; or another one has locked
                the session.
        """
        target = await self._search.find(session_id)
        await self._writers.check(target, lock_id)
        standing = await self._look(target)
        if not confirm:
            _check_idle(target, standing)
        killed = False
        try:
            async with self._terminal.watch(target) as watch:
                if grace_seconds > 0 and standing.root is not None:
                    killed = not await self._ask(standing.root, standing.job, watch, grace_seconds)
            await self._terminal.close_session(target)
        except NotFoundError:
            pass  # it has ended by now
        return ClosedSession(
            target, standing.name, killed, standing.open_seconds, standing.last, standing.last_lines
        )

    async def restart(
        self,
        session_id: str,
        *,
        confirm: bool = False,
        only_if_ended: bool = False,
        lock_id: LockId | None = None,
    ) -> SessionId:
        """Start a session's program again in its pane, and return its id from now on.

        What runs there is ended. Our own host keeps the id, iTerm2 gives it another.

        Args:
            confirm: Also when a command runs.
            only_if_ended: Refuse when the program has not ended.
            lock_id: The lock that the caller holds.

        Raises:
            RefusedError: A command runs, and `confirm` is not set; or another one has locked
                the session.
            TerminalRejectedError: It has not ended, or cannot be started again.
        """
        target = await self._search.find(session_id)
        await self._writers.check(target, lock_id)
        if not (confirm or only_if_ended):
            _check_idle(target, await self._look(target))
        before = await self._terminal.list_sessions()
        await self._terminal.restart_session(target, only_if_exited=only_if_ended)
        return _successor(target, before, await self._terminal.list_sessions())

    async def _look(self, target: SessionId) -> _Standing:
        values = await self._terminal.read_variables(
            target, ["autoName", "effective_root_pid", "pid", "jobPid", "jobName"]
        )
        root_pid = as_pid(values["effective_root_pid"]) or as_pid(values["pid"])
        job_pid = as_pid(values["jobPid"])
        root, job = await self._job(root_pid), await self._job(job_pid)
        if root is not None and job is not None and job.group == root.group:
            job = None
        prompt = await self._terminal.read_prompt(target)
        last = await last_command(self._terminal, target, prompt)
        age = None
        if root_pid is not None:
            tree = await self._processes.tree(root_pid, seconds=0)
            age = tree.processes[0].age_seconds if tree.processes else None
        screen = await self._terminal.read_screen(target)
        shown = [line.rstrip() for line in screen.lines if line.strip()][-LAST_LINES:]
        busy = ""
        if last is not None and last.running:
            busy = sanitise(last.command)[:LINE_CHARACTERS] or "a command"
        elif job_pid is not None and root_pid is not None and job_pid != root_pid:
            busy = sanitise(str(values["jobName"] or "a program"))[:LINE_CHARACTERS]
        return _Standing(
            str(values["autoName"] or ""), root, job, age, last,
            tuple(sanitise(line)[:LINE_CHARACTERS] for line in shown), busy,
        )  # fmt: skip

    async def _job(self, pid: int | None) -> Job | None:
        if pid is None:
            return None
        with suppress(RefusedError):
            return await self._processes.find_job(pid)
        return None

    async def _ask(self, root: Job, job: Job | None, watch: Watch, grace_seconds: float) -> bool:
        """Have a session's programs end; False when one had to be killed.

        The shell is hung up on after its job, for the end of a shell is the end of its job.
        """
        with anyio.move_on_after(min(grace_seconds, LONGEST_GRACE_SECONDS)):
            await self._terminate(job)
            await self._hang_up(root, watch)
            return True
        if job is not None:
            await self._processes.signal(job, signal.SIGKILL)
        with anyio.move_on_after(self._shell_seconds):
            await self._hang_up(root, watch)
            return False
        await self._processes.signal(root, signal.SIGKILL)
        return False

    async def _hang_up(self, root: Job, watch: Watch) -> None:
        """Hang up on the program that a session was opened with, and wait for its end."""
        await self._processes.signal(root, signal.SIGHUP, signal.SIGCONT)
        while not isinstance(await watch.next(), SessionEnded):
            pass

    async def _terminate(self, job: Job | None) -> None:
        """Ask a job to end, and wait for its end, which rings no bell."""
        if job is None:
            return
        if await self._processes.signal(job, signal.SIGTERM, signal.SIGCONT):
            while await self._processes.runs(job):  # noqa: ASYNC110 - as said
                await anyio.sleep(_POLL_SECONDS)


def _successor(
    target: SessionId, before: tuple[SessionInfo, ...], after: tuple[SessionInfo, ...]
) -> SessionId:
    """Return the id of a session that was restarted: iTerm2 gives it a new one."""
    old = {one.session_id: one.tab_id for one in before}
    new = [one.session_id for one in after if one.session_id not in old]
    if target in {one.session_id for one in after} or not new:
        return target
    beside = [one.session_id for one in after if one.tab_id == old.get(target)]
    return next((one for one in new if one in beside), target)


def _check_idle(session_id: SessionId, standing: _Standing) -> None:
    if standing.busy:
        raise RefusedError(
            f"{standing.busy!r} runs in session {session_id}, and would be ended",
            hint="Wait for its end, interrupt it, or repeat the call with confirm=true.",
            code="confirm_needed",
        )
