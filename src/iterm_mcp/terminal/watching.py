"""Watching a session over iTerm2's API: by notification, never by asking again and again."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

from iterm2 import api_pb2 as wire
from iterm2 import rpc

from iterm_mcp.terminal.requests import Requests, no_session
from iterm_mcp.terminal.watches import QueuedWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.terminal.protocol import Watch
    from iterm_mcp.terminal.subscriptions import SessionSubscriptions


class ItermWatching(Requests):
    """Subscriptions to what happens in single sessions.

    Prompts and custom sequences of all sessions are subscribed to once a connection (see
    `TerminalLink`), changes of the screen and a person's keys only while somebody watches them,
    and for a while longer.
    """

    operations: ClassVar[tuple[str, ...]] = ("watch_session",)

    @asynccontextmanager
    async def watch(
        self, session_id: SessionId, *, typing: bool = False, keys: bool = False
    ) -> AsyncIterator[Watch]:
        """Watch a session for the length of the block; what happened before is not told."""
        link = self._link
        watch = link.watches.add(session_id, typing=typing, keys=keys)
        try:
            await self._subscribe(session_id, wire.NOTIFY_ON_SCREEN_UPDATE, link.subscriptions)
            if keys:
                await self._subscribe(session_id, wire.NOTIFY_ON_KEYSTROKE, link.key_subscriptions)
            yield watch
        finally:
            if link.watches.remove(session_id, watch):
                link.subscriptions.leave(session_id)
            if keys:
                link.key_subscriptions.leave(session_id)

    @asynccontextmanager
    async def watch_sessions(self) -> AsyncIterator[Watch]:
        """Watch which sessions there are; the link hears of that anyway."""
        watch = QueuedWatch()
        self._link.watches.of_all.add(watch)
        try:
            await self._link.connected()
            yield watch
        finally:
            self._link.watches.of_all.discard(watch)

    async def _subscribe(
        self,
        session_id: SessionId,
        topic: wire.NotificationType.ValueType,
        standing: SessionSubscriptions,
    ) -> None:
        if session_id in standing:
            return
        reply = await self._call(
            "watch_session",
            lambda connection: rpc.async_notification_request(
                connection,
                True,  # noqa: FBT003 - its signature
                topic,
                session=session_id,
            ),
        )
        status = wire.NotificationResponse.Status
        if reply.notification_response.status not in {status.OK, status.ALREADY_SUBSCRIBED}:
            raise no_session(session_id)
        standing.add(session_id)
