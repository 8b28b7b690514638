"""The `Terminal` that speaks iTerm2's API, to the app and to our host alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

import anyio
from iterm2 import api_pb2 as wire
from iterm2 import rpc
from iterm2.util import invocation_string

from iterm_mcp.errors import (
    InvalidRequestError,
    NotFoundError,
    TerminalRejectedError,
    TerminalTimeoutError,
)
from iterm_mcp.models.ids import SessionId, TabId, WindowId
from iterm_mcp.models.sessions import Direction, SessionInfo, Size
from iterm_mcp.terminal import wire_values

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from iterm_mcp.models.sessions import Program, Screen
    from iterm_mcp.telemetry import Meter
    from iterm_mcp.terminal.connection import Connection
    from iterm_mcp.terminal.link import TerminalLink

Reply = TypeVar("Reply")

LIST_HINT = "Call list_sessions to see which there are."
REJECTED_HINT = "Call list_sessions to see what stands now."
PROGRAM_HINT = "See that the program and the directory exist."
PROFILE_HINT = "Leave the profile out to get the default one."
OPERATIONS = (
    "list_sessions", "open_session", "split_session", "send_text", "read_screen",
    "rename_session", "resize_sessions", "activate_session", "close_session",
)  # fmt: skip


class ItermTerminal:
    """A `Terminal` over a `TerminalLink`.

    Args:
        timeout_seconds: How long one request may take, waiting for a connection aside.
        meter: Measures every operation under the method's name.
    """

    def __init__(self, link: TerminalLink, meter: Meter, timeout_seconds: float) -> None:
        self._link = link
        self._meter = meter
        self._timeout_seconds = timeout_seconds
        for operation in OPERATIONS:
            meter.declare(operation)

    async def list_sessions(self) -> tuple[SessionInfo, ...]:
        """Return every session, in the order of windows, tabs and panes."""
        listing, focus = await self._both(
            "list_sessions", rpc.async_list_sessions, rpc.async_get_focus_info
        )
        return wire_values.sessions(listing.list_sessions_response, focus.focus_response)

    async def open_session(
        self, program: Program, *, window_id: WindowId | None = None
    ) -> SessionInfo:
        """Open a session in a new tab of a window, or in a new window."""
        reply = await self._call(
            "open_session",
            lambda connection: rpc.async_create_tab(
                connection,
                profile=program.profile,
                window=window_id,
                profile_customizations=_customizations(program),
            ),
        )
        created = reply.create_tab_response
        status = wire.CreateTabResponse.Status
        match created.status:
            case status.OK:
                return SessionInfo(
                    SessionId(created.session_id),
                    WindowId(created.window_id),
                    TabId(str(created.tab_id)),
                    title=program.name or "",
                    size=Size(0, 0),
                )
            case status.INVALID_WINDOW_ID:
                raise NotFoundError("window", str(window_id), hint=LIST_HINT)
            case status.INVALID_PROFILE_NAME:
                raise NotFoundError("profile", str(program.profile), hint=PROFILE_HINT)
            case other:
                raise _rejected("open a session", status.Name(other), PROGRAM_HINT)

    async def split_session(
        self, session_id: SessionId, direction: Direction, program: Program
    ) -> SessionId:
        """Split a session's pane in two and return the new session."""
        reply = await self._call(
            "split_session",
            lambda connection: rpc.async_split_pane(
                connection,
                session_id,
                vertical=direction in {Direction.LEFT, Direction.RIGHT},
                before=direction in {Direction.LEFT, Direction.ABOVE},
                profile=program.profile,
                profile_customizations=_customizations(program),
            ),
        )
        split = reply.split_pane_response
        status = wire.SplitPaneResponse.Status
        match split.status:
            case status.OK:
                return SessionId(split.session_id[0])
            case status.SESSION_NOT_FOUND:
                raise NotFoundError("session", session_id, hint=LIST_HINT)
            case status.INVALID_PROFILE_NAME:
                raise NotFoundError("profile", str(program.profile), hint=PROFILE_HINT)
            case status.CANNOT_SPLIT:
                raise TerminalRejectedError(
                    f"session {session_id} cannot be split {direction}: its pane is too small, "
                    "or what was to run in the new one cannot be started",
                    hint="See that program and directory exist; else split another session.",
                )
            case other:
                raise _rejected("split the session", status.Name(other))

    async def send_text(self, session_id: SessionId, text: str) -> None:
        """Type text as it is."""
        reply = await self._call(
            "send_text",
            lambda connection: rpc.async_send_text(
                connection, session_id, text, suppress_broadcast=True
            ),
        )
        if reply.send_text_response.status != wire.SendTextResponse.Status.OK:
            raise NotFoundError("session", session_id, hint=LIST_HINT)

    async def read_screen(self, session_id: SessionId) -> Screen:
        """Return the visible screen."""
        contents, columns = await self._both(
            "read_screen",
            lambda connection: rpc.async_get_screen_contents(connection, session_id),
            lambda connection: rpc.async_variable(connection, session_id, [], ["columns"]),
        )
        buffer = contents.get_buffer_response
        if (
            buffer.status != wire.GetBufferResponse.Status.OK
            or not columns.variable_response.values
        ):
            raise NotFoundError("session", session_id, hint=LIST_HINT)
        width = json.loads(columns.variable_response.values[0])
        return wire_values.screen(buffer, int(width or 0))

    async def rename_session(self, session_id: SessionId, name: str) -> None:
        """Give a session a name; it becomes part of its title."""
        invocation = invocation_string("iterm2.set_name", {"name": _literal(name)})
        reply = await self._call(
            "rename_session",
            lambda connection: rpc.async_invoke_function(
                connection, invocation, receiver=session_id, timeout=self._timeout_seconds
            ),
        )
        if reply.invoke_function_response.HasField("error"):
            error = reply.invoke_function_response.error
            if "not found" in error.error_reason or "No such" in error.error_reason:
                raise NotFoundError("session", session_id, hint=LIST_HINT)
            raise _rejected("rename the session", error.error_reason)

    async def resize_sessions(self, tab_id: TabId, sizes: Mapping[SessionId, Size]) -> None:
        """Ask for the grid of every session of a tab."""
        listing = (
            await self._call("list_sessions", rpc.async_list_sessions)
        ).list_sessions_response
        tabs = (tab for window in listing.windows for tab in window.tabs)
        tab = next((tab for tab in tabs if tab.tab_id == tab_id), None)
        if tab is None:
            raise NotFoundError("tab", tab_id, hint=LIST_HINT)
        standing = {leaf.unique_identifier for leaf in wire_values.leaves(tab.root)}
        if standing != set(sizes):
            raise InvalidRequestError(
                f"tab {tab_id} has other sessions than those that sizes were given for",
                hint="Give a size for each session of the tab and for no other.",
            )
        wire_values.resize_tree(tab.root, sizes)
        reply = await self._call(
            "resize_sessions",
            lambda connection: rpc.async_set_tab_layout(connection, tab_id, tab.root),
        )
        status = wire.SetTabLayoutResponse.Status
        if reply.set_tab_layout_response.status != status.OK:
            raise _rejected("resize", status.Name(reply.set_tab_layout_response.status))

    async def activate_session(self, session_id: SessionId) -> None:
        """Select a session, its tab and its window."""
        reply = await self._call(
            "activate_session",
            lambda connection: rpc.async_activate(
                connection,
                select_session=True,
                select_tab=True,
                order_window_front=True,
                session_id=session_id,
            ),
        )
        if reply.activate_response.status != wire.ActivateResponse.Status.OK:
            raise NotFoundError("session", session_id, hint=LIST_HINT)

    async def close_session(self, session_id: SessionId) -> None:
        """End a session without asking."""
        reply = await self._call(
            "close_session",
            lambda connection: rpc.async_close(connection, sessions=[session_id], force=True),
        )
        status = wire.CloseResponse.Status
        statuses = reply.close_response.statuses
        if not statuses or statuses[0] == status.NOT_FOUND:
            raise NotFoundError("session", session_id, hint=LIST_HINT)
        if statuses[0] != status.OK:
            raise _rejected("close the session", status.Name(statuses[0]))

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
                raise _rejected(operation, str(error)) from None

    async def _both(
        self,
        operation: str,
        first: Callable[[Connection], Awaitable[Reply]],
        second: Callable[[Connection], Awaitable[Reply]],
    ) -> tuple[Reply, Reply]:
        """Make two requests back to back: both are on their way before either is answered."""

        async def request(connection: Connection) -> tuple[Reply, Reply]:
            answers: dict[int, Reply] = {}

            async def ask(index: int, one: Callable[[Connection], Awaitable[Reply]]) -> None:
                answers[index] = await one(connection)

            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(ask, 0, first)
                    await ask(1, second)
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None
            return answers[0], answers[1]

        return await self._call(operation, request)


def _customizations(program: Program) -> dict[str, str]:
    """Return the profile properties that make a session run what was asked for."""
    properties: dict[str, str] = {}
    if program.command is not None:
        properties["Custom Command"] = json.dumps("Yes")
        properties["Command"] = json.dumps(program.command)
    if program.directory is not None:
        properties["Custom Directory"] = json.dumps("Yes")
        properties["Working Directory"] = json.dumps(program.directory)
    if program.name is not None:
        properties["Name"] = json.dumps(_literal(program.name))
    return properties


def _literal(name: str) -> str:
    r"""Keep iTerm2 from evaluating a name: ``\(…)`` is an expression in it."""
    return name.replace("\\(", "\\\u200b(")


def _rejected(what: str, answer: str, hint: str = REJECTED_HINT) -> TerminalRejectedError:
    return TerminalRejectedError(f"the terminal would not {what}: {answer}", hint=hint)
