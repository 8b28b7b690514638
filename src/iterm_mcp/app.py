"""Opens everything once, in order, and closes it in reverse."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterm_mcp.clock import SystemClock
from iterm_mcp.services.agents import AgentService
from iterm_mcp.services.layouts import LayoutService
from iterm_mcp.services.messages import MessageService
from iterm_mcp.services.sessions import SessionService
from iterm_mcp.services.writers import SessionWriters
from iterm_mcp.store import open_store
from iterm_mcp.telemetry import Metrics
from iterm_mcp.terminal.endpoint import find_endpoint
from iterm_mcp.terminal.iterm import ItermTerminal
from iterm_mcp.terminal.link import TerminalLink, open_link
from iterm_mcp.tools.agents import AgentTools
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.layouts import LayoutTools
from iterm_mcp.tools.messages import MessageTools
from iterm_mcp.tools.server import build_server
from iterm_mcp.tools.sessions import SessionTools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server import Server

    from iterm_mcp.config import Settings
    from iterm_mcp.paths import Paths
    from iterm_mcp.tools.tool import ToolRow


@dataclass(frozen=True, slots=True)
class App:
    """Everything that the daemon serves.

    Attributes:
        server: MCP, on whatever transport.
        calls: The tool calls under way, to be drained before the app closes.
    """

    server: Server[Any]
    metrics: Metrics
    calls: Calls
    link: TerminalLink

    def problems(self) -> list[str]:
        """Return why work cannot be done now; empty when it can."""
        if self.link.kind is not None:
            return []
        return [str(self.link.last_error or "no terminal is connected yet")]


@asynccontextmanager
async def open_app(settings: Settings, paths: Paths) -> AsyncIterator[App]:
    """Open the store, the link to the terminal, the services and the tools.

    The terminal is connected in the background: a daemon without one still answers.

    Raises:
        StoreError: The database cannot be used.
    """
    metrics = Metrics()
    clock = SystemClock()
    async with (
        open_store(paths.database, clock) as store,
        open_link(
            lambda: find_endpoint(settings, paths), metrics, settings.connect_timeout_seconds
        ) as link,
    ):
        terminal = ItermTerminal(link, metrics.operations, settings.request_timeout_seconds)
        writers = SessionWriters()
        sessions = SessionService(terminal, writers)
        agents = AgentService(terminal, store, clock, metrics)
        await agents.announce()
        messages = MessageService(terminal, store, writers, clock, metrics)
        calls = Calls(metrics.tools)
        rows = tool_rows(sessions, LayoutService(terminal), agents, messages)
        yield App(build_server(rows, calls), metrics, calls, link)


def tool_rows(
    sessions: SessionService,
    layouts: LayoutService,
    agents: AgentService,
    messages: MessageService,
) -> list[ToolRow]:
    """Return every tool, in the order in which clients list them."""
    return [
        *SessionTools(sessions, agents).rows(),
        *LayoutTools(layouts).rows(),
        *AgentTools(agents, sessions).rows(),
        *MessageTools(messages).rows(),
    ]
