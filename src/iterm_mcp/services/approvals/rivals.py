"""Who else may have answered a dialog: what was typed while an answer was on its way.

The agent takes the first answer that reaches it, and does not say whose that was. What can be known
is whether a person pressed keys in its session at that time, or somebody had us type there. If so,
nobody knows whose answer it took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.happenings import (
    KeyPressed,
    SessionEnded,
    TerminalBack,
    TerminalLost,
    TextTyped,
)

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from iterm_mcp.models.happenings import Happening
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.services.approvals.book import ApprovalBook
    from iterm_mcp.store.agents import AgentStore
    from iterm_mcp.terminal.protocol import Terminal, Watch

BEFORE_SECONDS = 0.5
"""How long before an answer a key may have been pressed that the agent had not yet taken."""

AFTER_SECONDS = 0.5
"""How long after an answer was handed over a key may still come before it."""

READY_SECONDS = 1.0
"""How long to wait for a terminal that shall tell of keys."""

LOOK_SECONDS = 60.0

log = structlog.get_logger()


class _Noted:
    """One session in which a dialog stands. Times are those of the event loop.

    Attributes:
        since: When noting began; None before it has.
        keys: When a person last pressed a key, or may have, unseen.
        typed: When somebody last had us type.
    """

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.began = anyio.Event()
        self.since: float | None = None
        self.keys: float | None = None
        self.typed: float | None = None
        self.watch: Watch | None = None

    def note(self, happening: Happening) -> None:
        now = anyio.current_time()
        if isinstance(happening, KeyPressed | TerminalLost | TerminalBack):
            self.keys = now
        elif isinstance(happening, TextTyped):
            self.typed = now

    async def catch_up(self) -> None:
        """Note what has been told and not been noted yet."""
        while self.watch is not None and self.watch.waiting():
            happening = await self.watch.next()
            if isinstance(happening, SessionEnded):
                return
            self.note(happening)


class Rivals:
    """Notes what is typed in the sessions of agents that ask something.

    Args:
        after_seconds: How long it is noted beyond the answer, and `look_back` waits.
    """

    def __init__(
        self,
        terminal: Terminal,
        book: ApprovalBook,
        agents: AgentStore,
        *,
        after_seconds: float = AFTER_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._book = book
        self._agents = agents
        self._after_seconds = after_seconds
        self._noted: dict[SessionId, _Noted] = {}
        self._more = anyio.Event()

    async def run(self) -> None:
        """Note, for as long as dialogs stand, until cancelled."""
        async with anyio.create_task_group() as group:
            revision = -1
            while True:
                try:
                    await self._review(group)
                except ItermMcpError as error:
                    log.warning("approval_rivals_not_noted", reason=str(error))
                revision = await self._book.wait_changed(revision, LOOK_SECONDS)

    async def begin(self, session_id: SessionId) -> float:
        """Return from when on what is typed may be another answer; see that it is noted."""
        with anyio.move_on_after(READY_SECONDS):
            while (noted := self._noted.get(session_id)) is None:
                await self._more.wait()
            await noted.began.wait()
        return anyio.current_time() - BEFORE_SECONDS

    async def touched(self, session_id: SessionId, since: float, *, typed: bool = False) -> bool:
        """Tell whether somebody may have answered at the terminal since a time.

        It is also true when nobody could have seen it.

        Args:
            typed: What others had us type counts, too.
        """
        noted = self._noted.get(session_id)
        if noted is None or noted.since is None:
            return True
        await noted.catch_up()
        times = (noted.keys, noted.typed if typed else None)
        return any(one is not None and one >= since for one in times)

    async def look_back(self, session_id: SessionId, since: float) -> bool:
        """Tell the same once nothing more can come before the answer."""
        await anyio.sleep(self._after_seconds)
        return await self.touched(session_id, since, typed=True)

    async def _review(self, group: TaskGroup) -> None:
        asking = {one.agent for one in self._book.standing()}
        registry = await self._agents.load() if asking else None
        wanted = {
            one.session_id for one in (registry.agents if registry else ()) if one.name in asking
        }
        for session_id in wanted - self._noted.keys():
            self._noted[session_id] = noted = _Noted()
            group.start_soon(self._note, session_id, noted)
            self._more.set()
            self._more = anyio.Event()
        for session_id in self._noted.keys() - wanted:
            # Answered; what comes a little later may yet have come before.
            self._noted[session_id].scope.deadline = anyio.current_time() + 2 * self._after_seconds
        for session_id in wanted & self._noted.keys():
            self._noted[session_id].scope.deadline = float("inf")

    async def _note(self, session_id: SessionId, noted: _Noted) -> None:
        try:
            with noted.scope:
                async with self._terminal.watch(session_id, typing=True, keys=True) as watch:
                    noted.watch, noted.since = watch, anyio.current_time()
                    noted.began.set()
                    while not isinstance(happening := await watch.next(), SessionEnded):
                        noted.note(happening)
        except ItermMcpError as error:
            log.debug("approval_rivals_not_noted", session=session_id, reason=str(error))
        finally:
            noted.began.set()
            if self._noted.get(session_id) is noted:
                del self._noted[session_id]
