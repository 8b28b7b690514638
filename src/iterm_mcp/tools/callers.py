"""Who makes the call that is being served, as services know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.models.callers import Caller
from iterm_mcp.models.ids import AgentName
from iterm_mcp.tools.calls import client_name
from iterm_mcp.tools.clients import CURRENT

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context


def caller_of(context: Context[Any, Any]) -> Caller:
    """Return the caller of a tool or the reader of a resource."""
    client = CURRENT.get()
    agent = client.access.agent if client is not None else ""
    return Caller(AgentName(agent) if agent else None, client_name(context)[0])
