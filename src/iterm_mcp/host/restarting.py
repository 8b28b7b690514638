"""Starting a session's program again, in the same pane and below what the screen shows."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.host import scopes
from iterm_mcp.host.pty import PtyError

if TYPE_CHECKING:
    from iterm_mcp.host.session import Session
    from iterm_mcp.host.world import World

log = structlog.get_logger()

CLOSE_GRACE_SECONDS = 1.0
"""How long a program has between the hang-up and the kill."""

LEAST_SECONDS = 1.0
"""A program that ends sooner is not started again before so long after its beginning."""


async def restart(world: World, session: Session) -> None:
    """End a session's program if it still runs, and start it again where it was started.

    The session keeps its id, where the app gives it another and tells nobody of that one. Who
    was told that a session ended is told that it is there again.

    Raises:
        KeyError: The session was closed meanwhile.
        PtyError, ValueError: It could not be started again; the session has ended.
    """
    ended = session.exited
    at = scopes.position(world, session.session_id) or "w0t0p0"
    with anyio.CancelScope(shield=True):  # half done, it would be neither dead nor alive
        await session.end_program(CLOSE_GRACE_SECONDS)
        if session.session_id not in world.sessions:
            raise KeyError(session.session_id)
        try:
            pty = await world.starter.spawn(
                session.session_id,
                session.profile,
                session.columns,
                session.rows,
                at,
                session.directory,
            )
        except (PtyError, ValueError):
            session.program_lost()
            raise
        if session.session_id not in world.sessions:  # closed within that millisecond
            await pty.aclose(grace_seconds=0)
            raise KeyError(session.session_id)
        session.restart(pty)
        if world.frozen:
            session.pause()
    if ended:
        world.opened(session)


async def restart_ended(world: World, session: Session) -> None:
    """Start the program of a session again that has ended, as its profile wants.

    What ends as soon as it has begun must not keep the machine busy.
    """
    await anyio.sleep(max(0.0, session.started_at + LEAST_SECONDS - monotonic()))
    if world.closing or session.session_id not in world.sessions or not session.exited:
        return
    try:
        await restart(world, session)
    except KeyError:
        return
    except (PtyError, ValueError) as error:
        log.warning("session_not_restarted", reason=str(error))
