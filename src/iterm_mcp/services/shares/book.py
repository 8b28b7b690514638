"""Shares from when they are made to when they expire or are revoked."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError, StoreError
from iterm_mcp.models.exports import ExportFormat
from iterm_mcp.models.shares import Share, ShareId
from iterm_mcp.services.background import beside
from iterm_mcp.services.events.redaction import redact_event
from iterm_mcp.services.shares.shelf import TooLargeError
from iterm_mcp.services.shares.time import SteadyTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.exports import Export
    from iterm_mcp.models.shares import ShareWish
    from iterm_mcp.services.events.exporting import Exporter
    from iterm_mcp.services.shares.shelf import Shelf
    from iterm_mcp.store.shares import ShareStore

log = structlog.get_logger()

PREFIX = "imsh_"
TOKEN_BYTES = 32
MOST_CHARACTERS = 100
"""Of what somebody shows as a token."""

FORMATS = (ExportFormat.HTML, ExportFormat.JSON, ExportFormat.ASCIICAST)
MOST_SHARES = 200
MOST_HOURS = 30 * 24.0
SWEEP_SECONDS = 60.0


class Shares:
    """Keeps shares. What opens one is random, told once, and kept as a digest alone."""

    def __init__(self, store: ShareStore, exporter: Exporter, shelf: Shelf, clock: Clock) -> None:
        self._store = store
        self._exporter = exporter
        self._shelf = shelf
        self._clock = clock
        self._time = SteadyTime(clock)
        self._known: dict[str, Share] = {}
        self._making = anyio.CapacityLimiter(1)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take away what has expired, now and each minute, for the length of the block.

        Raises:
            StoreError: The shares cannot be read.
        """
        self._known = await self._store.all()
        for one in self._known.values():
            self._time.believe(one.seen_at)
        await self._sweep()
        async with beside(self._run):
            yield

    async def make(
        self, wish: ShareWish, kind: ExportFormat, hours: float, made_by: str, *, redacted: bool
    ) -> tuple[Share, str]:
        """Make a file of what is wished for, as it is now; return also the link's token.

        Args:
            hours: How long it is good, more than 0 and at most `MOST_HOURS`.
            redacted: Look for secrets again; what a terminal showed always has them starred.

        Raises:
            InvalidRequestError: It cannot be shared so, or is too large.
            ConflictError: There are too many, or the clock was set back.
            NotFoundError: There is no such thing.
            StoreError: The events cannot be read, or the file not be written.
        """
        if kind not in FORMATS or not 0 < hours <= MOST_HOURS:
            raise InvalidRequestError(
                "that cannot be shared",
                hint=f"Share {', '.join(FORMATS)}, for {MOST_HOURS:g} hours at most.",
            )
        if len(self._known) >= MOST_SHARES:
            raise ConflictError("there are too many shares", hint="Revoke some of them.")
        if self._time.is_ahead:
            raise ConflictError(
                "this machine's clock was set back since shares were made",
                hint="Set it right; or revoke all shares and start the daemon anew.",
                code="clock_set_back",
            )
        redacted = redacted or kind is ExportFormat.ASCIICAST
        token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        digest = _digest(token)
        async with self._making:
            export = await self._export(wish, kind, hides=redacted)
            size = await self._put(digest, export)
            now = self._clock.now()
            share = Share(
                ShareId(0), wish.words, kind, export.name, size, redacted, made_by, now,
                now + timedelta(hours=hours), 0, now,
            )  # fmt: skip
            try:
                number = await self._store.add(share, digest)
            except StoreError:
                await self._shelf.remove(digest)
                raise
        self._known[digest] = share = replace(share, share_id=number)
        return share, token

    def list(self) -> tuple[Share, ...]:
        """Return the shares that are good, oldest first."""
        now = self._time.now()
        return tuple(one for one in self._known.values() if now < one.expires_at)

    async def revoke(self, share_id: ShareId) -> None:
        """Take a share away, at once and with its file.

        Raises:
            NotFoundError: There is none of that number.
        """
        digest = next((key for key, one in self._known.items() if one.share_id == share_id), None)
        if digest is None:
            raise NotFoundError("share", str(share_id), hint="GET /v1/shares lists them.")
        await self._drop(digest)

    async def open(self, token: str) -> tuple[Share, Path] | None:
        """Return what a token opens; None if there is nothing, or no more: nobody learns which."""
        # How long it takes to find a digest tells nothing: nobody can choose how one begins.
        digest = _digest(token[:MOST_CHARACTERS])
        share = self._known.get(digest)
        if share is None or self._time.now() >= share.expires_at:
            return None
        path = await self._shelf.find(digest)
        return None if path is None else (share, path)

    async def viewed(self, share: Share) -> None:
        """Count that a share was read; that the count cannot be kept is nothing to its reader."""
        try:
            await self._store.viewed(share.share_id)
        except StoreError as error:
            log.warning("share_not_counted", reason=str(error))
        for digest, one in self._known.items():
            if one.share_id == share.share_id:
                self._known[digest] = replace(one, views=one.views + 1)
                break

    async def _export(self, wish: ShareWish, kind: ExportFormat, *, hides: bool) -> Export:
        hide = redact_event if hides else None
        if wish.conversation:
            return await self._exporter.conversation(
                wish.conversation, kind, turn=wish.turn, hide=hide
            )
        if wish.session:
            return await self._exporter.session(
                wish.session, kind, since=wish.since, until=wish.until, hide=hide
            )
        if wish.query is None:
            raise InvalidRequestError("nothing is to be shared", hint="Say what.")
        return await self._exporter.events(wish.query, kind, hide=hide)

    async def _put(self, digest: str, export: Export) -> int:
        try:
            return await self._shelf.put(digest, export.chunks)
        except TooLargeError as error:
            raise InvalidRequestError(
                str(error), hint="Share less: a turn, a shorter time, a narrower query.",
                code="too_large",
            ) from None  # fmt: skip
        except OSError as error:
            raise StoreError(f"the file cannot be written: {error.strerror}") from None

    async def _run(self) -> None:
        while True:
            await anyio.sleep(SWEEP_SECONDS)
            try:
                await self._sweep()
            except StoreError as error:
                log.warning("shares_not_swept", reason=str(error))

    async def _sweep(self) -> None:
        """Take away what has expired, for good: a clock that is set back brings nothing again."""
        now = self._time.now()
        for digest in [key for key, one in self._known.items() if now >= one.expires_at]:
            await self._drop(digest)
        if self._known:
            await self._store.seen(now)
        async with self._making:  # which has a file before it has a share
            await self._shelf.keep_only(self._known)

    async def _drop(self, digest: str) -> None:
        share = self._known.pop(digest)
        try:
            await self._store.remove(share.share_id)
        finally:
            await self._shelf.remove(digest)


def _digest(token: str) -> str:
    """Return what is kept: tokens are random and long, so that a plain digest hides them."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
