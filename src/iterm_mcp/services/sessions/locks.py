"""Locking sessions, so that nobody else types into them for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.services.names import check_note

if TYPE_CHECKING:
    from iterm_mcp.models.ids import LockId, SessionId
    from iterm_mcp.models.locks import Lock
    from iterm_mcp.services.sessions.lock_book import LockBook
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.services.sessions.writers import SessionWriters
    from iterm_mcp.terminal.protocol import Terminal

log = structlog.get_logger()

LEAST_SECONDS, MOST_SECONDS = 1.0, 24 * 3600.0
OWNER_CHARACTERS = 100
NOTE_CHARACTERS = 200
NOBODY = "an MCP client"


class LockService:
    """Locks and unlocks sessions. Who may type is the book's business."""

    def __init__(
        self,
        terminal: Terminal,
        sessions: SessionService,
        writers: SessionWriters,
        book: LockBook,
    ) -> None:
        self._terminal = terminal
        self._sessions = sessions
        self._writers = writers
        self._book = book

    async def lock(
        self,
        session_id: str,
        *,
        owner: str = "",
        note: str = "",
        ttl_seconds: float,
        lock_id: LockId | None = None,
    ) -> Lock:
        """Lock a session, or prolong one's lock.

        When this returns, nothing that others typed is under way.

        Args:
            owner: Who, as others will be told; empty keeps what was said when it was locked.
            note: What for; as above.
            ttl_seconds: How long from now on; at most a day.
            lock_id: One's own lock, to prolong it or to lock this session under it too.

        Raises:
            InvalidRequestError: A text or the time cannot be used.
            NotFoundError: No such session.
            RefusedError: Somebody else holds it or types all the time, or `lock_id` is no lock.
        """
        _check_text("owner", owner, OWNER_CHARACTERS)
        _check_text("note", note, NOTE_CHARACTERS)
        if not LEAST_SECONDS <= ttl_seconds <= MOST_SECONDS:
            raise InvalidRequestError(
                f"a lock cannot last {ttl_seconds:g} s",
                hint=f"Choose {LEAST_SECONDS:g} to {MOST_SECONDS:g} s; it can be prolonged.",
            )
        target = await self._sessions.find(session_id)
        standing = frozenset(one.session_id for one in await self._terminal.list_sessions())
        if target not in standing:
            raise NotFoundError(
                "session", target, hint="Call list_sessions to see which there are."
            )
        await self._book.keep_only(standing)
        async with self._writers.hold(target, await self._known(target, lock_id), types=False):
            former = await self._book.find(target)
            return await self._book.grant(
                target,
                owner or (former.owner if former else NOBODY),
                note or (former.note if former else ""),
                ttl_seconds,
                lock_id,
            )

    async def unlock(self, session_id: str, lock_id: LockId) -> SessionId:
        """End one's own lock.

        Raises:
            RefusedError: It is another one's, or none any more.
        """
        target = await self._sessions.find(session_id)
        await self._book.release(target, lock_id)
        return target

    async def break_lock(self, session_id: str, *, by: str, reason: str) -> Lock:
        """End another one's lock at once. It is written down, and its holder is told.

        Raises:
            InvalidRequestError: There is no reason, or no lock.
        """
        _check_text("break_reason", reason, NOTE_CHARACTERS)
        if not reason.strip():
            raise InvalidRequestError(
                "a lock is broken for a reason", hint="Say why in break_reason: its holder is told."
            )
        target = await self._sessions.find(session_id)
        broken = await self._book.break_lock(target, by or NOBODY, reason)
        log.warning(
            "lock_broken", session=target, owner=broken.owner, by=by or NOBODY, reason=reason
        )
        return broken

    async def standing(self) -> dict[SessionId, Lock]:
        """Return the locks that stand; the terminal is not asked."""
        return {lock.session_id: lock for lock in await self._book.standing()}

    async def _known(self, session_id: SessionId, lock_id: LockId | None) -> LockId | None:
        """Return the lock to show at the door: none for a session that is yet to be locked."""
        return lock_id if await self._book.find(session_id) is not None else None


def _check_text(what: str, text: str, limit: int) -> None:
    check_note(what, text)
    if len(text) > limit:
        raise InvalidRequestError(
            f"the {what} has {len(text)} characters", hint=f"Use at most {limit}."
        )
