"""What the examples share. They use the `iterm2` library, and nothing of ours.

Each example is written anew from what one of the pages below "API examples" in the library's
manual does, and is driven as a person would drive it: it fails by an assertion.
``python -m MODULE NAME`` runs one in a process of its own.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import iterm2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

Connection = iterm2.Connection
Script = "Callable[[Connection], Coroutine[Any, Any, None]]"

SESSION_ID: Any = iterm2.Reference("id")


async def open_window(
    connection: Connection, command: str = "/bin/cat", profile: str | None = None
) -> tuple[iterm2.App, iterm2.Window, iterm2.Session]:
    """Return the app, a new window and its session."""
    app = await iterm2.async_get_app(connection)
    window = await iterm2.Window.async_create(connection, command=command, profile=profile)
    session = window and window.current_tab and window.current_tab.current_session
    assert app
    assert window
    assert session
    return app, window, session


async def split_pane(session: iterm2.Session, *, vertical: bool = False) -> iterm2.Session:
    """Return a new pane beside or below a session, with the same kind of program."""
    wanted = iterm2.LocalWriteOnlyProfile()
    wanted.set_use_custom_command("Yes")
    wanted.set_command("/bin/cat")
    return await session.async_split_pane(vertical=vertical, profile_customizations=wanted)


async def open_bash(connection: Connection) -> tuple[iterm2.App, iterm2.Session]:
    """Return the app, and a session in which bash shows its first prompt."""
    app, _, session = await open_window(connection, "bash -l")
    await until(lambda: _at_prompt(connection, session))
    return app, session


async def _at_prompt(connection: Connection, session: iterm2.Session) -> bool:
    prompt = await iterm2.async_get_last_prompt(connection, session.session_id)
    return prompt is not None and prompt.prompt_range.end.x > 0


async def open_tabs(
    connection: Connection, names: str
) -> tuple[iterm2.App, iterm2.Window, list[iterm2.Tab]]:
    """Return the app and a window with a tab a word; each session is named so."""
    app, window, session = await open_window(connection)
    words = names.split()
    await session.async_set_name(words[0])
    for word in words[1:]:
        tab = await window.async_create_tab(command="/bin/cat")
        assert tab
        assert tab.current_session
        await tab.current_session.async_set_name(word)
    return app, window, list(window.tabs)


async def shown_tabs(app: iterm2.App, window: iterm2.Window) -> str:
    """Return the names of a window's tabs' sessions, in their order."""
    await app.async_refresh()
    names = [await tab.async_get_variable("currentSession.autoName") for tab in window.tabs]
    return " ".join(names)


async def shown_text(session: iterm2.Session) -> str:
    """Return the lines of a session's screen that are not empty."""
    screen = await session.async_get_screen_contents()
    lines = [screen.line(number).string for number in range(screen.number_of_lines)]
    return "\n".join(line for line in lines if line)


async def until(probe: Callable[[], Awaitable[object]]) -> None:
    """Ask until it is so; the process as a whole has a bounded time."""
    while not await probe():  # noqa: ASYNC110 - only asking tells
        await asyncio.sleep(0.01)


async def until_equal(probe: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Ask until the answer is this one."""

    async def equal() -> bool:
        return await probe() == wanted

    await until(equal)


@asynccontextmanager
async def running(
    example: Callable[[Callable[[], None]], Coroutine[Any, Any, None]],
) -> AsyncIterator[None]:
    """Run an example for the length of the block, once it has called what it is given."""
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(example(ready.set))
        await ready.wait()
        yield
        task.cancel()


def main(*scripts: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
    """Run the script that the command line names."""
    iterm2.run_until_complete({one.__name__: one for one in scripts}[sys.argv[1]])
