"""A store whose daemon is killed at one of its writes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

import anyio

from iterm_mcp.store import Store, open_store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Iterable

    from iterm_mcp.clock import Clock
    from iterm_mcp.store.database import Database

T = TypeVar("T")


class KilledError(BaseException):
    """The daemon was killed: nothing that it would have done afterwards happens."""


class Fate:
    """When a daemon dies.

    Attributes:
        writes: How many writes it has lived to do; None while nobody counts.
        last: The number of its last write, from 1.
        committed: The last write is done before it dies.
    """

    def __init__(self, *, committed: bool) -> None:
        self.committed = committed
        self.writes: int | None = None
        self.last = 0
        self.dead = False

    def die_at(self, write: int) -> None:
        """Have it die at a write from now on."""
        self.writes, self.last, self.dead = 0, write, False

    def live(self) -> None:
        """Have nobody die any more."""
        self.writes, self.dead = None, False


class MortalDatabase:
    """A database whose process dies as its fate says; a dead one can do nothing more."""

    def __init__(self, database: Database, fate: Fate) -> None:
        self._database = database
        self._fate = fate

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._fate.dead:
            raise KilledError
        return await self._database.read(work)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        fate = self._fate
        if fate.dead:
            raise KilledError
        if fate.writes is None:
            return await self._database.write(work)
        fate.writes += 1
        if fate.writes < fate.last:
            return await self._database.write(work)
        fate.dead = True
        if fate.committed:
            with anyio.CancelScope(shield=True):
                await self._database.write(work)
        raise KilledError


@asynccontextmanager
async def open_mortal_store(path: str, clock: Clock, fate: Fate) -> AsyncIterator[Store]:
    """Open a store for daemons that die."""
    async with open_store(path, clock) as store:
        for one in fields(store):
            part = getattr(store, one.name)
            part._database = MortalDatabase(part._database, fate)
        yield store


def killed(errors: BaseException | Iterable[BaseException]) -> bool:
    """Tell whether nothing but the killing is among errors."""
    if isinstance(errors, BaseExceptionGroup):
        return all(killed(one) for one in errors.exceptions)
    return isinstance(errors, KilledError)
