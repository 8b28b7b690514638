"""Sessions of a terminal that speaks iTerm2's API, the app's and our host's alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from iterm2 import api_pb2 as wire
from iterm2 import rpc
from iterm2.util import invocation_string

from iterm_mcp.errors import InvalidRequestError, NotFoundError, TerminalRejectedError
from iterm_mcp.models.ids import SessionId, TabId, WindowId
from iterm_mcp.models.sessions import Direction, SessionInfo, Size
from iterm_mcp.terminal import wire_values
from iterm_mcp.terminal.quoting import NAME_VARIABLE, customizations, given, literal
from iterm_mcp.terminal.requests import LIST_HINT, Requests, no_session, rejected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.sessions import Program, Screen
    from iterm_mcp.terminal.connection import Connection

PROGRAM_HINT = "See that the program and the directory exist."
PROFILE_HINT = "Leave the profile out to get the default one."


class ItermSessions(Requests):
    """Sessions, their windows and their splits."""

    operations: ClassVar[tuple[str, ...]] = (
        "list_sessions", "open_session", "split_session", "send_text", "read_screen",
        "rename_session", "resize_session", "resize_sessions", "activate_session",
        "close_session", "show_text",
    )  # fmt: skip

    async def list_sessions(self) -> tuple[SessionInfo, ...]:
        """Return every session, in the order of windows, tabs and panes."""
        listing, focus = await self._together(
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
                profile_customizations=_profile(connection, program),
            ),
        )
        created = reply.create_tab_response
        status = wire.CreateTabResponse.Status
        match created.status:
            case status.OK:
                await self._remember(SessionId(created.session_id), given(program))
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
                raise rejected("open a session", status.Name(other), PROGRAM_HINT)

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
                profile_customizations=_profile(connection, program),
            ),
        )
        split = reply.split_pane_response
        status = wire.SplitPaneResponse.Status
        match split.status:
            case status.OK:
                await self._remember(SessionId(split.session_id[0]), given(program))
                return SessionId(split.session_id[0])
            case status.SESSION_NOT_FOUND:
                raise no_session(session_id)
            case status.INVALID_PROFILE_NAME:
                raise NotFoundError("profile", str(program.profile), hint=PROFILE_HINT)
            case status.CANNOT_SPLIT:
                raise TerminalRejectedError(
                    f"session {session_id} cannot be split {direction}: its pane is too small, "
                    "or what was to run in the new one cannot be started",
                    hint="See that program and directory exist; else split another session.",
                )
            case other:
                raise rejected("split the session", status.Name(other))

    async def _remember(self, session_id: SessionId, values: dict[str, str]) -> None:
        """Put what a session is found by into it; one that has ended already needs none."""
        if values:
            sets = [(name, json.dumps(value)) for name, value in values.items()]
            await self._call(
                "set_variables",
                lambda connection: rpc.async_variable(connection, session_id, sets),
            )

    async def send_text(self, session_id: SessionId, text: str) -> None:
        """Type text as it is."""
        self._link.watches.typed(session_id, text)
        reply = await self._call(
            "send_text",
            lambda connection: rpc.async_send_text(
                connection, session_id, text, suppress_broadcast=True
            ),
        )
        if reply.send_text_response.status != wire.SendTextResponse.Status.OK:
            raise no_session(session_id)

    async def show_text(self, session_id: SessionId, text: str) -> None:
        """Show text as if the program had printed it."""
        reply = await self._call(
            "show_text",
            lambda connection: rpc.async_inject(connection, text.encode(), [session_id]),
        )
        if list(reply.inject_response.status) != [wire.InjectResponse.Status.OK]:
            raise no_session(session_id)

    async def read_screen(self, session_id: SessionId) -> Screen:
        """Return the visible screen."""
        contents, columns = await self._together(
            "read_screen",
            lambda connection: rpc.async_get_screen_contents(connection, session_id),
            lambda connection: rpc.async_variable(connection, session_id, [], ["columns"]),
        )
        buffer = contents.get_buffer_response
        if (
            buffer.status != wire.GetBufferResponse.Status.OK
            or not columns.variable_response.values
        ):
            raise no_session(session_id)
        width = json.loads(columns.variable_response.values[0])
        return wire_values.screen(buffer, int(width or 0))

    async def rename_session(self, session_id: SessionId, name: str) -> None:
        """Give a session a name; it becomes part of its title."""
        invocation = invocation_string("iterm2.set_name", {"name": literal(name)})
        reply = await self._call(
            "rename_session",
            lambda connection: rpc.async_invoke_function(
                connection, invocation, receiver=session_id, timeout=self._timeout_seconds
            ),
        )
        if reply.invoke_function_response.HasField("error"):
            error = reply.invoke_function_response.error
            if "not found" in error.error_reason or "No such" in error.error_reason:
                raise no_session(session_id)
            raise rejected("rename the session", error.error_reason)
        await self._remember(session_id, {NAME_VARIABLE: name})

    async def resize_session(self, session_id: SessionId, size: Size) -> None:
        """Ask for a session's grid; its window follows. The terminal may round."""
        reply = await self._call(
            "resize_session",
            lambda connection: rpc.async_set_property(
                connection,
                "grid_size",
                json.dumps({"width": size.columns, "height": size.rows}),
                session_id=session_id,
            ),
        )
        status = wire.SetPropertyResponse.Status
        match reply.set_property_response.status:
            case status.OK | status.DEFERRED:
                return
            case status.INVALID_TARGET:
                raise no_session(session_id)
            case other:
                raise rejected("resize the session", status.Name(other))

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
            raise rejected("resize", status.Name(reply.set_tab_layout_response.status))

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
            raise no_session(session_id)

    async def close_session(self, session_id: SessionId) -> None:
        """End a session without asking."""
        reply = await self._call(
            "close_session",
            lambda connection: rpc.async_close(connection, sessions=[session_id], force=True),
        )
        status = wire.CloseResponse.Status
        statuses = reply.close_response.statuses
        if not statuses or statuses[0] == status.NOT_FOUND:
            raise no_session(session_id)
        if statuses[0] != status.OK:
            raise rejected("close the session", status.Name(statuses[0]))


def _profile(connection: Connection, program: Program) -> dict[str, str]:
    return customizations(program, headless=connection.endpoint.kind == "headless")
