"""The one connection to the terminal, made again whenever it is lost."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog
from iterm2 import api_pb2 as wire
from iterm2 import rpc

from iterm_mcp.errors import TerminalError, TerminalUnavailableError
from iterm_mcp.models.ids import SessionId
from iterm_mcp.terminal import wire_values
from iterm_mcp.terminal.connection import Connection, open_connection
from iterm_mcp.terminal.subscriptions import LINGER_SECONDS, SessionSubscriptions
from iterm_mcp.terminal.watches import Watches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from iterm_mcp.terminal.endpoint import Endpoint

    Connect = Callable[
        [Endpoint, Callable[[wire.Notification], None]], AbstractAsyncContextManager[Connection]
    ]
    Pause = Callable[[float], Awaitable[object]]

FIRST_BACKOFF_SECONDS = 0.05
LAST_BACKOFF_SECONDS = 5.0

PARTING_SECONDS = 1.0
"""How long taking a subscription back may take; a lost one costs the terminal little."""

PROMPT_MODES = (wire.PROMPT, wire.COMMAND_START, wire.COMMAND_END)

log = structlog.get_logger()


class TerminalObserver(Protocol):
    """Who wants to know what the terminal tells."""

    def terminal_up(self, sessions: set[SessionId], *, again: bool) -> None:
        """A terminal answers; `again` when an earlier connection was lost."""

    def terminal_down(self) -> None:
        """No terminal answers any more."""

    def session_opened(self, session_id: SessionId) -> None:
        """A session was opened, by us or by anyone. May be told twice."""

    def session_ended(self, session_id: SessionId) -> None:
        """A session ended. May be told twice."""


class TerminalLink:
    """Holds the connection; use `open_link`.

    Attributes:
        kind: The terminal in use, or None while none answers.
        last_error: Why the last attempt failed; None while connected.
        watches: Who is told what happens in which session.
        subscriptions: Of which sessions screen changes are told, for those who watch; and of which
            it is told that a person presses keys, `key_subscriptions`.
    """

    def __init__(
        self,
        find: Callable[[], Awaitable[Endpoint]],
        observer: TerminalObserver,
        wait_seconds: float,
        connect: Connect,
        pause: Pause,
        linger_seconds: float,
    ) -> None:
        self._find = find
        self._observer = observer
        self._wait_seconds = wait_seconds
        self._connect = connect
        self._pause = pause
        self._connection: Connection | None = None
        self._changed = anyio.Event()
        self._ever_up = False
        self.last_error: TerminalUnavailableError | None = None
        self.watches = Watches()
        self.subscriptions = SessionSubscriptions(self.watches.sessions, linger_seconds)
        self.key_subscriptions = SessionSubscriptions(
            self.watches.sessions_for_keys, linger_seconds
        )

    @property
    def connection(self) -> Connection | None:
        """Return the live connection, if there is one now."""
        return self._connection

    @property
    def kind(self) -> str | None:
        """Return ``iterm2`` or ``headless`` while connected, else None."""
        return self._connection.endpoint.kind if self._connection else None

    async def connected(self) -> Connection:
        """Return the live connection; wait for one if need be.

        Raises:
            TerminalUnavailableError: None was made within the bound, with the last reason.
        """
        connection = self._connection
        if connection is not None:
            return connection
        with anyio.move_on_after(self._wait_seconds):
            while (connection := self._connection) is None:
                await self._changed.wait()
            return connection
        raise self.last_error or TerminalUnavailableError(
            f"no terminal answered within {self._wait_seconds:g} s",
            hint="Run `iterm-mcp daemon status` to see why.",
        )

    async def keep(self) -> None:
        """Connect, and connect again after every loss, until cancelled."""
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            try:
                await self._hold_one()
                backoff = FIRST_BACKOFF_SECONDS
            except TerminalUnavailableError as error:
                self.last_error = error
                log.warning("terminal_unavailable", reason=str(error), retry_in_seconds=backoff)
                await self._pause(backoff)
                backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)

    async def tidy(self) -> None:
        """Take subscriptions back that nobody needs any more, until cancelled."""
        async with anyio.create_task_group() as group:
            for standing, topic in self._by_session():
                group.start_soon(standing.tidy, partial(self._unsubscribe, topic))

    def _by_session(
        self,
    ) -> tuple[tuple[SessionSubscriptions, wire.NotificationType.ValueType], ...]:
        return (
            (self.subscriptions, wire.NOTIFY_ON_SCREEN_UPDATE),
            (self.key_subscriptions, wire.NOTIFY_ON_KEYSTROKE),
        )

    async def _unsubscribe(
        self, topic: wire.NotificationType.ValueType, session_id: SessionId
    ) -> None:
        try:
            if (connection := self._connection) is not None:
                with anyio.move_on_after(PARTING_SECONDS):
                    await rpc.async_notification_request(
                        connection,
                        False,  # noqa: FBT003 - its signature
                        topic,
                        session=session_id,
                    )
        except (TerminalError, rpc.RPCException):
            return  # it has ended, or the connection has, and the subscription with either

    async def _hold_one(self) -> None:
        """Keep one connection until it ends.

        Raises:
            TerminalUnavailableError: None could be made, or it ended before it was of use.
        """
        endpoint = await self._find()
        async with self._connect(endpoint, self._notified) as connection:
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._read, connection, group.cancel_scope)
                    await self._greet(connection)
            except* TerminalUnavailableError as errors:
                raise errors.exceptions[0] from None
            finally:
                greeted = self._connection is not None
                self._set(None)
        if not greeted:
            raise TerminalUnavailableError(
                f"{endpoint.name} hung up before it answered", hint=endpoint.absence_hint
            )

    async def _read(self, connection: Connection, scope: anyio.CancelScope) -> None:
        await connection.read_until_closed()
        log.warning("terminal_lost", terminal=connection.endpoint.kind)
        scope.cancel()

    async def _greet(self, connection: Connection) -> None:
        """Subscribe, learn what is open, and only then let callers in."""
        endpoint = connection.endpoint
        try:
            with anyio.fail_after(self._wait_seconds):
                await self._subscribe(connection)
                reply = await rpc.async_list_sessions(connection)
        except TimeoutError:
            raise TerminalUnavailableError(
                f"{endpoint.name} took the connection, but gave no answer "
                f"within {self._wait_seconds:g} s",
                hint=endpoint.absence_hint,
            ) from None
        except rpc.RPCException as error:
            raise TerminalUnavailableError(
                f"{endpoint.name} refused to be watched: {error}", hint=endpoint.refusal_hint
            ) from None
        except TerminalUnavailableError:
            return  # `_read` sees the end too
        sessions = wire_values.session_ids(reply.list_sessions_response)
        log.info("terminal_up", terminal=connection.endpoint.kind, sessions=len(sessions))
        self._observer.terminal_up(sessions, again=self._ever_up)
        self._ever_up = True
        self._set(connection)
        self.watches.back(sessions)

    async def _subscribe(self, connection: Connection) -> None:
        """Ask to be told what happens, and once more what those who watch were told before."""
        watched, keyed = self.watches.sessions(), self.watches.sessions_for_keys()
        topics = [
            (wire.NOTIFY_ON_NEW_SESSION, "all", None),
            (wire.NOTIFY_ON_TERMINATE_SESSION, "all", None),
            (wire.NOTIFY_ON_PROMPT, "all", PROMPT_MODES),
            (wire.NOTIFY_ON_CUSTOM_ESCAPE_SEQUENCE, "all", None),
            *((wire.NOTIFY_ON_SCREEN_UPDATE, one, None) for one in watched),
            *((wire.NOTIFY_ON_KEYSTROKE, one, None) for one in keyed),
        ]
        for topic, session, modes in topics:
            await rpc.async_notification_request(
                connection,
                True,  # noqa: FBT003 - its signature
                topic,
                session=session,
                prompt_monitor_modes=modes,
            )
        self.subscriptions.reset(watched)
        self.key_subscriptions.reset(keyed)

    def _set(self, connection: Connection | None) -> None:
        if self._connection is not None and connection is None:
            self._observer.terminal_down()
            self.watches.lost()
            for standing, _ in self._by_session():
                standing.reset(())
        self._connection = connection
        if connection is not None:
            self.last_error = None
        self._changed.set()
        self._changed = anyio.Event()

    def _notified(self, notification: wire.Notification) -> None:
        self.watches.notified(notification)
        if notification.HasField("new_session_notification"):
            self._observer.session_opened(
                SessionId(notification.new_session_notification.session_id)
            )
        elif notification.HasField("terminate_session_notification"):
            ended = SessionId(notification.terminate_session_notification.session_id)
            for standing, _ in self._by_session():
                standing.forget(ended)
            self._observer.session_ended(ended)


@asynccontextmanager
async def open_link(
    find: Callable[[], Awaitable[Endpoint]],
    observer: TerminalObserver,
    wait_seconds: float,
    *,
    connect: Connect = open_connection,
    pause: Pause = anyio.sleep,
    linger_seconds: float = LINGER_SECONDS,
) -> AsyncIterator[TerminalLink]:
    """Keep a link to the terminal for the length of the block.

    The block starts at once; the first caller of `TerminalLink.connected` waits if it must.

    Args:
        find: Says where the terminal is, each time it has to be connected to.
        wait_seconds: How long callers wait for a connection, and a connection for its greeting.
        connect: Makes one connection.
        pause: Waits between attempts.
        linger_seconds: How long screen changes are told of a session that nobody watches more.
    """
    link = TerminalLink(find, observer, wait_seconds, connect, pause, linger_seconds)
    async with anyio.create_task_group() as group:
        group.start_soon(link.keep)
        group.start_soon(link.tidy)
        try:
            yield link
        finally:
            group.cancel_scope.cancel()
