"""Changing a session that stands: its name, tags, looks, size, focus, and its job's turn."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from iterm_mcp.errors import ConflictError, InvalidRequestError, RefusedError
from iterm_mcp.models.sessions import Appearance, Size
from iterm_mcp.services.commands.typed_commands import dialect_of
from iterm_mcp.services.sessions.appearance import profile_values
from iterm_mcp.services.sessions.details import as_pid
from iterm_mcp.services.sessions.programs import check_name, check_size
from iterm_mcp.services.sessions.tags import check_tags
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.terminal.quoting import TAGS_VARIABLE, tags_value

if TYPE_CHECKING:
    from iterm_mcp.models.ids import LockId, SessionId
    from iterm_mcp.services.sessions.process_table import ProcessTable
    from iterm_mcp.services.sessions.search import SessionSearch
    from iterm_mcp.terminal.protocol import Terminal

JobAction = Literal["suspend", "resume"]


@dataclass(frozen=True, slots=True)
class SessionChange:
    """What is to be different; None leaves a part as it is.

    Attributes:
        tags: All that the session is to have from now on.
        focus: Select it, its tab and its window.
        job: Suspend the job in the foreground, or let suspended jobs go on.
    """

    name: str | None = None
    look: Appearance = field(default_factory=Appearance)
    tags: tuple[str, ...] | None = None
    size: Size | None = None
    focus: bool = False
    job: JobAction | None = None


@dataclass(frozen=True, slots=True)
class ChangedSession:
    """What has become of a change.

    Attributes:
        in_background: A resumed job goes on while the shell has the keyboard.
        size: What a resized session really has: its window and its neighbours have a say.
    """

    session_id: SessionId
    changed: tuple[str, ...]
    in_background: bool = False
    size: Size | None = None


class SessionChanger:
    """Changes sessions.

    Args:
        writers: Who knows of locks; without it, nobody holds any.
    """

    def __init__(
        self,
        terminal: Terminal,
        search: SessionSearch,
        processes: ProcessTable,
        writers: SessionWriters | None = None,
    ) -> None:
        self._terminal = terminal
        self._search = search
        self._processes = processes
        self._writers = writers or SessionWriters()

    async def change(
        self, session_id: str, change: SessionChange, *, lock_id: LockId | None = None
    ) -> ChangedSession:
        """Change a session; nothing is, when any part of it makes no sense.

        A lock keeps others from the job alone: names, tags, looks, size and focus are how
        sessions are shown and found, and everybody's.

        Args:
            lock_id: The lock that the caller holds; one that holds no more is refused always.

        Raises:
            InvalidRequestError: There is nothing to change, or a value is none.
            RefusedError, ConflictError: There is no job that could be suspended or resumed, or
                another one has locked the session.
            TerminalRejectedError: The session cannot have this size; the rest was changed.
        """
        _check(change)
        values = profile_values(change.look)
        tags = None if change.tags is None else check_tags(change.tags)
        target = await self._search.find(session_id)
        if change.job is not None or lock_id is not None:
            await self._writers.check(target, lock_id)
        changed: list[str] = []
        in_background = False
        if change.job is not None:  # the one part that may be refused for what stands now
            in_background = await self._turn(target, change.job)
            changed.append(f"job: {change.job}")
        if change.name is not None:
            await self._terminal.rename_session(target, change.name)
            changed.append("name")
        if tags is not None:
            await self._terminal.set_variables(target, {TAGS_VARIABLE: tags_value(tags)})
            changed.append("tags")
        if values:
            await self._terminal.set_profile(target, values)
            changed.append("look")
        if change.focus:
            await self._terminal.activate_session(target)
            changed.append("focus")
        if change.size is not None:
            await self._terminal.resize_session(target, change.size)
            changed.append("size")
        size = None if change.size is None else await self._size(target)
        return ChangedSession(target, tuple(changed), in_background, size)

    async def _size(self, target: SessionId) -> Size | None:
        values = await self._terminal.read_variables(target, ["columns", "rows"])
        columns, rows = values["columns"], values["rows"]
        if isinstance(columns, int) and isinstance(rows, int):
            return Size(columns, rows)
        return None

    async def _turn(self, target: SessionId, action: JobAction) -> bool:
        """Suspend the job in the foreground, or resume; tell whether it is in the background."""
        values = await self._terminal.read_variables(
            target, ["effective_root_pid", "pid", "jobPid", "jobName"]
        )
        root = as_pid(values["effective_root_pid"]) or as_pid(values["pid"])
        pid = as_pid(values["jobPid"])
        if action == "resume":
            return await self._resume(target, root, pid)
        name = str(values["jobName"] or "")
        if pid is None or (pid == root and dialect_of(os.path.basename(name))):  # noqa: PTH119 - a name
            raise RefusedError(
                f"no job runs in session {target} that could be suspended",
                hint="Its shell waits for a command: a shell cannot be suspended.",
                code="no_job",
            )
        job = await self._processes.find_job(pid)
        if job is None or not await self._processes.signal(job, signal.SIGSTOP):
            raise _gone(target)
        return False

    async def _resume(self, target: SessionId, root: int | None, pid: int | None) -> bool:
        stopped = () if root is None else await self._processes.stopped_jobs(root)
        front = None if pid is None else await self._processes.find_job(pid)
        if not stopped:
            raise ConflictError(
                f"no job of session {target} is suspended",
                hint="describe_session tells what runs there.",
                code="no_job",
            )
        sent = [await self._processes.signal(job, signal.SIGCONT) for job in stopped]
        if not any(sent):
            raise _gone(target)
        return front not in stopped


def _check(change: SessionChange) -> None:
    if change == SessionChange():
        raise InvalidRequestError(
            "there is nothing to change", hint="Give a name, tags, colours, size, focus or job."
        )
    if change.name is not None:
        check_name(change.name)
    if change.size is not None:
        check_size(change.size)


def _gone(target: SessionId) -> ConflictError:
    return ConflictError(
        f"the job in session {target} has just ended", hint="Look with describe_session."
    )
