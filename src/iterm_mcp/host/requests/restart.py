"""RestartSession."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from iterm_mcp.host import wire
from iterm_mcp.host.pty import PtyError
from iterm_mcp.host.restarting import restart

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows

log = structlog.get_logger()

Status = wire.RestartSessionResponse.Status


async def restart_session(
    context: Context, request: wire.RestartSessionRequest
) -> wire.RestartSessionResponse:
    """Start a session's program again; unless only one that has ended is to be, end it first."""
    found = context.world.select(request.session_id)
    if not found:
        return wire.RestartSessionResponse(status=Status.SESSION_NOT_FOUND)
    session = found[0]
    if session.restarting or (request.only_if_exited and not session.exited):
        return wire.RestartSessionResponse(status=Status.SESSION_NOT_RESTARTABLE)
    try:
        await restart(context.world, session)
    except KeyError:
        return wire.RestartSessionResponse(status=Status.SESSION_NOT_FOUND)
    except (PtyError, ValueError) as error:
        log.warning("session_not_restarted", reason=str(error))
        return wire.RestartSessionResponse(status=Status.SESSION_NOT_RESTARTABLE)
    return wire.RestartSessionResponse(status=Status.OK)


ROWS: Rows = {"restart_session_request": restart_session}
