"""API examples that order, choose, close and fill tabs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import iterm2
from tests.integration.host.examples.kit import (
    SESSION_ID,
    Connection,
    main,
    open_tabs,
    open_window,
    running,
    shown_tabs,
    shown_text,
    split_pane,
    until_equal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

invoke = iterm2.async_invoke_function


async def sorttabs(connection: Connection) -> None:
    """API examples: sorttabs. It sorts a window's tabs by their sessions' names."""
    app, window, _ = await open_tabs(connection, "plum apple fig")

    @iterm2.RPC
    async def sort_tabs() -> None:
        for one in app.terminal_windows:
            names = {
                tab.tab_id: await tab.async_get_variable("currentSession.name") for tab in one.tabs
            }
            await one.async_set_tabs(sorted(one.tabs, key=lambda tab: names[tab.tab_id]))

    await sort_tabs.async_register(connection)
    await invoke(connection, "sort_tabs()")
    assert await shown_tabs(app, window) == "apple fig plum"


async def movetab(connection: Connection) -> None:
    """API examples: movetab. It moves the current tab one place on, round the end."""
    app, window, tabs = await open_tabs(connection, "one two three")

    async def move(step: int) -> None:
        await app.async_refresh()
        order = list(window.tabs)
        current = window.current_tab
        assert current
        place = (order.index(current) + step) % len(order)
        order.remove(current)
        order.insert(place, current)
        await window.async_set_tabs(order)

    @iterm2.RPC
    async def move_tab_left() -> None:
        await move(-1)

    @iterm2.RPC
    async def move_tab_right() -> None:
        await move(1)

    await move_tab_left.async_register(connection)
    await move_tab_right.async_register(connection)
    for name, wanted in (
        ("left", "one three two"), ("left", "three one two"), ("left", "one two three"),
        ("right", "three one two"),
    ):  # fmt: skip
        await invoke(connection, f"move_tab_{name}()")
        assert await shown_tabs(app, window) == wanted
    assert window.selected_tab_id == tabs[2].tab_id


async def enable_broadcasting(connection: Connection) -> None:
    """API examples: enable_broadcasting. What is typed in one pane of a tab is typed in all."""
    app, window, session = await open_window(connection)
    other = await split_pane(session)
    domains = []
    for tab in window.tabs:
        domain = iterm2.BroadcastDomain()
        for each in tab.sessions:
            domain.add_session(each)
        domains.append(domain)
    await iterm2.async_set_broadcast_domains(connection, domains)
    await session.async_send_text("both\n")
    for each in (session, other):
        await until_equal(partial(shown_text, each), "both\nboth")
    await app.async_refresh_broadcast_domains()
    (found,) = app.broadcast_domains
    assert {each.session_id for each in found.sessions} == {session.session_id, other.session_id}
    await session.async_send_text("one\n", suppress_broadcast=True)
    await until_equal(lambda: shown_text(session), "both\nboth\none\none")
    assert "one" not in await shown_text(other)
    await iterm2.async_set_broadcast_domains(connection, [])


async def cls(connection: Connection) -> None:
    """API examples: cls. It clears every session, with what has scrolled away."""
    app, _, session = await open_window(connection)
    other = await split_pane(session, vertical=True)

    @iterm2.RPC
    async def clear_all_sessions() -> None:
        for window in app.terminal_windows:
            for tab in window.tabs:
                for each in tab.sessions:
                    await each.async_inject(b"\x1b]1337;ClearScrollback\x07")

    await clear_all_sessions.async_register(connection)
    for each in (session, other):
        await each.async_inject(b"".join(b"line %d\r\n" % number for number in range(100)))
    await invoke(connection, "clear_all_sessions()")
    for each in (session, other):
        info = await each.async_get_line_info()
        assert info.scrollback_buffer_height == 0
        assert await shown_text(each) == ""


async def close_to_the_right(connection: Connection) -> None:
    """API examples: close_to_the_right. It closes the tabs behind the current one."""
    app, window, tabs = await open_tabs(connection, "one two three four")

    @iterm2.RPC
    async def close_tabs_to_the_right(session_id: str = SESSION_ID) -> None:
        session = app.get_session_by_id(session_id)
        assert session
        tab = session.tab
        assert tab
        assert tab.window
        for each in tab.window.tabs[tab.window.tabs.index(tab) + 1 :]:
            await each.async_close(force=True)

    await close_tabs_to_the_right.async_register(connection)
    session = tabs[1].current_session
    assert session
    await session.async_invoke_function("close_tabs_to_the_right()")
    assert await shown_tabs(app, window) == "one two"


async def mrutabs(connection: Connection) -> None:
    """API examples: mrutabs. The tab that was chosen last comes first."""
    app, window, tabs = await open_tabs(connection, "one two three")

    async def example(ready: Callable[[], None]) -> None:
        async with iterm2.FocusMonitor(connection) as monitor:
            ready()
            while True:
                update = await monitor.async_get_next_update()
                if update.selected_tab_changed:
                    chosen = app.get_tab_by_id(update.selected_tab_changed.tab_id)
                    assert chosen
                    others = [tab for tab in window.tabs if tab.tab_id != chosen.tab_id]
                    await window.async_set_tabs([chosen, *others])

    async with running(example):
        await tabs[1].async_select()
        await until_equal(lambda: shown_tabs(app, window), "two one three")
        await tabs[2].async_select()
        await until_equal(lambda: shown_tabs(app, window), "three two one")


async def mrutabs2(connection: Connection) -> None:
    """API examples: mrutabs2. It goes back to the tab that was chosen before, by a function."""
    app, window, tabs = await open_tabs(connection, "one two three")
    recent = [window.selected_tab_id]

    @iterm2.RPC
    async def choose_previous_tab() -> None:
        tab = app.get_tab_by_id(recent[-2] or "")
        assert tab
        await tab.async_select()

    async def example(ready: Callable[[], None]) -> None:
        async with iterm2.FocusMonitor(connection) as monitor:
            await choose_previous_tab.async_register(connection)
            ready()
            while True:
                update = await monitor.async_get_next_update()
                if update.selected_tab_changed:
                    recent.append(update.selected_tab_changed.tab_id)

    async def history() -> list[str | None]:
        return recent[-2:]

    one, three = tabs[0].tab_id, tabs[2].tab_id
    async with running(example):
        await tabs[0].async_select()
        await until_equal(history, [three, one])
        await invoke(connection, "choose_previous_tab()")
        await until_equal(history, [one, three])
        await invoke(connection, "choose_previous_tab()")
        await until_equal(history, [three, one])
    await app.async_refresh_focus()
    assert window.selected_tab_id == one


async def apply_layout(connection: Connection) -> None:
    """API examples: apply_layout. By a function, a tab gets a pane beside and one below it."""
    app, window, session = await open_window(connection)

    @iterm2.RPC
    async def three_panes(session_id: str = SESSION_ID) -> None:
        session = app.get_session_by_id(session_id)
        assert session
        assert session.tab
        profile = await session.async_get_profile()
        guid = profile.original_guid or profile.guid
        new: dict[str, Any] = {"new_session": {"profile": guid, "command": "/bin/cat"}}
        right = {"vertical": False, "children": [new, new]}
        root = {"vertical": True, "children": [{"session_id": session_id}, right]}
        await app.async_apply_layout({"tabs": [{"tab_id": session.tab.tab_id, "root": root}]})

    await three_panes.async_register(connection)
    await session.async_invoke_function("three_panes()")
    await app.async_refresh()
    tab = window.current_tab
    assert tab
    assert [each.session_id == session.session_id for each in tab.sessions] == [True, False, False]
    assert [len(tab.root.children), len(tab.root.children[1].children)] == [2, 2]  # type: ignore[union-attr] # as it is


SCRIPTS = [
    sorttabs,
    movetab,
    enable_broadcasting,
    cls,
    close_to_the_right,
    mrutabs,
    mrutabs2,
    apply_layout,
]

if __name__ == "__main__":
    main(*SCRIPTS)
