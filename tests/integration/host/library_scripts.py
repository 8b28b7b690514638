"""Scripts as users write them: the `iterm2` library, and nothing of ours.

``python library_scripts.py NAME`` runs one in a process of its own; it fails by an assertion.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import iterm2
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Connection = iterm2.Connection
Size = iterm2.util.Size
Scopes = iterm2.VariableScopes


async def open_window(
    connection: Connection, columns: int = 81, rows: int = 25, command: str = "/bin/cat"
) -> tuple[iterm2.App, iterm2.Window, iterm2.Session]:
    """Return the app, a window with a program that prints what is typed, and its session."""
    app = await iterm2.async_get_app(connection)
    wanted = iterm2.LocalWriteOnlyProfile()
    wanted.set_use_custom_command("Yes")
    wanted.set_command(command)
    for key, value in (("Columns", columns), ("Rows", rows), ("Scrollback Lines", 20)):
        wanted._simple_set(key, value)
    window = await iterm2.Window.async_create(connection, profile_customizations=wanted)
    assert app
    assert window
    session = window.current_tab and window.current_tab.current_session
    assert session
    return app, window, session


async def until(probe: Callable[[], Awaitable[object]]) -> None:
    while not await probe():  # noqa: ASYNC110 - only asking tells
        await asyncio.sleep(0.01)


async def refuses(call: Awaitable[object], kind: type[Exception], reason: str) -> None:
    try:
        await call
    except kind as error:
        said = str(error)
    else:
        said = "nothing"
    assert reason in said


@pytest.mark.answers("split_pane_request", "OK", source="2.6")
@pytest.mark.answers("create_tab_request", "OK", source="2.5")
@pytest.mark.answers("set_tab_layout_request", "OK", source="2.7")
@pytest.mark.answers("close_request", "OK", source="2.11")
@pytest.mark.behaves("app", source="5")
async def builds_a_layout(connection: Connection) -> None:
    _, window, left = await open_window(connection)
    right = await left.async_split_pane(vertical=True)
    below = await right.async_split_pane(vertical=False)
    tab = window.current_tab
    assert tab
    assert [one.session_id for one in tab.sessions] == [
        left.session_id, right.session_id, below.session_id
    ]  # fmt: skip
    assert tab.root.vertical
    left.preferred_size, right.preferred_size = Size(20, 25), Size(60, 8)
    below.preferred_size = Size(60, 16)
    await tab.async_update_layout()
    await left.async_set_variable("user.seen", value=True)  # by its answer the layout is told
    sizes = [(one.grid_size.width, one.grid_size.height) for one in tab.sessions if one.grid_size]
    assert sizes == [(20, 25), (60, 8), (60, 16)]
    first = await window.async_create_tab(command="/bin/cat", index=0, select=False)
    assert first
    assert [one.tab_id for one in window.tabs] == [first.tab_id, tab.tab_id]
    assert window.selected_tab_id == tab.tab_id
    await first.async_close(force=True)
    await below.async_close(force=True)
    await until(lambda: _true(len(tab.sessions) == 2 and len(window.tabs) == 1))


async def _true(fact: bool) -> bool:  # noqa: FBT001
    return fact


@pytest.mark.answers("get_buffer_request", "OK", source="2.2")
@pytest.mark.behaves("number_of_lines", source="2.8")
@pytest.mark.behaves("numbers", "lost lines", source="4")
async def reads_lines_by_their_numbers(connection: Connection) -> None:
    _, _, session = await open_window(connection, rows=10)
    await session.async_inject("".join(f"line {n}\r\n" for n in range(100)).encode())
    info = await session.async_get_line_info()
    assert (info.overflow, info.scrollback_buffer_height, info.mutable_area_height) == (71, 20, 10)
    assert info.first_visible_line_number == 91
    lines = await session.async_get_contents(80, 2)
    assert [line.string for line in lines] == ["line 80", "line 81"]
    kept = await session.async_get_contents(0, 73)
    assert [line.string for line in kept] == ["line 71", "line 72"]
    screen = await session.async_get_screen_contents()
    assert screen.windowed_coord_range.start.y == 91
    assert (screen.cursor_coord.x, screen.cursor_coord.y) == (0, 100)


@pytest.mark.behaves("cells", "empty cells", source="4")
@pytest.mark.behaves("code points", "links", source="D")
async def reads_cells_and_styles(connection: Connection) -> None:
    _, _, session = await open_window(connection)
    await session.async_inject(
        "\x1b[1;31mR\x1b[0m世e\u0301\U0001f600\x1b[3;48;2;1;2;3mT\x1b[0m".encode()
        + b"\x1b]8;;http://example.com\x07L\x1b]8;;\x07" + b"\x1b[20Cx"
    )  # fmt: skip
    line = (await session.async_get_screen_contents()).line(0)
    assert [line.string_at(x) for x in range(7)] == [
        "R",
        "世",
        "",
        "e\u0301",
        "\U0001f600",
        "",
        "T",
    ]
    assert line.string.endswith("L" + "\0" * 20 + "x")
    red, true, link = line.style_at(0), line.style_at(6), line.style_at(7)
    assert red
    assert red.bold
    assert red.fg_color
    assert red.fg_color.standard == 1
    assert true
    assert true.italic
    assert true.bg_color
    assert true.bg_color.rgb.blue == 3
    assert link
    assert link.url
    assert link.url.url == "http://example.com"
    assert line.hard_eol


@pytest.mark.notifies("NOTIFY_ON_SCREEN_UPDATE", source="3.6")
@pytest.mark.behaves("monitors", source="5")
async def follows_the_screen(connection: Connection) -> None:
    # The library sees only changes that come while it waits, so they must not cease.
    ticking = "/bin/sh -c 'while :; do echo tick; sleep 0.05; done'"
    _, _, session = await open_window(connection, command=ticking)
    async with session.get_screen_streamer() as streamer:
        shown: list[str] = []
        while shown.count("tick") < 3:
            screen = await streamer.async_get()
            assert screen
            shown = [screen.line(n).string for n in range(screen.number_of_lines)]


@pytest.mark.answers("variable_request", "OK", "INVALID_NAME", source="2.10")
@pytest.mark.notifies("NOTIFY_ON_VARIABLE_CHANGE", source="3.9")
@pytest.mark.behaves("monitors", source="5")
async def keeps_and_watches_variables(connection: Connection) -> None:
    app, window, session = await open_window(connection)
    tab = window.current_tab
    assert tab
    value = {"nested": [1, "zwei", None]}
    for one in (app, window, tab, session):
        await one.async_set_variable("user.mine", value)
        assert await one.async_get_variable("user.mine") == value
    assert await session.async_get_variable("tab.user.mine") == value
    assert await session.async_get_variable("no.such") is None
    await refuses(session.async_set_variable("name", 1), iterm2.RPCException, "INVALID_NAME")
    async with iterm2.VariableMonitor(
        connection, Scopes.SESSION, "terminalWindowName", session.session_id
    ) as monitor:
        await session.async_inject(b"\x1b]2;a title\x07")
        assert await monitor.async_get() == "a title"
    async with iterm2.VariableMonitor(connection, Scopes.APP, "user.mine", None) as monitor:
        await app.async_set_variable("user.mine", None)
        assert await monitor.async_get() is None


@pytest.mark.answers("invoke_function_request", "success", "FAILED", source="2.21")
@pytest.mark.behaves("iterm2.set_name", "iterm2.set_title", source="2.21")
async def names_what_it_opens(connection: Connection) -> None:
    _, window, session = await open_window(connection)
    tab = window.current_tab
    assert tab
    name = 'the "quoted" \\ näme'
    await session.async_set_name(name)
    assert (await session.async_get_variable("name")).startswith(name)
    await tab.async_set_title("a tab")
    await window.async_set_title("a window")
    assert await tab.async_get_variable("title") == "a tab"
    assert await window.async_get_variable("title") == "a window"
    await tab.async_set_title("")
    assert await tab.async_get_variable("titleOverride") is None
    await refuses(session.async_invoke_function("f()"), iterm2.RPCException, "FAILED")


@pytest.mark.answers("activate_request", "OK", source="2.13")
@pytest.mark.notifies("NOTIFY_ON_FOCUS_CHANGE", source="3.4")
@pytest.mark.behaves("focus", source="5")
async def moves_the_focus(connection: Connection) -> None:
    app, first, session = await open_window(connection)
    split = await session.async_split_pane()
    _, second, _ = await open_window(connection)
    assert app.current_window is not None
    assert app.current_window.window_id == second.window_id
    async with iterm2.FocusMonitor(connection) as monitor:
        await session.async_activate(select_tab=True, order_window_front=True)
        active = None
        while active != session.session_id:
            update = (await monitor.async_get_next_update()).active_session_changed
            active = update and update.session_id
    await app.async_refresh_focus()
    assert app.current_window.window_id == first.window_id
    tab = first.current_tab
    assert tab
    assert tab.active_session_id == session.session_id
    await split.async_activate()
    await app.async_refresh_focus()
    assert tab.active_session_id == split.session_id
    await app.async_activate()
    assert app.app_active


@pytest.mark.answers("set_property_request", "OK", "FAILED", source="2.8")
@pytest.mark.answers("get_property_request", "OK", source="2.8")
@pytest.mark.behaves("frame", "grid_size", "fullscreen", source="2.8")
async def sizes_a_window(connection: Connection) -> None:
    _, window, session = await open_window(connection)
    frame = await window.async_get_frame()
    assert (frame.size.width, frame.size.height) == (81 * 8, 25 * 16)
    frame.origin, frame.size = iterm2.Point(5, 6), Size(800, 480)
    await window.async_set_frame(frame)
    after = await window.async_get_frame()
    assert (after.origin.x, after.size.width) == (5, 800)
    await session.async_set_grid_size(Size(60, 12))
    assert await session.async_get_variable("columns") == 60
    beside = await session.async_split_pane(vertical=True)
    await session.async_set_grid_size(Size(30, 8))
    sizes = [
        [await one.async_get_variable(v) for v in ("columns", "rows")] for one in (session, beside)
    ]
    assert sizes == [[30, 8], [29, 8]]
    assert not await window.async_get_fullscreen()
    whole = window.async_set_fullscreen(fullscreen=True)
    await refuses(whole, iterm2.SetPropertyException, "")  # the library keeps the reason


@pytest.mark.answers("set_profile_property_request", "OK", source="2.9")
@pytest.mark.answers("get_profile_property_request", "OK", source="2.9")
@pytest.mark.answers("list_profiles_request", source="2.9")
async def changes_a_profile(connection: Connection) -> None:
    _, _, session = await open_window(connection)
    profile = await session.async_get_profile()
    assert profile.name == "Default"
    await profile.async_set_badge_text("a badge")
    change = iterm2.LocalWriteOnlyProfile()
    change.set_name("builder")
    await session.async_set_profile_properties(change)
    after = await session.async_get_profile()
    assert (after.name, after.badge_text) == ("builder", "a badge")
    assert await session.async_get_variable("badge") == "a badge"
    (default,) = await iterm2.PartialProfile.async_query(connection)
    assert default.name == "Default"
    await session.async_set_profile(await default.async_get_full_profile())
    again = await session.async_get_profile()
    assert (again.name, again.badge_text) == ("Default", "")


@pytest.mark.notifies("NOTIFY_ON_NEW_SESSION", source="3.1")
@pytest.mark.notifies("NOTIFY_ON_TERMINATE_SESSION", source="3.2")
@pytest.mark.notifies("NOTIFY_ON_LAYOUT_CHANGE", source="3.3")
@pytest.mark.behaves("monitors", source="5")
async def is_told_of_sessions(connection: Connection) -> None:
    _, _, session = await open_window(connection)
    async with (
        iterm2.NewSessionMonitor(connection) as opened,
        iterm2.SessionTerminationMonitor(connection) as ended,
        iterm2.LayoutChangeMonitor(connection) as layout,
    ):
        split = await session.async_split_pane()
        assert await opened.async_get() == split.session_id
        await layout.async_get()
        await split.async_send_text("exit\n")
        assert await ended.async_get() == split.session_id


@pytest.mark.answers("transaction_request", "OK", source="2.15")
async def works_in_a_transaction(connection: Connection) -> None:
    app, _, session = await open_window(connection)
    async with iterm2.Transaction(connection):
        before = await session.async_get_screen_contents()
        await session.async_send_text("later\n")
        after = await session.async_get_screen_contents()
        assert [before.line(n).string for n in range(25)] == [
            after.line(n).string for n in range(25)
        ]
        assert app.get_session_by_id(session.session_id)

    async def shown() -> bool:
        return (await session.async_get_screen_contents()).line(1).string == "later"

    await until(shown)


@pytest.mark.answers(
    "split_pane_request", "INVALID_PROFILE_NAME", "SESSION_NOT_FOUND", source="2.6"
)
@pytest.mark.answers(
    "create_tab_request", "INVALID_PROFILE_NAME", "INVALID_WINDOW_ID", source="2.5"
)
@pytest.mark.answers("close_request", "NOT_FOUND", source="2.11")
@pytest.mark.answers("get_buffer_request", "SESSION_NOT_FOUND", source="2.2")
@pytest.mark.answers("variable_request", "SESSION_NOT_FOUND", source="2.10")
@pytest.mark.answers("get_profile_property_request", "SESSION_NOT_FOUND", source="2.9")
@pytest.mark.answers("inject_request", "SESSION_NOT_FOUND", source="2.14")
@pytest.mark.answers("get_property_request", "INVALID_TARGET", source="2.8")
@pytest.mark.behaves("errors", source="5")
async def is_told_what_is_gone(connection: Connection) -> None:
    _, window, session = await open_window(connection)
    rpc = iterm2.RPCException
    await refuses(session.async_split_pane(profile="no"), iterm2.SplitPaneException, "INVALID")
    await refuses(window.async_create_tab(profile="no"), iterm2.CreateTabException, "INVALID")
    await session.async_close(force=True)
    await refuses(session.async_close(force=True), rpc, "NOT_FOUND")
    await refuses(session.async_get_screen_contents(), rpc, "SESSION_NOT_FOUND")
    await refuses(session.async_get_variable("name"), rpc, "SESSION_NOT_FOUND")
    await refuses(session.async_get_profile(), rpc, "SESSION_NOT_FOUND")
    await refuses(session.async_inject(b"x"), rpc, "SESSION_NOT_FOUND")
    await refuses(session.async_get_line_info(), rpc, "INVALID_TARGET")
    await refuses(session.async_set_name("x"), rpc, "not found")
    await refuses(session.async_split_pane(), iterm2.SplitPaneException, "SESSION_NOT_FOUND")
    await refuses(window.async_create_tab(), iterm2.CreateTabException, "INVALID_WINDOW_ID")


SCRIPTS = [
    builds_a_layout,
    reads_lines_by_their_numbers,
    reads_cells_and_styles,
    follows_the_screen,
    keeps_and_watches_variables,
    names_what_it_opens,
    moves_the_focus,
    sizes_a_window,
    changes_a_profile,
    is_told_of_sessions,
    works_in_a_transaction,
    is_told_what_is_gone,
]

if __name__ == "__main__":
    by_name = {script.__name__: script for script in SCRIPTS}
    iterm2.run_until_complete(by_name[sys.argv[1]])
