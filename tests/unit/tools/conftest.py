"""The MCP server over a fake terminal, spoken to in memory in both eras of the protocol."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client
from mcp.types import TextContent
from tests.unit.laid_stores import lay_store
from tests.unit.tasks.services import nothing_asked

from iterm_mcp.app import make_services, tool_rows
from iterm_mcp.services.events.questions import make_questions
from iterm_mcp.store import open_store
from iterm_mcp.store.events import open_event_store
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock, FakeTerminal
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.server import build_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mcp.server import Server
    from mcp.types import CallToolResult

    from iterm_mcp.tools.tool import ToolRow


class Caller:
    """A client that calls tools and looks at what a model would see."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def raw(self, tool: str, **arguments: Any) -> CallToolResult:  # noqa: ANN401
        return await self.client.call_tool(tool, arguments)

    async def data(self, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return a successful answer's JSON, which must read the same in both its forms."""
        result = await self.raw(tool, **arguments)
        assert not result.is_error, text_of(result)
        assert json.loads(text_of(result)) == result.structured_content
        return dict(result.structured_content or {})

    async def text(self, tool: str, **arguments: Any) -> str:  # noqa: ANN401
        result = await self.raw(tool, **arguments)
        assert not result.is_error, text_of(result)
        return text_of(result)

    async def refusal(self, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return an error's code, text and hint."""
        result = await self.raw(tool, **arguments)
        assert result.is_error, text_of(result)
        return dict(result.structured_content or {})


def text_of(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


class Bench:
    """Everything a test of the tools may look at."""

    def __init__(self, server: Server[Any], terminal: FakeTerminal, metrics: Metrics) -> None:
        self.server = server
        self.terminal = terminal
        self.metrics = metrics
        self.calls: Calls
        self.rows: list[ToolRow]

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@asynccontextmanager
async def open_bench(folder: Path) -> AsyncIterator[Bench]:
    terminal, clock, metrics = FakeTerminal(), FakeClock(), Metrics()
    async with (
        open_store(await lay_store(folder / "state.db"), clock) as store,
        open_event_store(str(folder / "events"), clock) as events,
        nothing_asked(folder) as tasks,
    ):
        calls = Calls(metrics.tools)
        services = make_services(terminal, store, clock, metrics)
        rows = tool_rows(services, make_questions(events, clock), tasks)
        bench = Bench(build_server(rows, calls), terminal, metrics)
        bench.calls, bench.rows = calls, rows
        async with services.deliveries.running():
            yield bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path) as opened:
        yield opened


@pytest.fixture(params=["auto", "legacy"])
async def caller(request: pytest.FixtureRequest, bench: Bench) -> AsyncIterator[Caller]:
    async with Client(bench.server, mode=request.param) as client:
        yield Caller(client)
