"""API examples that give sessions the colours of presets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import iterm2
from tests.integration.host.examples.kit import Connection, main, open_window, running, until_equal

if TYPE_CHECKING:
    from collections.abc import Callable

DARK, LIGHT = "Dark Background", "Light Background"
DAY = range(7, 19)
THEME = iterm2.PreferenceKey.THEME


async def use(connection: Connection, session: iterm2.Session, name: str) -> None:
    """Give a session the colours of a preset."""
    preset = await iterm2.ColorPreset.async_get(connection, name)
    assert preset
    await (await session.async_get_profile()).async_set_color_preset(preset)


async def current(connection: Connection, session: iterm2.Session) -> str | None:
    """Return the name of the preset whose colours a session has."""
    profile = await session.async_get_profile()
    for name in await iterm2.ColorPreset.async_get_list(connection):
        preset = await iterm2.ColorPreset.async_get(connection, name)
        assert preset
        if all(_alike(profile, color) for color in preset.values):
            return name
    return None


def _alike(profile: iterm2.Profile, wanted: iterm2.ColorPreset.Color) -> bool:
    found = profile.get_color_with_key(wanted.key)
    return found is not None and all(
        round(getattr(found, part)) == round(getattr(wanted, part))
        for part in ("red", "green", "blue")
    )


async def current_preset(connection: Connection) -> None:
    """API examples: current_preset. It says which preset's colours a session has."""
    _, _, session = await open_window(connection)
    assert await current(connection, session) is None
    for name in (LIGHT, DARK):
        await use(connection, session, name)
        assert await current(connection, session) == name


async def random_color(connection: Connection) -> None:
    """API examples: random_color. Each new session gets another preset; here, in their order."""
    app, window, _ = await open_window(connection)
    names = iter([LIGHT, "High Contrast"])

    async def example(ready: Callable[[], None]) -> None:
        async with iterm2.NewSessionMonitor(connection) as monitor:
            ready()
            while True:
                session = app.get_session_by_id(await monitor.async_get())
                assert session
                await use(connection, session, next(names))

    async with running(example):
        for name in (LIGHT, "High Contrast"):
            tab = await window.async_create_tab()
            assert tab
            assert tab.current_session
            opened = tab.current_session
            await until_equal(partial(current, connection, opened), name)


async def colorhost(connection: Connection) -> None:
    """API examples: colorhost. A session has the colours of the host that it is on."""
    app, _, session = await open_window(connection)
    presets = {"production.example.com": LIGHT}

    async def watch(session_id: str) -> None:
        each = app.get_session_by_id(session_id)
        assert each
        async with iterm2.VariableMonitor(
            connection, iterm2.VariableScopes.SESSION, "hostname", session_id
        ) as monitor:
            await each.async_set_variable("user.watched", value=True)
            while True:
                host = await monitor.async_get()
                await use(connection, each, presets.get(host, DARK))

    async def example(ready: Callable[[], None]) -> None:
        ready()
        await iterm2.EachSessionOnceMonitor.async_foreach_session_create_task(app, watch)

    async with running(example):
        other = await session.async_split_pane()
        for each in (session, other):
            await until_equal(partial(each.async_get_variable, "user.watched"), True)  # noqa: FBT003 - the answer
            for host, name in (("production", LIGHT), ("elsewhere", DARK)):
                said = f"\x1b]1337;RemoteHost=me@{host}.example.com\x07"
                await each.async_inject(said.encode())
                await until_equal(partial(current, connection, each), name)


async def theme(connection: Connection) -> None:
    """API examples: theme. When the app's theme changes, sessions' colours follow it."""
    app, _, session = await open_window(connection)

    async def example(ready: Callable[[], None]) -> None:
        async with iterm2.VariableMonitor(
            connection, iterm2.VariableScopes.APP, "effectiveTheme", None
        ) as monitor:
            ready()
            while True:
                said = await monitor.async_get()
                await use(connection, session, DARK if "dark" in said.split() else LIGHT)

    assert "dark" in await app.async_get_theme()
    try:
        async with running(example):
            for number, name in ((0, LIGHT), (3, DARK), (2, LIGHT)):
                await iterm2.async_set_preference(connection, THEME, number)
                await until_equal(lambda: current(connection, session), name)
            assert await app.async_get_theme() == ["light", "highContrast"]
    finally:
        await iterm2.async_set_preference(connection, THEME, None)


async def darknight(connection: Connection) -> None:
    """API examples: darknight. All sessions are light by day and dark by night."""
    app, _, session = await open_window(connection)
    other = await session.async_split_pane()

    async def update(hour: int) -> None:
        for window in app.terminal_windows:
            for tab in window.tabs:
                for each in tab.sessions:
                    await use(connection, each, LIGHT if hour in DAY else DARK)

    for hour, name in ((12, LIGHT), (23, DARK)):
        await update(hour)
        assert [await current(connection, each) for each in (session, other)] == [name, name]


SCRIPTS = [current_preset, random_color, colorhost, theme, darknight]

if __name__ == "__main__":
    main(*SCRIPTS)
