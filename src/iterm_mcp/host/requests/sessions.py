"""ListSessions, SendText, Inject, Close, SetTabLayout."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from iterm_mcp.host import sizes, wire
from iterm_mcp.host.messages import listing, read_tree
from iterm_mcp.host.pty import PtyBackpressureError
from iterm_mcp.host.tree import WrongTreeError
from iterm_mcp.host.typist import Typist

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import AtOnce, Context, Rows
    from iterm_mcp.host.session import Session
    from iterm_mcp.host.world import World

CloseStatus = wire.CloseResponse.Status
LayoutStatus = wire.SetTabLayoutResponse.Status
TextStatus = wire.SendTextResponse.Status
InjectStatus = wire.InjectResponse.Status

SHORT_TEXT = 1024
"""So many characters are typed as they are read."""

WRITE_SECONDS = 10.0
"""How long text waits for a program that reads nothing."""

LONGEST_WRITE_SECONDS = 60.0
"""How long it waits for one that reads slowly."""


async def list_sessions(
    context: Context, _request: wire.ListSessionsRequest
) -> wire.ListSessionsResponse:
    """List everything that is open."""
    return listing(context.world)


async def send_text(context: Context, request: wire.SendTextRequest) -> wire.SendTextResponse:
    """Type into a session and those that broadcast with it, or into all; bytes as they are."""
    world = context.world
    targets = world.select(request.session, many=True)
    if all(one.exited for one in targets):
        return wire.SendTextResponse(status=TextStatus.SESSION_NOT_FOUND)
    await type_into(world, targets, request.text.encode(), alone=request.suppress_broadcast)
    return wire.SendTextResponse(status=TextStatus.OK)


def _is_taken(context: Context, request: wire.SendTextRequest) -> bool:
    """Tell whether it is little, for one session that has read what it was sent before."""
    world = context.world
    targets = world.select(request.session, many=True)
    if len(request.text) > SHORT_TEXT or len(targets) != 1:
        return False
    return not targets[0].pty.queued and len(world.domains.together(targets[0].session_id)) == 1


async def type_into(
    world: World, targets: list[Session], data: bytes, *, alone: bool = False
) -> None:
    """Type into sessions and, unless they are to be `alone`, those that broadcast with them.

    Waits for programs that do not read, but not for ever. What fits a session's queue is taken
    whole or not at all; what is longer piece by piece.

    Raises:
        PtyBackpressureError: Some did not take all of it; the message says what they took.
    """
    if not alone:
        ids = [near for one in targets for near in world.domains.together(one.session_id)]
        targets = [world.sessions[one] for one in dict.fromkeys(ids) if one in world.sessions]
    typists = [Typist(one, data) for one in targets]
    began = moved = monotonic()
    while waiting := [one for one in typists if not one.done]:
        if sum(one.go_on() for one in waiting):
            moved = monotonic()
        elif monotonic() - moved > WRITE_SECONDS or monotonic() - began > LONGEST_WRITE_SECONDS:
            raise PtyBackpressureError("; ".join(one.failure for one in waiting))
        else:
            # The kernel says when its buffer has room, not when the queue behind it has.
            await anyio.sleep(0.02)


async def inject(context: Context, request: wire.InjectRequest) -> wire.InjectResponse:
    """Show bytes as if the program had printed them; others have their turn between sessions."""
    response = wire.InjectResponse()
    for selector in request.session_id:
        targets = context.world.select(selector, many=True)
        for target in targets:
            await target.inject_in_turns(request.data)
            await checkpoint()
        response.status.append(InjectStatus.OK if targets else InjectStatus.SESSION_NOT_FOUND)
    return response


async def close(context: Context, request: wire.CloseRequest) -> wire.CloseResponse:
    """Close sessions, tabs or windows, without asking; one status an id."""
    world = context.world
    response = wire.CloseResponse()
    doomed: list[Session] = []
    kind = request.WhichOneof("target")
    if kind == "sessions":
        for one in request.sessions.session_ids:
            session = world.sessions.get(one)
            doomed += [] if session is None else [session]
            response.statuses.append(_close_status(found=session is not None))
    elif kind == "tabs":
        for one in request.tabs.tab_ids:
            place = world.find_tab(one)
            doomed += (
                [] if place is None else [world.sessions[p.session_id] for p in place[1].panes()]
            )
            response.statuses.append(_close_status(found=place is not None))
    elif kind == "windows":
        for one in request.windows.window_ids:
            window = world.find_window(one)
            if window is not None:
                doomed += [world.sessions[p.session_id] for t in window.tabs for p in t.panes()]
            response.statuses.append(_close_status(found=window is not None))
    for session in dict.fromkeys(doomed):
        world.close(session)
    return response


def _close_status(*, found: bool) -> wire.CloseResponse.Status.ValueType:
    return CloseStatus.OK if found else CloseStatus.NOT_FOUND


async def set_tab_layout(
    context: Context, request: wire.SetTabLayoutRequest
) -> wire.SetTabLayoutResponse:
    """Take over the grid sizes of a tree of the same shape."""
    place = context.world.find_tab(request.tab_id)
    if place is None:
        return wire.SetTabLayoutResponse(status=LayoutStatus.BAD_TAB_ID)
    try:
        sizes.relayout(context.world, *place, read_tree(request.root))
    except WrongTreeError:
        return wire.SetTabLayoutResponse(status=LayoutStatus.WRONG_TREE)
    return wire.SetTabLayoutResponse(status=LayoutStatus.OK)


ROWS: Rows = {
    "list_sessions_request": list_sessions,
    "send_text_request": send_text,
    "inject_request": inject,
    "close_request": close,
    "set_tab_layout_request": set_tab_layout,
}

AT_ONCE: AtOnce = {
    "send_text_request": _is_taken,
}
