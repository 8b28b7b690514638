"""API examples that wait for control sequences, variables and layouts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import iterm2
from tests.integration.host.examples.kit import (
    Connection,
    main,
    open_window,
    running,
    shown_text,
    until,
    until_equal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION, WINDOW = iterm2.VariableScopes.SESSION, iterm2.VariableScopes.WINDOW


async def ccs(connection: Connection) -> None:
    """API examples: ccs. A program may ask by a control sequence for a pane beside its own."""
    app, window, session = await open_window(connection)
    tab = window.current_tab
    assert tab

    async def example(ready: Callable[[], None]) -> None:
        async with iterm2.CustomControlSequenceMonitor(
            connection, "secret", r"^split (vertically|horizontally)$", session.session_id
        ) as monitor:
            ready()
            while True:
                match = await monitor.async_get()
                await session.async_split_pane(vertical=match.group(1) == "vertically")

    async def panes() -> int:
        await app.async_refresh()
        return len(tab.sessions)

    async with running(example):
        for text in ("secret:split badly", "wrong:split vertically", "secret:split vertically"):
            await session.async_inject(f"\x1b]1337;Custom=id={text}\x07".encode())
        await until_equal(panes, 2)
        assert tab.root.vertical
        # A program's own output does it too, not only what a script puts there.
        await session.async_send_text("\x1b]1337;Custom=id=secret:split horizontally\x07\n")
        await until_equal(panes, 3)


async def create_window(connection: Connection) -> None:
    """API examples: create_window. A program asks for a window and hears when that has ended."""
    app, _, session = await open_window(connection)
    opened: list[str] = []

    async def example(ready: Callable[[], None]) -> None:
        async with (
            iterm2.CustomControlSequenceMonitor(connection, "me", r"^create-window$") as asked,
            iterm2.SessionTerminationMonitor(connection) as ended,
        ):
            ready()
            await asked.async_get()
            window = await iterm2.Window.async_create(connection, command="/bin/cat")
            assert window
            assert window.current_tab
            assert window.current_tab.current_session
            opened.append(window.current_tab.current_session.session_id)
            while await ended.async_get() != opened[0]:
                pass
            await session.async_inject(b"the window has closed\r\n")

    async with running(example):
        await session.async_inject(b"\x1b]1337;Custom=id=me:create-window\x07")
        await until(lambda: _same(bool(opened)))
        await app.async_refresh()
        other = app.get_session_by_id(opened[0])
        assert other
        await other.async_close(force=True)
        await until_equal(lambda: shown_text(session), "the window has closed")
    await app.async_refresh()
    assert app.get_session_by_id(opened[0]) is None


async def _same(value: bool) -> bool:  # noqa: FBT001 - a probe's answer
    return value


async def stty(connection: Connection) -> None:
    """API examples: stty. Whenever the grid changes, it types its new size as a command."""
    _, _, session = await open_window(connection)

    async def example(ready: Callable[[], None]) -> None:
        async def follow(name: str) -> None:
            async with iterm2.VariableMonitor(
                connection, SESSION, name, session.session_id
            ) as monitor:
                if name == "rows":
                    ready()
                while True:
                    await monitor.async_get()
                    rows = await session.async_get_variable("rows")
                    columns = await session.async_get_variable("columns")
                    await session.async_send_text(f"stty rows {rows} columns {columns}\n")

        async with asyncio.TaskGroup() as group:
            group.create_task(follow("columns"))
            await asyncio.sleep(0)  # the first asks first, and is answered first
            group.create_task(follow("rows"))

    async def shown() -> bool:
        return "stty rows 12 columns 60" in await shown_text(session)

    async with running(example):
        await session.async_set_grid_size(iterm2.util.Size(60, 12))
        await until(shown)


async def sync_title(connection: Connection) -> None:
    """API examples: sync_title. A tab is called as its program's icon, unless a user named it."""
    _, window, session = await open_window(connection)
    tab = window.current_tab
    assert tab

    async def example(ready: Callable[[], None]) -> None:
        async with iterm2.VariableMonitor(
            connection, SESSION, "terminalIconName", session.session_id
        ) as monitor:
            ready()
            while True:
                name = await monitor.async_get()
                title = await tab.async_get_variable("user.title") or name
                await tab.async_set_title(title)

    async def title() -> str:
        return str(await tab.async_get_variable("title"))

    async with running(example):
        await session.async_inject(b"\x1b]1;one\x07")
        await until_equal(title, "one")
        await tab.async_set_variable("user.title", "mine")
        await session.async_inject(b"\x1b]0;two\x07")
        await until_equal(title, "mine")
        assert await session.async_get_variable("terminalIconName") == "two"


async def fs_only_status_bar(connection: Connection) -> None:
    """API examples: fs-only-status-bar. Only sessions in full-screen windows have a status bar.

    There is no full screen here, so no window's style ever changes; its layout does.
    """
    app, window, session = await open_window(connection)

    async def update() -> None:
        for one in app.terminal_windows:
            style = await one.async_get_variable("style")
            for tab in one.tabs:
                for each in tab.sessions:
                    change = iterm2.LocalWriteOnlyProfile()
                    change.set_status_bar_enabled("full screen" in style)
                    await each.async_set_profile_properties(change)

    async def example(ready: Callable[[], None]) -> None:
        async with (
            iterm2.VariableMonitor(connection, WINDOW, "style", "all"),
            iterm2.LayoutChangeMonitor(connection) as layout,
        ):
            await update()
            ready()
            while True:
                await layout.async_get()
                await app.async_refresh()
                await update()

    async def shows_bar(each: iterm2.Session) -> bool | None:
        return (await each.async_get_profile()).status_bar_enabled

    assert await window.async_get_variable("style") == "normal"
    async with running(example):
        assert await shows_bar(session) is False
        other = await session.async_split_pane(vertical=True)
        await until_equal(lambda: shows_bar(other), False)  # noqa: FBT003 - the answer


SCRIPTS = [ccs, create_window, stty, sync_title, fs_only_status_bar]

if __name__ == "__main__":
    main(*SCRIPTS)
