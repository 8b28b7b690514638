"""GetBroadcastDomains and SetBroadcastDomains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host import wire
from iterm_mcp.host.messages import write_domains

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows

Status = wire.SetBroadcastDomainsResponse.Status


async def get_broadcast_domains(
    context: Context, _request: wire.GetBroadcastDomainsRequest
) -> wire.GetBroadcastDomainsResponse:
    """Return the domains of all windows."""
    response = wire.GetBroadcastDomainsResponse()
    write_domains(context.world, response.broadcast_domains)
    return response


async def set_broadcast_domains(
    context: Context, request: wire.SetBroadcastDomainsRequest
) -> wire.SetBroadcastDomainsResponse:
    """Replace all domains; nothing changes when anything is wrong."""
    status = _check(context, request)
    if status == Status.OK:
        context.world.set_broadcast_domains(one.session_ids for one in request.broadcast_domains)
    return wire.SetBroadcastDomainsResponse(status=status)


def _check(
    context: Context, request: wire.SetBroadcastDomainsRequest
) -> wire.SetBroadcastDomainsResponse.Status.ValueType:
    windows = context.world.windows_of_sessions()
    seen: set[str] = set()
    for domain in request.broadcast_domains:
        for session_id in domain.session_ids:
            if session_id in seen:
                return Status.BROADCAST_DOMAINS_NOT_DISJOINT
            if session_id not in windows:
                return Status.SESSION_NOT_FOUND
            seen.add(session_id)
        if len({windows[one] for one in domain.session_ids}) > 1:
            return Status.SESSIONS_NOT_IN_SAME_WINDOW
    return Status.OK


ROWS: Rows = {
    "get_broadcast_domains_request": get_broadcast_domains,
    "set_broadcast_domains_request": set_broadcast_domains,
}
