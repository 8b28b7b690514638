"""What sessions print, line by line, in files."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import ConflictError, InvalidRequestError, ItermMcpError, RefusedError
from iterm_mcp.models.cursors import Cursor
from iterm_mcp.services.background import Background
from iterm_mcp.services.output.following import Follower
from iterm_mcp.services.output.log_file import LogFile
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.services.output.following import Stretch
    from iterm_mcp.services.output.reading import Reader
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.store.triggers import TriggerStore
    from iterm_mcp.terminal.protocol import Terminal

MAX_LOGS = 200

LAST_LOOK_SECONDS = 5.0
"""How long the end of a log waits for what was printed until then."""

log = structlog.get_logger()


@dataclass(slots=True)
class OutputLog:
    """One session's log.

    Attributes:
        lines: How many lines were written since the daemon started.
        problem: Why lines are missing; empty when none are known to be.
    """

    session_id: SessionId
    file: LogFile
    lines: int = 0
    problem: str = ""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    switched_off: bool = False
    ended: anyio.Event = field(default_factory=anyio.Event)


class OutputLogs:
    """Logs the output of sessions, from now on and until they end, while `running` is entered.

    A line is written when it is finished. While a full-screen program shows its own screen
    nothing is. After a crash of the daemon some lines may stand twice, and none is missing that
    the scrollback still has.

    Args:
        folder: Where the files are.
    """

    def __init__(
        self,
        terminal: Terminal,
        store: TriggerStore,
        reader: Reader,
        sessions: SessionService,
        folder: str,
    ) -> None:
        self._terminal = terminal
        self._store = store
        self._reader = reader
        self._sessions = sessions
        self._folder = folder
        self._logs: dict[SessionId, OutputLog] = {}
        self._background = Background()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Go on with the logs that were on, where they stopped.

        Raises:
            StoreError: They cannot be read.
        """
        known = await self._store.load_logs()
        async with self._background.running():
            for session_id, cursor in known.items():
                try:
                    self._start(session_id, Cursor.parse(cursor))
                except InvalidRequestError:
                    self._start(session_id, None)
            yield

    async def switch(self, session_id: str, *, on: bool) -> OutputLog:
        """Begin or end a session's log, and return it; what is so already stays so.

        A log that was ended has all the finished lines that were printed until then, unless its
        `problem` says otherwise.

        Raises:
            NotFoundError: There is no such session.
            ConflictError: It is to be ended and is not on.
            RefusedError: There are too many.
        """
        target = await self._sessions.find(session_id)
        known = self._logs.get(target)
        if not on:
            if known is None:
                raise ConflictError(
                    f"the output of session {target} is not being logged",
                    hint="There is nothing to end.",
                    code="not_logged",
                )
            known.switched_off = True
            known.scope.cancel()
            del self._logs[target]
            await self._store.remove_log(target)
            await known.ended.wait()
            return known
        if known is not None:
            return known
        cursor = await self._reader.cursor(target)
        if len(self._logs) >= MAX_LOGS:
            raise RefusedError(
                f"the output of {MAX_LOGS} sessions is logged already",
                hint="End some logs.",
                code="too_many_logs",
            )
        self._background.check()
        await self._store.keep_log(target, str(cursor))
        return self._logs.get(target) or self._start(target, cursor)

    def _start(self, session_id: SessionId, cursor: Cursor | None) -> OutputLog:
        one = OutputLog(session_id, LogFile(f"{self._folder}/{_file_name(session_id)}.log"))
        self._background.start(self._run, one, cursor)
        self._logs[session_id] = one
        return one

    async def _run(self, one: OutputLog, cursor: Cursor | None) -> None:
        async def see(stretch: Stretch) -> None:
            await self._write(one, stretch)

        follower = Follower(self._terminal, self._reader, one.session_id, see, cursor)
        try:
            with one.scope:
                if await follower.run():
                    await self._forget(one)
            if one.switched_off:
                await _look_last(one, follower)
        finally:
            one.ended.set()
        if self._logs.get(one.session_id) is one and not one.scope.cancelled_caught:
            del self._logs[one.session_id]

    async def _forget(self, one: OutputLog) -> None:
        try:
            await self._store.remove_log(one.session_id)
        except ItermMcpError as error:
            log.warning("output_log_not_forgotten", reason=str(error))

    async def _write(self, one: OutputLog, stretch: Stretch) -> None:
        if stretch.full_screen:
            return
        lines = [sanitise(line) for line in stretch.lines]
        if stretch.lost:
            lines.insert(0, f"[{stretch.lost} lines are missing here]")
        if not lines:
            return
        try:
            with anyio.CancelScope(shield=True):  # what is written is counted, and kept as such
                await to_thread.run_sync(one.file.append, lines)
                one.lines += len(lines)
                if not one.switched_off:
                    await self._store.keep_log(one.session_id, str(stretch.cursor))
        except (OSError, ItermMcpError) as error:
            if not one.problem:
                log.warning("output_log_failed", session=one.session_id, reason=str(error))
            one.problem = str(error)


async def _look_last(one: OutputLog, follower: Follower) -> None:
    """Write what was printed since the last look: sessions are not looked at all the time."""
    try:
        with anyio.fail_after(LAST_LOOK_SECONDS):
            await follower.look()
    except (ItermMcpError, TimeoutError) as error:
        one.problem = (
            one.problem or f"what was printed last is not in it: {str(error) or 'no answer'}"
        )


def _file_name(session_id: SessionId) -> str:
    """Return what of an id may stand in a file's name: that is all of it, as ids are."""
    return "".join(one for one in session_id if one.isalnum() or one == "-")[:100]
