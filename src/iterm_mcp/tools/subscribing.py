"""Clients' subscriptions, as both eras of the protocol have them.

Until 2025-11-25 a client asks for one resource after the other, and is told on its connection;
since 2026-07-28 it asks for several at once, and is told in the answer to that request.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mcp.server.subscriptions import ListenHandler, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, EmptyResult

from iterm_mcp.errors import ItermMcpError, NotFoundError
from iterm_mcp.services.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server.connection import Connection
    from mcp.server.context import ServerRequestContext
    from mcp.server.subscriptions import ServerEvent, SubscriptionBus
    from mcp.types import (
        SubscribeRequestParams,
        SubscriptionsListenRequestParams,
        SubscriptionsListenResult,
        UnsubscribeRequestParams,
    )

    from iterm_mcp.services.sessions.subscriptions import Subscriptions
    from iterm_mcp.tools.resources import Resources

_STATE = "iterm_mcp_subscriptions"

MAX_URIS = 100
"""Resources that one client may subscribe to."""


class Subscribing:
    """Serves ``resources/subscribe``, ``resources/unsubscribe`` and ``subscriptions/listen``.

    Args:
        bus: The server's own events, such as changes of its lists.
    """

    def __init__(
        self, resources: Resources, subscriptions: Subscriptions, bus: SubscriptionBus
    ) -> None:
        self._resources = resources
        self._subscriptions = subscriptions
        self._bus = bus

    async def subscribe(
        self, ctx: ServerRequestContext[Any, Any], params: SubscribeRequestParams
    ) -> EmptyResult:
        """Tell a client of the handshake's era of a resource, until it has gone."""
        uri = str(params.uri)
        # The SDK hands out no other way to learn that a connection has ended.
        connection = ctx.session._connection  # noqa: SLF001
        subscriber = connection.state.get(_STATE)
        if subscriber is None:
            subscriber = connection.state[_STATE] = _Subscriber(connection)
        if uri in subscriber.leaves:
            return EmptyResult()
        if len(subscriber.leaves) >= MAX_URIS:
            raise MCPError(INVALID_PARAMS, f"a client subscribes to {MAX_URIS} resources at most")
        try:
            topic = await self._resources.topic(uri)
            leave = await self._subscriptions.subscribe(topic, lambda _: subscriber.tell(uri))
        except ItermMcpError as error:
            raise protocol_error(error, uri) from None
        if uri in subscriber.leaves or subscriber.closed:  # while this one waited
            leave()
        else:
            subscriber.leaves[uri] = leave
        return EmptyResult()

    async def unsubscribe(
        self, ctx: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams
    ) -> EmptyResult:
        """Tell a client no more of a resource; of one that it is not told of, neither."""
        subscriber = ctx.session._connection.state.get(_STATE)  # noqa: SLF001 - as above
        if subscriber is not None:
            leave = subscriber.leaves.pop(str(params.uri), None)
            if leave is not None:
                leave()
        return EmptyResult()

    async def listen(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Tell a client of the newer era what it asked for, until it hangs up.

        Resources that cannot be subscribed to are left out of what is acknowledged.
        """
        wanted = list(dict.fromkeys(params.notifications.resource_subscriptions or ()))
        events = _Events(self._bus)
        leaves: list[Callable[[], None]] = []
        honoured: list[str] = []
        try:
            for uri in wanted[:MAX_URIS]:
                with suppress(ItermMcpError):
                    topic = await self._resources.topic(uri)
                    leaves.append(await self._subscriptions.subscribe(topic, events.teller(uri)))
                    honoured.append(uri)
            notifications = params.notifications.model_copy(
                update={"resource_subscriptions": honoured or None}
            )
            return await ListenHandler(events)(
                ctx, params.model_copy(update={"notifications": notifications})
            )
        finally:
            for leave in leaves:
                leave()


class _Subscriber:
    """A connection of the handshake's era that subscribes to something."""

    def __init__(self, connection: Connection) -> None:
        self.leaves: dict[str, Callable[[], None]] = {}
        self.closed = False
        self._connection = connection
        self._outbox = Outbox()
        self._task = asyncio.get_running_loop().create_task(self._outbox.run(self._send))
        connection.exit_stack.callback(self._close)

    def tell(self, uri: str) -> None:
        self._outbox.add(uri)

    async def _send(self, uri: str) -> None:
        await self._connection.notify("notifications/resources/updated", {"uri": uri})

    def _close(self) -> None:
        self.closed = True
        self._task.cancel()
        while self.leaves:
            self.leaves.popitem()[1]()


class _Events:
    """One stream's bus: the server's events, and what it alone subscribed to."""

    def __init__(self, bus: SubscriptionBus) -> None:
        self._bus = bus
        self._early: dict[str, None] = {}
        self._listener: Callable[[ServerEvent], None] | None = None

    def teller(self, uri: str) -> Callable[[object], None]:
        """Return what tells the stream of a resource; before it listens, once it does."""

        def tell(_topic: object) -> None:
            if self._listener is None:
                self._early[uri] = None
            else:
                self._listener(ResourceUpdated(uri=uri))

        return tell

    async def publish(self, event: ServerEvent) -> None:
        """Tell all streams, as the server's own bus does."""
        await self._bus.publish(event)

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Take the stream's listener; return what lets go of it."""
        self._listener = listener
        for uri in self._early:
            listener(ResourceUpdated(uri=uri))
        return self._bus.subscribe(listener)


def protocol_error(error: ItermMcpError, uri: str) -> MCPError:
    """Return an expected error as the protocol has it for resources."""
    code = INVALID_PARAMS if isinstance(error, NotFoundError) else INTERNAL_ERROR
    text = f"{error} {error.hint}".strip()
    return MCPError(code=code, message=text, data={"uri": uri, "code": error.code})
