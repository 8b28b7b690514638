"""Agents watched in a real terminal, and what is known of their states."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.integration.agent_states.crew import Crew
from tests.integration.fake_agent.agents import open_folder

from iterm_mcp.clock import SystemClock
from iterm_mcp.services.agents.service import AgentService
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.services.states.watching import make_watching
from iterm_mcp.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.terminal.iterm import ItermTerminal


@pytest.fixture
def folder() -> Iterator[Folder]:
    with open_folder() as one:
        yield one


@asynccontextmanager
async def open_crew(terminal: ItermTerminal, path: Path) -> AsyncIterator[Crew]:
    """Watch agents over a terminal, as a daemon does, for the length of the block."""
    clock = SystemClock()
    async with open_store(str(path), clock) as store:
        states = AgentStateService(store, clock)
        watching = make_watching(terminal, store, states, clock)
        agents = AgentService(terminal, store, clock)
        async with states.running(), watching.running():
            yield Crew(agents, states, watching)


@pytest.fixture
async def crew(terminal: ItermTerminal, tmp_path: Path) -> AsyncIterator[Crew]:
    async with open_crew(terminal, tmp_path / "crew.db") as one:
        yield one
