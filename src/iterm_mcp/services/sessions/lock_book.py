"""Which sessions are locked, and whether somebody may type into one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from hmac import compare_digest
from secrets import token_hex
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import ConflictError, InvalidRequestError, RefusedError
from iterm_mcp.models.ids import LockId
from iterm_mcp.models.locks import Breaking, Lock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.store.locks import LockStore

MAX_LOCKS = 10_000
REMEMBERED_SECONDS = 24 * 3600.0
"""How long it is known how a lock ended, for its holder who comes late."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A lock, and when it ends by the clock that does not jump."""

    lock: Lock
    deadline: float


_Entries = dict["SessionId", dict[LockId, _Entry]]


class LockBook:
    """All locks, those that have ended included for some time.

    What was read is kept: the daemon's lock makes this the only process that writes to the file.
    """

    def __init__(self, store: LockStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._writing = anyio.Lock()
        self._entries: _Entries | None = None

    async def check(self, session_id: SessionId, lock_id: LockId | None) -> None:
        """See that somebody may type into a session.

        Args:
            lock_id: What they show; None when they hold no lock.

        Raises:
            RefusedError: Another one holds a lock (``session_locked``), or the lock that was
                shown is none, or none any more (``lock_lost``).
        """
        standing = self._standing(await self._load(), session_id)
        if standing is None:
            if lock_id is not None:
                raise self._lost(session_id, lock_id)
        elif lock_id is None or not _same(standing.lock_id, lock_id):
            raise self._locked(standing)

    async def sessions_of(self, lock_id: LockId) -> frozenset[SessionId]:
        """Return the sessions that a lock holds, and those that it held lately.

        Raises:
            RefusedError: It holds none, and held none lately (``lock_lost``).
        """
        entries = await self._load()
        found = frozenset(
            session_id
            for session_id, locks in entries.items()
            if any(_same(one, lock_id) for one in locks)
        )
        if not found:
            raise RefusedError(
                "the lock that was given holds no session: there is no such lock",
                hint="Nothing was typed. Give the lock_id that lock_session returned, or leave "
                "it out.",
                code="lock_lost",
            )
        return found

    async def find(self, session_id: SessionId) -> Lock | None:
        """Return the lock that stands for a session."""
        return self._standing(await self._load(), session_id)

    async def standing(self) -> tuple[Lock, ...]:
        """Return every lock that stands."""
        entries = await self._load()
        found = (self._standing(entries, session_id) for session_id in entries)
        return tuple(lock for lock in found if lock is not None)

    async def grant(
        self,
        session_id: SessionId,
        owner: str,
        note: str,
        lifetime_seconds: float,
        lock_id: LockId | None = None,
    ) -> Lock:
        """Lock a session, or prolong a lock.

        Args:
            lock_id: The caller's own lock, which is prolonged, or that of other sessions, under
                which this one is locked too. None makes a new one.

        Raises:
            RefusedError: Another one holds it (``session_locked``), or no lock stands under
                `lock_id` (``lock_lost``).
            ConflictError: There are too many locks.
        """
        async with self._writing:
            entries = await self._load()
            standing = self._standing(entries, session_id)
            if standing is not None and (lock_id is None or not _same(standing.lock_id, lock_id)):
                raise self._locked(standing)
            live = await self.standing()
            if lock_id is not None and not any(_same(one.lock_id, lock_id) for one in live):
                raise self._lost(session_id, lock_id)
            if standing is None and len(live) >= MAX_LOCKS:
                raise ConflictError(
                    f"{MAX_LOCKS} sessions are locked already",
                    hint="Unlock some with unlock_session; each also ends by itself.",
                )
            lock = Lock(
                lock_id or LockId(token_hex(8)),
                session_id,
                owner,
                note,
                lifetime_seconds,
                self._clock.now() + timedelta(seconds=lifetime_seconds),
            )
            outdated = self._outdated(entries)
            await self._store.keep(lock, forget=outdated)
            self._drop(entries, outdated)
            self._note(entries, lock, self._clock.monotonic() + lifetime_seconds)
            return lock

    async def release(self, session_id: SessionId, lock_id: LockId) -> None:
        """End one's own lock.

        Raises:
            RefusedError: It is another one's, or none any more.
        """
        async with self._writing:
            await self.check(session_id, lock_id)
            await self._forget([(await self._load())[session_id][lock_id].lock])

    async def break_lock(self, session_id: SessionId, by: str, reason: str) -> Lock:
        """End another one's lock; its holder is told who did, and why.

        Raises:
            InvalidRequestError: The session is not locked.
        """
        async with self._writing:
            entries = await self._load()
            standing = self._standing(entries, session_id)
            if standing is None:
                raise InvalidRequestError(
                    f"session {session_id} is not locked", hint="Go on: you may type into it."
                )
            broken = replace(standing, broken=Breaking(by, reason, self._clock.now()))
            await self._store.keep(broken)
            self._note(entries, broken, self._clock.monotonic())
            return broken

    async def keep_only(self, sessions: frozenset[SessionId]) -> None:
        """Forget all locks of sessions that have ended."""
        async with self._writing:
            entries = await self._load()
            await self._forget(
                entry.lock
                for session_id, locks in entries.items()
                if session_id not in sessions
                for entry in locks.values()
            )

    async def _load(self) -> _Entries:
        if self._entries is None:
            locks = await self._store.load()
            if self._entries is None:  # another task may have been faster
                entries: _Entries = {}
                for lock in locks:
                    self._note(entries, lock, self._deadline(lock))
                self._entries = entries
        return self._entries

    def _deadline(self, lock: Lock) -> float:
        """Return when a lock ends that another daemon granted; never later than it said."""
        left = (lock.expires_at - self._clock.now()).total_seconds()
        return self._clock.monotonic() + min(left, lock.lifetime_seconds)

    async def _forget(self, locks: Iterable[Lock]) -> None:
        gone = list(locks)
        if gone:
            await self._store.forget(gone)
            self._drop(await self._load(), gone)

    def _standing(self, entries: _Entries, session_id: SessionId) -> Lock | None:
        now = self._clock.monotonic()
        for entry in entries.get(session_id, {}).values():
            if entry.lock.broken is None and entry.deadline > now:
                left = timedelta(seconds=entry.deadline - now)
                return replace(entry.lock, expires_at=self._clock.now() + left)
        return None

    def _outdated(self, entries: _Entries) -> list[Lock]:
        """Return locks that ended so long ago that nobody will ask."""
        horizon = self._clock.monotonic() - REMEMBERED_SECONDS
        return [
            entry.lock
            for locks in entries.values()
            for entry in locks.values()
            if entry.deadline < horizon
        ]

    @staticmethod
    def _note(entries: _Entries, lock: Lock, deadline: float) -> None:
        entries.setdefault(lock.session_id, {})[lock.lock_id] = _Entry(lock, deadline)

    @staticmethod
    def _drop(entries: _Entries, gone: Iterable[Lock]) -> None:
        for lock in gone:
            locks = entries.get(lock.session_id, {})
            locks.pop(lock.lock_id, None)
            if not locks:
                entries.pop(lock.session_id, None)

    def _locked(self, lock: Lock) -> RefusedError:
        left = (lock.expires_at - self._clock.now()).total_seconds()
        note = f" ({lock.note})" if lock.note else ""
        return RefusedError(
            f"session {lock.session_id} is locked by {lock.owner!r}{note} until "
            f"{lock.expires_at:%H:%M:%S} UTC, {left:.0f} s from now",
            hint="Nothing was typed. Use another session or wait; if the lock is yours, give its "
            "lock_id. If a person wants it ended now: unlock_session with break_reason.",
            code="session_locked",
        )

    def _lost(self, session_id: SessionId, lock_id: LockId) -> RefusedError:
        entry = (self._entries or {}).get(session_id, {}).get(lock_id)
        if entry is None:
            how = "there is no such lock"
        elif (broken := entry.lock.broken) is not None:
            how = f"{broken.by!r} broke it at {broken.at:%H:%M:%S} UTC: {broken.reason}"
        else:
            how = f"its time was over at {entry.lock.expires_at:%H:%M:%S} UTC"
        return RefusedError(
            f"the lock that was given does not hold session {session_id}: {how}",
            hint="Nothing was typed. See with read_screen what has happened meanwhile; then "
            "lock_session again, or leave lock_id out.",
            code="lock_lost",
        )


def _same(one: LockId, other: LockId) -> bool:
    return compare_digest(one.encode(), other.encode())
