"""Who may type into a session now."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio

from iterm_mcp.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from iterm_mcp.models.ids import AgentName, LockId, SessionId


class Locks(Protocol):
    """Knows who alone may type into a session."""

    async def check(self, session_id: SessionId, lock_id: LockId | None) -> None:
        """See that somebody who shows a lock, or none, may type into a session.

        Raises:
            RefusedError: They may not.
        """

    async def sessions_of(self, lock_id: LockId) -> frozenset[SessionId]:
        """Return the sessions that a lock holds, and those that it held lately.

        Raises:
            RefusedError: There are none.
        """


class _NoLocks:
    """Lets everybody type."""

    async def sessions_of(self, lock_id: LockId) -> frozenset[SessionId]:
        """Return none: nothing is ever locked."""
        del lock_id
        return frozenset()

    async def check(self, session_id: SessionId, lock_id: LockId | None) -> None:
        """Do nothing."""


class _Turn:
    """One session's lock, and how many hold it or wait for it."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = anyio.Lock(fast_acquire=True)
        self.users = 0


class SessionWriters:
    """Lets one writer at a time type into a session, first come, first served.

    All that types goes through here, so nothing is ever typed in between, and nothing into a
    session that somebody else has locked.

    Args:
        wait_seconds: How long a writer waits for its turn.
        locks: Who alone may type; without it, everybody may.
        keyless: Returns the agent of a session that is spoken to and hears no keys; None for none.
    """

    def __init__(
        self,
        wait_seconds: float = 30.0,
        locks: Locks | None = None,
        keyless: Callable[[SessionId], Awaitable[AgentName | None]] | None = None,
    ) -> None:
        self._wait_seconds = wait_seconds
        self._locks = locks or _NoLocks()
        self._keyless = keyless
        self._turns: dict[SessionId, _Turn] = {}

    @asynccontextmanager
    async def hold(
        self, session_id: SessionId, lock_id: LockId | None = None, *, types: bool = True
    ) -> AsyncIterator[None]:
        """Be the only writer of a session for the block.

        Nested for one session in one task it would wait for itself: that is a `RuntimeError`.

        Args:
            lock_id: The lock that the writer holds.
            types: Something shall be typed; not so where others are only to be kept from it.

        Raises:
            RefusedError: Another one holds a lock, the turn did not come in time, or nobody there
                hears keys; nothing was typed.
        """
        if types:
            await self._refuse_keys(session_id)
        await self.check(session_id, lock_id)
        async with self.turn(session_id):
            await self.check(session_id, lock_id)  # it may have been locked meanwhile
            yield

    async def _refuse_keys(self, session_id: SessionId) -> None:
        agent = None if self._keyless is None else await self._keyless(session_id)
        if agent is not None:
            raise RefusedError(
                f"agent {agent!r} in session {session_id} hears no keys",
                hint="Send it a message with cascade_message, answer it with answer_approval, and "
                "end its turn with manage_agent, action interrupt.",
                code="no_keys",
            )

    async def check(self, session_id: SessionId, lock_id: LockId | None = None) -> None:
        """See that a writer may still type: a lock may be broken during its turn.

        Raises:
            RefusedError: Another one holds a lock, or the lock that was given holds no more.
        """
        await self._locks.check(session_id, lock_id)

    async def sessions_of(self, lock_id: LockId | None) -> frozenset[SessionId]:
        """Return the sessions to which a lock is to be shown by who types into many.

        These are those that it holds, and those that it held lately: these refuse, and say how
        it ended. None holds none.

        Raises:
            RefusedError: There is no such lock.
        """
        return frozenset() if lock_id is None else await self._locks.sessions_of(lock_id)

    @asynccontextmanager
    async def turn(self, session_id: SessionId) -> AsyncIterator[None]:
        """Wait until nobody types, and keep it so for the block, whoever holds a lock.

        Raises:
            RefusedError: The turn did not come in time.
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
