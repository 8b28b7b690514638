"""The function that arranges whole tabs anew."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import anyio

from iterm_mcp.host import layout_spec, moves, profiles, sizes, tree
from iterm_mcp.host.layout_spec import LayoutError
from iterm_mcp.host.pty import PtyError
from iterm_mcp.host.requests.functions.function import FailedError, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host import scopes
    from iterm_mcp.host.layout_spec import Layout
    from iterm_mcp.host.requests.context import Context
    from iterm_mcp.host.requests.functions.function import Functions
    from iterm_mcp.host.session import Session
    from iterm_mcp.host.world import World


async def apply_layout(
    context: Context, _target: scopes.Target, arguments: Mapping[str, Any]
) -> None:
    """Give tabs new trees of panes; nothing changes when anything is wrong with them."""
    started: dict[str, Session] = {}
    with anyio.CancelScope(shield=True):  # a program without a pane would be lost
        try:
            layout = layout_spec.read(text(arguments, "spec_json_b64"))
            _check(context.world, layout)
            await _start(context, layout, started)
            _check(context.world, layout)  # again: programs took a while to start
        except (LayoutError, PtyError, ValueError) as error:
            for session in started.values():
                await context.world.discard(session)
            raise FailedError(str(error)) from None
        _apply(context.world, layout, started)


def _check(world: World, layout: Layout) -> None:
    layout.check(_standing(world))
    for tab_id, root in layout.tabs.items():
        window, _ = _place(world, tab_id)
        if not layout_spec.fits(root, window.columns, window.rows):
            raise LayoutError(f"There is no room for all panes of tab {tab_id}")
        layout_spec.spread(root, window.columns, window.rows)


def _standing(world: World) -> dict[str, tuple[str, str]]:
    """Return the window and tab of each session that stands in one."""
    return {
        pane.session_id: (window.window_id, tab.tab_id)
        for window, tab in world.tabs()
        for pane in tab.panes()
    }


def _place(world: World, tab_id: str) -> tuple[tree.Window, tree.Tab]:
    place = world.find_tab(tab_id)
    if place is None:
        raise LayoutError(f"No such tab: {tab_id}")
    return place


async def _start(context: Context, layout: Layout, started: dict[str, Session]) -> None:
    """Start the new sessions, each with its pane's size."""
    shared = await context.settings.profiles.all() if layout.new_sessions else {}
    places = {
        pane.session_id: (pane, f"w{window.number}t{window.tabs.index(tab)}p{index}")
        for tab_id, root in layout.tabs.items()
        for window, tab in [_place(context.world, tab_id)]
        for index, pane in enumerate(tree.panes(root))
    }
    for new in layout.new_sessions:
        guid = new.profile or await context.settings.profiles.default_guid()
        if guid not in shared:
            raise LayoutError(f"No such profile: {guid}")
        command = {} if new.command is None else _in_a_shell(context, new.command)
        pane, at = places[new.placeholder]
        started[new.placeholder] = await context.world.starter.start(
            profiles.own_copy(shared[guid], command), pane.columns, pane.rows, at, context.world
        )


def _in_a_shell(context: Context, command: str) -> dict[str, str]:
    """Return the profile of a command that runs as if it were typed, aliases and all.

    So the ``iterm2`` library says it is; a profile's own command is run without a shell.
    """
    argv = [context.world.starter.shell, "-l", "-i", "-c", command]
    return {"Custom Command": "Yes", "Command": shlex.join(argv)}


def _apply(world: World, layout: Layout, started: Mapping[str, Session]) -> None:
    standing = _standing(world)
    placed = set(layout.placed())
    for session_id in placed:
        if standing[session_id][1] not in layout.tabs:
            moves.take_out(world, session_id)  # of a tab that closes
    doomed = layout.close_sessions | {
        one
        for one, (window_id, tab_id) in standing.items()
        if window_id in layout.close_windows or tab_id in layout.close_tabs
    }
    for tab_id, root in layout.tabs.items():
        _, tab = _place(world, tab_id)
        for pane in tree.panes(root):
            new = started.get(pane.session_id)
            pane.session_id = pane.session_id if new is None else new.session_id
        tab.root = root
    for session in started.values():
        world.admit(session)
    for session_id in doomed - placed:
        world.close(world.sessions[session_id])
    for tab_id in layout.tabs:
        _, tab = _place(world, tab_id)
        sizes.apply(world, tab)
        here = [pane.session_id for pane in tab.panes()]
        if tab.active not in here:
            world.focus_session(tab, here[0])


FUNCTIONS: Functions = {"iterm2.apply_layout(spec_json_b64)": apply_layout}
