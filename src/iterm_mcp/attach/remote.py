"""The host's window that is shown, as its API tells it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iterm2 import api_pb2 as wire
from iterm2 import rpc

from iterm_mcp.attach.layout import panes
from iterm_mcp.attach.modes import Modes
from iterm_mcp.attach.picture import Screen
from iterm_mcp.attach.wire_cells import line_cells, tree_of
from iterm_mcp.terminal.wire_values import leaves

if TYPE_CHECKING:
    from iterm_mcp.attach.layout import Node
    from iterm_mcp.attach.pressed import Key
    from iterm_mcp.terminal.connection import Connection

_TOPICS = (
    wire.NOTIFY_ON_SCREEN_UPDATE, wire.NOTIFY_ON_LAYOUT_CHANGE, wire.NOTIFY_ON_FOCUS_CHANGE
)  # fmt: skip


_MODES = ("iterm_mcp.input", "applicationKeypad", "iterm_mcp.cursorVisible")


class NothingToShowError(Exception):
    """There is no such window; the text says which there are."""


class WindowView:
    """One window, as last read.

    Attributes:
        tabs: The tabs' ids and panes in order.
        selected: The place of the selected tab.
        active: The session that has the focus in it.
        screens: What the sessions show, by session.
        modes: What the session that has the focus wants of a terminal.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.window_id = ""
        self.tabs: list[tuple[str, Node]] = []
        self.selected = 0
        self.active = ""
        self.screens: dict[str, Screen] = {}
        self.modes = Modes()

    async def open(self, target: str | None) -> None:
        """Find a window by its id or a session's, or take the current one; watch it.

        Raises:
            NothingToShowError: There is none.
        """
        for topic in _TOPICS:
            session = "all" if topic == wire.NOTIFY_ON_SCREEN_UPDATE else None
            await rpc.async_notification_request(self._connection, True, topic, session=session)  # noqa: FBT003 - its signature
        names = wire.VariableMonitorRequest(
            name="name", scope=wire.VariableScope.SESSION, identifier="all"
        )
        await rpc.async_notification_request(
            self._connection, True, wire.NOTIFY_ON_VARIABLE_CHANGE,  # noqa: FBT003 - its signature
            variable_monitor_request=names,
        )  # fmt: skip
        windows = (await rpc.async_list_sessions(self._connection)).list_sessions_response.windows
        ids = {
            one.window_id: [leaf.unique_identifier for tab in one.tabs for leaf in leaves(tab.root)]
            for one in windows
        }
        if not ids:
            raise NothingToShowError("the host has no window")
        found = [one for one, inside in ids.items() if target == one or target in inside]
        if target is None:
            focus = (await rpc.async_get_focus_info(self._connection)).focus_response
            current = {event.window.window_id for event in focus.notifications}
            found = [one for one in ids if one in current] or list(ids)
        if not found:
            listed = "".join(f"\n  {one}  {' '.join(inside)}" for one, inside in ids.items())
            raise NothingToShowError(f"no window or session {target!r}; these are open:{listed}")
        self.window_id = found[0]
        if target is not None and target != self.window_id:
            await self.focus(target)

    async def read_layout(self) -> bool:
        """Read the window's tabs and panes; tell whether it is still there."""
        listing = (await rpc.async_list_sessions(self._connection)).list_sessions_response
        window = next((one for one in listing.windows if one.window_id == self.window_id), None)
        if window is None or not window.tabs:
            return False
        self.tabs = [(tab.tab_id, tree_of(tab.root)) for tab in window.tabs]
        ids = [tab.tab_id for tab in window.tabs]
        chosen = window.selected_tab_id
        self.selected = ids.index(chosen) if chosen in ids else 0
        self.active = window.tabs[self.selected].active_session_id
        shown = {one.pane.session_id for one in panes(self.tabs[self.selected][1])}
        self.screens = {key: one for key, one in self.screens.items() if key in shown}
        return True

    async def read_screen(self, session_id: str) -> None:
        """Read what a session shows; one that has just ended keeps its last screen."""
        reply = await rpc.async_get_screen_contents(self._connection, session_id, style=True)
        buffer = reply.get_buffer_response
        if buffer.status == wire.GetBufferResponse.Status.OK:
            top = buffer.windowed_coord_range.coord_range.start.y
            lines = [line_cells(line) for line in buffer.contents]
            cursor = (buffer.cursor.x, buffer.cursor.y - top)
            self.screens[session_id] = Screen(lines, cursor)

    async def read_modes(self) -> None:
        """Read what the session that has the focus wants; of one that has ended, nothing."""
        reply = await rpc.async_variable(self._connection, self.active, gets=_MODES)
        wanted, keypad, cursor = map(json.loads, reply.variable_response.values or ["null"] * 3)
        wanted = wanted or {}
        self.modes = Modes(
            application_cursor=bool(wanted.get("applicationCursor")),
            application_keypad=bool(keypad),
            bracketed_paste=bool(wanted.get("bracketedPaste")),
            shows_cursor=cursor is not False,
        )

    async def press(self, key: Key) -> None:
        """Press a key in the session that has the focus: scripts that watch keys see it."""
        names = ", ".join(_quoted(one) for one in key.modifiers)
        await rpc.async_invoke_function(
            self._connection,
            f"iterm_mcp.press_key(characters: {_quoted(key.characters)},"
            f" charactersIgnoringModifiers: {_quoted(key.plain)}, modifiers: [{names}],"
            f' keyCode: {key.code}, action: "KEY_DOWN", bytes: {_quoted(key.sent)})',
            session_id=self.active,
        )

    async def type(self, text: str) -> None:
        """Type into the session that has the focus."""
        await rpc.async_send_text(self._connection, self.active, text, False)  # noqa: FBT003 - its signature

    async def focus(self, session_id: str) -> None:
        """Give a session the focus, in its tab."""
        await rpc.async_activate(
            self._connection, select_session=True, select_tab=True, order_window_front=True,
            session_id=session_id,
        )  # fmt: skip
        self.active = session_id

    async def select_tab(self, step: int) -> None:
        """Select the tab so many further on, round the end."""
        tab_id, _ = self.tabs[(self.selected + step) % len(self.tabs)]
        await rpc.async_activate(
            self._connection, select_session=False, select_tab=True, order_window_front=True,
            tab_id=tab_id,
        )  # fmt: skip

    async def resize(self, columns: int, rows: int) -> None:
        """Give the window a grid, as far as its panes allow."""
        # The API speaks of points: a cell's size is found by asking for one pane's frame.
        listing = (await rpc.async_list_sessions(self._connection)).list_sessions_response
        window = next((one for one in listing.windows if one.window_id == self.window_id), None)
        if window is None:
            return
        leaf = next(leaves(window.tabs[0].root))
        size, grid = leaf.frame.size, leaf.grid_size
        width, height = size.width // grid.width, size.height // grid.height
        frame = {
            "origin": {"x": window.frame.origin.x, "y": window.frame.origin.y},
            "size": {"width": columns * width, "height": rows * height},
        }
        await rpc.async_set_property(
            self._connection, "frame", json.dumps(frame), window_id=self.window_id
        )


def _quoted(text: str) -> str:
    """Return a string of the language of invocations, which has no numbers for characters."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
