"""One at a time for each of many things."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

Key = TypeVar("Key", bound="Hashable")


class Turns(Generic[Key]):
    """Locks by name, each of which is there only while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[Key, anyio.Lock] = {}
        self._users: dict[Key, int] = {}

    @asynccontextmanager
    async def take(self, key: Key) -> AsyncIterator[None]:
        """Be the only one with this key for the block, first come, first served."""
        lock = self._locks.setdefault(key, anyio.Lock())
        self._users[key] = self._users.get(key, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._locks[key]
