"""Requests to a terminal that speaks iTerm2's API: measured, bounded, with our errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

import anyio
from iterm2 import api_pb2 as wire
from iterm2 import rpc

from iterm_mcp.errors import NotFoundError, TerminalRejectedError, TerminalTimeoutError
from iterm_mcp.terminal.connection import lost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.telemetry import Meter
    from iterm_mcp.terminal.connection import Connection
    from iterm_mcp.terminal.link import TerminalLink

Reply = TypeVar("Reply")

GOES = "The host is stopping."
"""What our host answers as it goes, as when it becomes a newer one: no word on what was asked."""

LIST_HINT = "Call list_sessions to see which there are."
REJECTED_HINT = "Call list_sessions to see what stands now."


class Requests:
    """What every part of an `ItermTerminal` asks through.

    Args:
        timeout_seconds: How long one request may take, waiting for a connection aside.
        meter: Measures every operation under the method's name.
    """

    operations: ClassVar[tuple[str, ...]] = ()

    def __init__(self, link: TerminalLink, meter: Meter, timeout_seconds: float) -> None:
        self._link = link
        self._meter = meter
        self._timeout_seconds = timeout_seconds
        for part in type(self).__mro__:
            for operation in getattr(part, "operations", ()):
                meter.declare(operation)

    async def _call(
        self, operation: str, request: Callable[[Connection], Awaitable[Reply]]
    ) -> Reply:
        """Make one request, measured and bounded."""
        with self._meter.measure(operation):
            connection = await self._link.connected()
            try:
                with anyio.fail_after(self._timeout_seconds):
                    return await request(connection)
            except TimeoutError:
                raise TerminalTimeoutError(
                    f"the terminal did not answer {operation} in {self._timeout_seconds:g} s; "
                    "it may still happen",
                    hint="Look at the session with read_screen before you try again.",
                ) from None
            except rpc.RPCException as error:
                if str(error) == GOES:
                    raise lost() from None
                raise rejected(operation, str(error)) from None

    async def _together(
        self, operation: str, *requests: Callable[[Connection], Awaitable[Reply]]
    ) -> list[Reply]:
        """Make requests back to back: all are on their way before the first is answered.

        They leave in this order, and are answered in it.
        """

        async def request(connection: Connection) -> list[Reply]:
            answers: dict[int, Reply] = {}

            async def ask(index: int, one: Callable[[Connection], Awaitable[Reply]]) -> None:
                answers[index] = await one(connection)

            try:
                async with anyio.create_task_group() as group:
                    for index, one in enumerate(requests):
                        group.start_soon(ask, index, one)
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None
            return [answers[index] for index in range(len(requests))]

        return await self._call(operation, request)


async def ask(
    connection: Connection, request: wire.ClientOriginatedMessage
) -> wire.ServerOriginatedMessage:
    """Make a request for which the library has no function, as it makes its own.

    Args:
        request: It is given its id.
    """
    request.id = rpc._alloc_id()  # type: ignore[no-untyped-call]  # noqa: SLF001 - ids are shared
    return await rpc._async_call(connection, request)  # noqa: SLF001


def rejected(what: str, answer: str, hint: str = REJECTED_HINT) -> TerminalRejectedError:
    """Return the error for what the terminal would not do."""
    return TerminalRejectedError(f"the terminal would not {what}: {answer}", hint=hint)


def no_session(session_id: SessionId) -> NotFoundError:
    """Return the error for a session that does not exist."""
    return NotFoundError("session", session_id, hint=LIST_HINT)
