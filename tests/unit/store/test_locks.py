"""Locks are kept as they are, also across a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.ids import LockId, SessionId
from iterm_mcp.models.locks import Breaking, Lock
from iterm_mcp.store import Store, open_store
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from iterm_mcp.testing import FakeClock

FIRST = Lock(LockId("k1"), SessionId("s1"), "ann", "release ✨", 60.0, START + timedelta(minutes=1))
BROKEN = replace(FIRST, broken=Breaking("ben", "urgent", START + timedelta(microseconds=3)))
LATER = replace(FIRST, session_id=SessionId("s2"), expires_at=START + timedelta(hours=1))


async def test_locks_come_back_after_a_restart(path: str, clock: FakeClock) -> None:
    async with open_store(path, clock) as store:
        await store.locks.keep(LATER)
        await store.locks.keep(FIRST)
    async with open_store(path, clock) as store:
        assert await store.locks.load() == (FIRST, LATER)


async def test_a_lock_is_kept_in_place_of_what_it_was(store: Store) -> None:
    await store.locks.keep(FIRST)
    await store.locks.keep(BROKEN)
    assert await store.locks.load() == (BROKEN,)


async def test_locks_are_forgotten_alone_or_on_the_way(store: Store) -> None:
    other = replace(FIRST, lock_id=LockId("k2"))
    await store.locks.keep(FIRST)
    await store.locks.keep(other, forget=[FIRST])
    await store.locks.keep(LATER)
    await store.locks.forget([other, FIRST])
    assert await store.locks.load() == (LATER,)
