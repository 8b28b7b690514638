"""Who makes the call that is being served, as services know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.models.callers import Caller
from iterm_mcp.models.ids import AgentName
from iterm_mcp.tools.calls import client_name
from iterm_mcp.tools.clients import CURRENT

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context


def calling_agent() -> str:
    """Return the agent whose client makes the call; empty for a person's."""
    client = CURRENT.get()
    return client.access.agent if client is not None else ""


def caller_of(context: Context[Any, Any]) -> Caller:
    """Return the caller of a tool or the reader of a resource."""
    agent = calling_agent()
    return Caller(AgentName(agent) if agent else None, client_name(context)[0])
