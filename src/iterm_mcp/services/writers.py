"""Who may type into a session now."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.ids import SessionId


class _Turn:
    """One session's lock, and how many hold it or wait for it."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = anyio.Lock(fast_acquire=True)
        self.users = 0


class SessionWriters:
    """Lets one writer at a time type into a session, first come, first served.

    Args:
        wait_seconds: How long a writer waits for its turn.
    """

    def __init__(self, wait_seconds: float = 30.0) -> None:
        self._wait_seconds = wait_seconds
        self._turns: dict[SessionId, _Turn] = {}

    @asynccontextmanager
    async def hold(self, session_id: SessionId) -> AsyncIterator[None]:
        """Be the only writer of a session for the block.

        Nested for one session in one task it would wait for itself: that is a `RuntimeError`.

        Raises:
            RefusedError: The turn did not come in time; nothing was typed.
        """
        turn = self._turns.setdefault(session_id, _Turn())
        turn.users += 1
        try:
            await self._acquire(turn, session_id)
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            turn.users -= 1
            if turn.users == 0:
                del self._turns[session_id]

    async def _acquire(self, turn: _Turn, session_id: SessionId) -> None:
        try:
            with anyio.fail_after(self._wait_seconds):
                await turn.lock.acquire()
        except TimeoutError:
            raise RefusedError(
                f"others were typing into session {session_id} for {self._wait_seconds:g} s",
                hint="Nothing was typed; try again later.",
                code="session_busy",
            ) from None
