"""API examples that choose profiles, and change what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import iterm2
from tests.integration.host.examples.kit import (
    SESSION_ID,
    Connection,
    main,
    open_window,
    running,
    until_equal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

GREEN = iterm2.Color(0, 200, 0)

invoke = iterm2.async_invoke_function


async def full_profile(connection: Connection, name: str) -> iterm2.Profile:
    """Return a shared profile by its name."""
    for each in await iterm2.PartialProfile.async_query(connection):
        if each.name == name:
            return await each.async_get_full_profile()
    raise AssertionError(name)


async def tab_color(session: iterm2.Session) -> float | None:
    """Return how green a session's tab is."""
    profile = await session.async_get_profile()
    return profile.tab_color.green if profile.use_tab_color and profile.tab_color else None


async def paint(session: iterm2.Session, color: iterm2.Color | None) -> None:
    """Give a session's tab a colour, or none."""
    change = iterm2.LocalWriteOnlyProfile()
    change.set_use_tab_color(color is not None)
    if color:
        change.set_tab_color(color)
    await session.async_set_profile_properties(change)


async def setprofile(connection: Connection) -> None:
    """API examples: setprofile. All sessions of a window get another profile, by its name."""
    _, window, session = await open_window(connection)
    other = await session.async_split_pane()
    default = await full_profile(connection, "Default")
    for each in (session, other):
        change = iterm2.LocalWriteOnlyProfile()
        change.set_badge_text("own")
        await each.async_set_profile_properties(change)
        assert (await each.async_get_profile()).original_guid == default.guid
    for tab in window.tabs:
        for each in tab.sessions:
            await each.async_set_profile(default)
    for each in (session, other):
        profile = await each.async_get_profile()
        assert (profile.guid, profile.badge_text) == (default.guid, "")


async def change_default_profile(connection: Connection) -> None:
    """API examples: change_default_profile. It makes a profile the default one, by its name."""
    before = await iterm2.Profile.async_get_default(connection)
    wanted = await full_profile(connection, "Default")
    await wanted.async_make_default()
    assert (await iterm2.Profile.async_get_default(connection)).guid == wanted.guid
    await before.async_make_default()


async def settabcolor(connection: Connection) -> None:
    """API examples: settabcolor. The current session's tab gets a colour, that session's alone."""
    app, window, session = await open_window(connection)
    other = await session.async_split_pane()
    await session.async_activate()
    await app.async_refresh_focus()
    current = app.current_window and app.current_window.current_tab
    assert current
    assert app.current_window == window
    assert current.current_session
    await paint(current.current_session, GREEN)
    assert await tab_color(session) == 200
    assert await tab_color(other) is None


async def copycolor(connection: Connection) -> None:
    """API examples: copycolor. A new session's tab has the colour of the one chosen before."""
    app, window, session = await open_window(connection)

    async def example(ready: Callable[[], None]) -> None:
        async with iterm2.NewSessionMonitor(connection) as monitor:
            ready()
            while True:
                opened = app.get_session_by_id(await monitor.async_get())
                profile = await session.async_get_profile()
                if opened:
                    await paint(opened, profile.tab_color if profile.use_tab_color else None)

    async with running(example):
        await paint(session, GREEN)
        split = await session.async_split_pane()
        await until_equal(lambda: tab_color(split), 200)
        tab = await window.async_create_tab()
        assert tab
        assert tab.current_session
        opened = tab.current_session
        await until_equal(lambda: tab_color(opened), 200)


async def increase_font_size(connection: Connection) -> None:
    """API examples: increase_font_size. A function makes every session's font larger."""
    app, _, session = await open_window(connection)
    other = await session.async_split_pane()

    @iterm2.RPC
    async def increase_font_size() -> None:
        for window in app.terminal_windows:
            for tab in window.tabs:
                for each in tab.sessions:
                    font = (await each.async_get_profile()).normal_font
                    assert font
                    name, _, size = font.rpartition(" ")
                    change = iterm2.LocalWriteOnlyProfile()
                    change.set_normal_font(f"{name} {int(size) + 2}")
                    await each.async_set_profile_properties(change)

    async def fonts() -> list[str | None]:
        return [(await each.async_get_profile()).normal_font for each in (session, other)]

    await increase_font_size.async_register(connection)
    assert await fonts() == ["Monaco 12", "Monaco 12"]
    for size in (14, 16):
        await invoke(connection, "increase_font_size()")
        assert await fonts() == [f"Monaco {size}"] * 2


async def resizeall(connection: Connection) -> None:
    """API examples: resizeall. A function gives all windows the size of the current one."""
    app, first, one = await open_window(connection)
    _, second, other = await open_window(connection)

    @iterm2.RPC
    async def resize_all() -> None:
        await app.async_refresh_focus()
        current = app.current_window
        assert current
        frame = await current.async_get_frame()  # the library's frames share their parts
        width, height = frame.size.width, frame.size.height
        for window in app.terminal_windows:
            frame = await window.async_get_frame()
            frame.size = iterm2.util.Size(width, height)
            await window.async_set_frame(frame)

    await resize_all.async_register(connection)
    await other.async_set_grid_size(iterm2.util.Size(100, 30))
    await invoke(connection, "resize_all()")
    for window in (first, second):
        frame = await window.async_get_frame()
        assert (frame.size.width, frame.size.height) == (800, 480)
    for session in (one, other):
        assert await session.async_get_variable("columns") == 100
        assert await session.async_get_variable("rows") == 30


async def blending(connection: Connection) -> None:
    """API examples: blending. Functions change how much of a picture shows, within its bounds."""
    app, _, session = await open_window(connection)

    async def change(session_id: str, by: float) -> float:
        session = app.get_session_by_id(session_id)
        assert session
        blend = (await session.async_get_profile()).blend
        assert blend is not None
        wanted = min(1, max(0, round(blend + by, 1)))
        new = iterm2.LocalWriteOnlyProfile()
        new.set_blend(wanted)
        await session.async_set_profile_properties(new)
        return wanted

    @iterm2.RPC
    async def blend_more(session_id: str = SESSION_ID) -> float:
        return await change(session_id, 0.3)

    @iterm2.RPC
    async def blend_less(session_id: str = SESSION_ID) -> float:
        return await change(session_id, -0.3)

    await blend_more.async_register(connection)
    await blend_less.async_register(connection)
    said = [
        await session.async_invoke_function(f"blend_{which}()")
        for which in ("more", "more", "less", "less", "less", "less")
    ]
    assert said == [0.8, 1, 0.7, 0.4, 0.1, 0]
    assert (await session.async_get_profile()).blend == 0


SCRIPTS = [
    setprofile,
    change_default_profile,
    settabcolor,
    copycolor,
    increase_font_size,
    resizeall,
    blending,
]

if __name__ == "__main__":
    main(*SCRIPTS)
