"""The whole server over a fake terminal, with all that goes on while nobody calls."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.unit.laid_stores import lay_store

from iterm_mcp.app import make_services, open_extras, tool_rows
from iterm_mcp.models.sessions import Program
from iterm_mcp.store import open_store
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock, FakeTerminal
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.server import build_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mcp.server import Server

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.services.sessions.subscriptions import Subscriptions


@dataclass
class Watched:
    """A server, and what a test may look at."""

    server: Server[Any]
    terminal: FakeTerminal
    clock: FakeClock
    subscriptions: Subscriptions
    session_id: SessionId


@asynccontextmanager
async def open_watched(
    folder: Path, terminal: FakeTerminal | None = None
) -> AsyncIterator[Watched]:
    """Serve a terminal with one session more than it has."""
    terminal, clock, metrics = terminal or FakeTerminal(), FakeClock(), Metrics()
    session_id = (await terminal.open_session(Program())).session_id
    async with open_store(await lay_store(folder / "state.db"), clock) as store:
        services = make_services(
            terminal, store, clock, metrics, log_folder=str(folder / "sessions")
        )
        async with open_extras(services, terminal) as extras:
            server = build_server(tool_rows(services), Calls(metrics.tools), extras)
            yield Watched(server, terminal, clock, extras.subscriptions, session_id)
