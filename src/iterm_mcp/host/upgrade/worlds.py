"""A whole world written down, and read again."""

from __future__ import annotations

import itertools
import json
from copy import copy
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from anyio.lowlevel import checkpoint

from iterm_mcp.host.ghostty import emulator_build
from iterm_mcp.host.limits import first_file_limit
from iterm_mcp.host.moves import Burial
from iterm_mcp.host.tree import Node, Pane, Splitter, Tab, Window
from iterm_mcp.host.upgrade import sessions
from iterm_mcp.host.upgrade.envelope import Pieces, pack, seal

if TYPE_CHECKING:
    from iterm_mcp.host.world import World


def write_world(world: World, more: dict[str, Any]) -> bytes:
    """Write down all that is open, and `more` beside it.

    Not in it is what stands on disk already (profiles, presets, preferences, arrangements), and
    what ends with a client's connection: subscriptions, functions on offer, transactions.
    """
    pieces = Pieces()
    told = [sessions.write_session(one, pieces) for one in world.sessions.values()]
    return pack({**_write_frame(world, more), "sessions": told}, pieces)


async def draft_world(world: World, more: dict[str, Any]) -> list[bytes]:
    """Write down all that is open for a rehearsal, in parts that follow each other.

    Others have their turn after each session, so each is as it was at a moment of its own; all
    of a session, and where they all stand, is of one moment.
    """
    pieces = Pieces()
    told: dict[str, str] = {}
    while untold := [one for one in world.sessions.values() if one.session_id not in told]:
        for session in untold:
            if session.session_id in world.sessions:
                told[session.session_id] = json.dumps(sessions.write_session(session, pieces))
            await checkpoint()
    frame = json.dumps(_write_frame(world, more))
    every = ", ".join(told[session_id] for session_id in world.sessions)
    body = f'{frame[:-1]}, "sessions": [{every}]}}'
    return await to_thread.run_sync(lambda: seal(body.encode(), pieces))


def _write_frame(world: World, more: dict[str, Any]) -> dict[str, Any]:
    """Return all but the sessions."""
    return {
        "windows": [_write_window(one) for one in world.windows],
        "key": world.key and world.key.window_id,
        "user": world.user,
        "titles": world.titles,
        "burials": {key: asdict(one) for key, one in world.burials.items()},
        "domains": world.domains.listing(),
        "app_active": world.app_active,
        "theme": world.theme,
        "next_tab": next(copy(world.tab_numbers)),
        "file_limit": first_file_limit(),
        "emulator": emulator_build(),
        **more,
    }


def read_world(world: World, body: dict[str, Any], pieces: Pieces) -> None:
    """Have a world that is empty be as it was written down; nobody is told.

    Nothing in it runs before `go_on`.

    Raises:
        EmulatorError: A screen was written by another version of the emulator.
        LookupError, TypeError, ValueError: It was written by something else.
    """
    for told in body["sessions"]:
        session = sessions.read_session(told, pieces, world)
        world.sessions[session.session_id] = session
    world.windows[:] = [_read_window(one) for one in body["windows"]]
    world.key = None if body["key"] is None else world.find_window(body["key"])
    world.user.update(body["user"])
    world.titles.update(body["titles"])
    world.burials.update({key: Burial(**one) for key, one in body["burials"].items()})
    world.domains.replace(body["domains"])
    world.app_active, world.theme = body["app_active"], body["theme"]
    world.tab_numbers = itertools.count(body["next_tab"])


def go_on(world: World, body: dict[str, Any], pieces: Pieces) -> None:
    """Let what was read by `read_world` run."""
    resume_recordings(world, body["recorded"])
    for told in body["sessions"]:
        sessions.go_on(world.sessions[told["plain"]["session_id"]], told, pieces)


def resume_recordings(world: World, recorded: dict[str, bool]) -> None:
    """Record sessions again, by id, with what is typed or without; what is shown comes first."""
    for session_id, keeps_input in recorded.items():
        session = world.sessions.get(session_id)
        if session is not None and not session.exited and world.recordings is not None:
            world.recordings.begin(session, keeps_input=keeps_input)


def _write_window(window: Window) -> dict[str, Any]:
    return {
        "window_id": window.window_id,
        "number": window.number,
        "columns": window.columns,
        "rows": window.rows,
        "origin": window.origin,
        "tabs": [
            {"tab_id": tab.tab_id, "active": tab.active, "root": _write_node(tab.root)}
            for tab in window.tabs
        ],
        "selected": window.selected and window.selected.tab_id,
    }


def _read_window(told: dict[str, Any]) -> Window:
    tabs = [Tab(one["tab_id"], _read_splitter(one["root"]), one["active"]) for one in told["tabs"]]
    return Window(
        told["window_id"],
        told["number"],
        told["columns"],
        told["rows"],
        tabs,
        next((one for one in tabs if one.tab_id == told["selected"]), None),
        (told["origin"][0], told["origin"][1]),
    )


def _write_node(node: Node) -> dict[str, Any]:
    if isinstance(node, Pane):
        return {"session_id": node.session_id, "columns": node.columns, "rows": node.rows}
    return {"vertical": node.vertical, "children": [_write_node(one) for one in node.children]}


def _read_splitter(told: dict[str, Any]) -> Splitter:
    return Splitter(
        told["vertical"],
        [
            _read_splitter(one)
            if "children" in one
            else Pane(one["session_id"], one["columns"], one["rows"])
            for one in told["children"]
        ],
    )
