"""Of which sessions the terminal tells us something, such as changes of their screens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from iterm_mcp.models.ids import SessionId

LINGER_SECONDS = 10.0
"""How long a subscription outlasts its last watcher, at least; twice as long at most.

Who runs a command, then waits, then reads asks for it once.
"""


class SessionSubscriptions:
    """The subscriptions to one topic, of the connection that there is now.

    Args:
        watched: Tells which sessions are watched.
    """

    def __init__(self, watched: Callable[[], Iterable[SessionId]], linger_seconds: float) -> None:
        self._watched = watched
        self._linger_seconds = linger_seconds
        self._standing: set[SessionId] = set()
        self._left: set[SessionId] = set()
        self._some_left = anyio.Event()

    def __contains__(self, session_id: SessionId) -> bool:
        """Tell whether a session is subscribed to."""
        return session_id in self._standing

    def reset(self, standing: Iterable[SessionId]) -> None:
        """Begin anew, for another connection, with those that were subscribed to."""
        self._standing = set(standing)
        self._left.clear()

    def add(self, session_id: SessionId) -> None:
        """Note that a session was subscribed to."""
        self._standing.add(session_id)

    def forget(self, session_id: SessionId) -> None:
        """Note that a session has ended, and its subscription with it."""
        self._standing.discard(session_id)

    def leave(self, session_id: SessionId) -> None:
        """Note that nobody watches a session any more."""
        self._left.add(session_id)
        self._some_left.set()

    async def tidy(self, end: Callable[[SessionId], Awaitable[None]]) -> None:
        """End what nobody has watched for a while, until cancelled."""
        while True:
            await self._some_left.wait()
            left, self._left, self._some_left = self._left, set(), anyio.Event()
            await anyio.sleep(self._linger_seconds)
            for one in left - self._left - set(self._watched()):
                if one in self._standing:
                    self._standing.discard(one)  # before: who comes meanwhile subscribes anew
                    await end(one)
