"""API examples whose trigger needs a screen or keys: they start, register, and can be called.

Keys come from the host's own function, as from a window that a person has attached.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import iterm2
from tests.integration.host.examples.kit import (
    SESSION_ID,
    Connection,
    main,
    open_tabs,
    open_window,
    running,
    shown_text,
    split_pane,
    until_equal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = {
    "characters": "", "charactersIgnoringModifiers": "", "modifiers": [], "keyCode": 0,
    "action": "KEY_DOWN", "bytes": "",
}  # fmt: skip

COLUMNS: Any = iterm2.Reference("columns")
MOUSE_MODE: Any = iterm2.Reference("mouseReportingMode?")
NAME: Any = iterm2.Reference("autoName?")
SELECTION: Any = iterm2.Reference("selection")
ENVIRONMENT: Any = iterm2.Reference("user.venv?")


async def press(session: iterm2.Session, **key: object) -> None:
    """Press a key in a session."""
    said = ", ".join(f"{name}: {json.dumps(value)}" for name, value in (KEY | key).items())
    await session.async_invoke_function(f"iterm_mcp.press_key({said})")


async def broadcast(connection: Connection) -> None:
    """API examples: broadcast. What is typed in one session is typed in another by the script."""
    _, _, session = await open_window(connection)
    other = await split_pane(session)

    async def example(ready: Callable[[], None]) -> None:
        async with iterm2.KeystrokeMonitor(connection, session.session_id) as monitor:
            ready()
            while True:
                key = await monitor.async_get()
                await other.async_send_text(key.characters, suppress_broadcast=True)

    async with running(example):
        for letter in "hi":
            await press(session, characters=letter, charactersIgnoringModifiers=letter)
        await until_equal(lambda: shown_text(other), "hi")


async def function_key_tabs(connection: Connection) -> None:
    """API examples: function_key_tabs. Function keys choose tabs, and are kept from programs."""
    app, window, tabs = await open_tabs(connection, "one two three")
    keys = [iterm2.Keycode.F1, iterm2.Keycode.F2, iterm2.Keycode.F3]
    pattern = iterm2.KeystrokePattern()
    pattern.keycodes = keys

    async def example(ready: Callable[[], None]) -> None:
        async with (
            iterm2.KeystrokeMonitor(connection) as monitor,
            iterm2.KeystrokeFilter(connection, [pattern]),
        ):
            ready()
            while True:
                key = await monitor.async_get()
                if key.keycode in keys:
                    await window.tabs[keys.index(key.keycode)].async_select()

    async def selected() -> str | None:
        await app.async_refresh_focus()
        return window.selected_tab_id

    session = tabs[2].current_session
    assert session
    async with running(example):
        for place in (0, 1):
            await press(session, keyCode=keys[place].value, bytes="\x1bOP")
            await until_equal(selected, tabs[place].tab_id)
        assert await shown_text(session) == ""


async def escindicator(connection: Connection) -> None:
    """API examples: escindicator. A variable of the app says that escape was pressed."""
    app, _, session = await open_window(connection)

    async def example(ready: Callable[[], None]) -> None:
        async with iterm2.KeystrokeMonitor(connection) as monitor:
            ready()
            while True:
                key = await monitor.async_get()
                escaped = key.keycode == iterm2.Keycode.ESCAPE
                await app.async_set_variable("user.escaped", escaped)

    async with running(example):
        for code, said in ((iterm2.Keycode.ESCAPE, True), (iterm2.Keycode.ANSI_A, False)):
            await press(session, keyCode=code.value)
            await until_equal(lambda: app.async_get_variable("user.escaped"), said)
    await app.async_set_variable("user.escaped", None)


async def titles(connection: Connection) -> None:
    """API examples: badgetitle, georges_title. Functions offer sessions' titles."""
    _, _, session = await open_window(connection)

    @iterm2.TitleProviderRPC
    async def upper_title(name: str = NAME) -> str:
        return str(name).upper()

    await upper_title.async_register(connection, "In capitals", "com.example.upper-title")
    await session.async_set_name("quiet")
    title = await session.async_invoke_function("title.com.example.upper_title.upper_title()")
    assert title == "QUIET"


async def status_bars(connection: Connection) -> None:
    """API examples: diskspace, gmtclock, mousemode, statusbar, venv, weather, unread.

    Functions offer what a status bar shows: of every kind of knob, of variables, and a count.
    """
    _, _, session = await open_window(connection)
    icon = iterm2.StatusBarComponent.Icon(1, "aWNvbg==")
    component = iterm2.StatusBarComponent(
        short_description="Of everything",
        detailed_description="Says what a session is like",
        knobs=[
            iterm2.CheckboxKnob("Short", default_value=False, key="short"),
            iterm2.StringKnob("Unit", "columns", "columns", "unit"),
            iterm2.PositiveFloatingPointKnob("Every", 1.5, "every"),
            iterm2.ColorKnob("Colour", iterm2.Color(1, 2, 3), "color"),
        ],
        exemplar="80 columns",
        update_cadence=60,
        identifier="com.example.everything",
        icons=[icon],
    )

    @iterm2.StatusBarRPC
    async def everything(
        knobs: dict[str, Any],
        columns: int = COLUMNS,
        mouse: int | None = MOUSE_MODE,
        environment: str | None = ENVIRONMENT,
    ) -> list[str]:
        return [f"{columns} {knobs['unit']}, mouse {mouse}, {environment}", str(columns)]

    async def clicked(_session_id: str) -> None:
        """Do nothing: nobody can click."""

    await component.async_register(connection, everything, onclick=clicked)
    await component.async_set_unread_count(None, 3)
    await component.async_set_unread_count(session.session_id, 0)
    knobs = json.dumps(json.dumps({"unit": "columns"}))
    name = "statusbar.com.example.everything.everything"
    said = await session.async_invoke_function(f"{name}(knobs: {knobs})")
    assert said == ["80 columns, mouse -1, None", "80"]


async def sumselection(connection: Connection) -> None:
    """API examples: sumselection. An item of the context menu adds the numbers selected."""
    _, _, session = await open_window(connection)

    @iterm2.ContextMenuProviderRPC
    async def add(selection: str = SELECTION, session_id: str = SESSION_ID) -> str:
        return f"{sum(map(int, selection.split()))} in {session_id}"

    await add.async_register(connection, "Add them up", "com.example.add-up")
    await session.async_inject(b"1 20 300")
    span = iterm2.util.CoordRange(iterm2.Point(0, 0), iterm2.Point(8, 0))
    part = iterm2.SubSelection(
        iterm2.util.WindowedCoordRange(span), iterm2.SelectionMode.CHARACTER, connected=False
    )
    await session.async_set_selection(iterm2.Selection([part]))
    said = await session.async_invoke_function("contextMenu.com.example.add_up.add()")
    assert said == f"321 in {session.session_id}"


async def targeted_input(connection: Connection) -> None:
    """API examples: targeted_input. It registers a tool, and types where the tool would say."""
    app, _, session = await open_window(connection)
    await iterm2.tool.async_register_web_view_tool(
        connection,
        "Targeted input",
        "com.example.input",
        reveal_if_already_registered=False,
        url="http://localhost:9999/",
    )
    await split_pane(session)
    for window in app.terminal_windows:
        for tab in window.tabs:
            for each in tab.sessions:
                await each.async_send_text("to each\n")
    await until_equal(lambda: shown_text(session), "to each\nto each")


SCRIPTS = [
    broadcast,
    function_key_tabs,
    escindicator,
    titles,
    status_bars,
    sumselection,
    targeted_input,
]

if __name__ == "__main__":
    main(*SCRIPTS)
