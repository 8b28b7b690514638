"""Opening saved arrangements again: new sessions in windows as they stood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.host import sizes, tree
from iterm_mcp.host.pty import PtyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from iterm_mcp.host.arrangements import SavedTab, SavedWindow
    from iterm_mcp.host.session import Session
    from iterm_mcp.host.tree import Window
    from iterm_mcp.host.world import World

log = structlog.get_logger()


async def restore(
    world: World,
    windows: Iterable[SavedWindow],
    shared: Mapping[str, dict[str, Any]],
    into: Window | None,
) -> None:
    """Open each window, or all their tabs in one that is open.

    A session starts from the shared profile of its GUID if there still is one, else from its
    own copy; in its directory if that still is one. A pane whose program cannot be started is
    left out.

    Args:
        shared: The shared profiles by GUID.
        into: The window for the tabs; None opens windows.

    Raises:
        PtyError: No program at all could be started.
    """
    failures: list[Exception] = []
    restored = False
    for saved in windows:
        with anyio.CancelScope(shield=True):  # a program without a pane would be lost
            window = await _restore_window(world, saved, shared, into, failures)
        restored = restored or window is not None
        if into is None and window is not None and saved.key:
            world.focus_window(window)
    if failures and not restored:
        raise PtyError(f"nothing could be restored: {failures[-1]}")


async def _restore_window(
    world: World,
    saved: SavedWindow,
    shared: Mapping[str, dict[str, Any]],
    into: Window | None,
    failures: list[Exception],
) -> Window | None:
    number, first = (world.free_number(), 0) if into is None else (into.number, len(into.tabs))
    started: list[tuple[SavedTab, list[Session]]] = []
    for index, tab in enumerate(saved.tabs, first):
        sessions = await _start(world, tab, f"w{number}t{index}", shared, failures)
        if sessions:
            started.append((tab, sessions))
    if not started:
        return None
    window = into if into in world.windows else None
    if window is None:
        window = world.add_window(saved.columns, saved.rows, number)
        window.origin = saved.origin
        _set_title(world, f"window {window.window_id}", saved.title)
    selected = saved.tabs[saved.selected]
    for tab, sessions in started:
        stands = world.add_tab(window, sessions[0].session_id)
        stands.root, stands.active = tab.tab.root, tab.tab.active
        _set_title(world, f"tab {stands.tab_id}", tab.title)
        for session in sessions:
            world.admit(session)
        if window.selected is None or (window is not into and tab is selected):
            world.focus_tab(window, stands)
    sizes.resize_window(world, window, window.columns, window.rows)
    if world.key is None:
        world.focus_window(window)
    return window


async def _start(
    world: World,
    saved: SavedTab,
    at: str,
    shared: Mapping[str, dict[str, Any]],
    failures: list[Exception],
) -> list[Session]:
    """Start the programs of a tab, and give its tree their sessions' ids."""
    sessions = []
    for index, pane in enumerate(list(saved.tab.panes())):
        one = saved.panes[pane.session_id]
        profile = dict(shared.get(one.profile["Guid"], one.profile))
        directory = one.directory if await _is_folder(one.directory) else None
        try:
            session = await world.starter.start(
                profile, pane.columns, pane.rows, f"{at}p{index}", world, directory
            )
        except (PtyError, ValueError) as error:
            log.warning("session_not_restored", reason=str(error))
            failures.append(error)
            tree.remove(saved.tab, pane.session_id)
            continue
        if saved.tab.active == pane.session_id:
            saved.tab.active = session.session_id
        pane.session_id = session.session_id
        sessions.append(session)
    return sessions


async def _is_folder(path: str) -> bool:
    try:
        return await anyio.Path(path).is_dir()
    except OSError:  # nobody lets us look
        return False


def _set_title(world: World, key: str, title: str) -> None:
    if title:
        world.titles[key] = title
