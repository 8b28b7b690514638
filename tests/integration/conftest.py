"""Real daemons, real hosts, real shells; nothing is patched.

Most of this suite must not know which terminal it has: on macOS the same tests run against
iTerm2 when ``ITERM_MCP_TERMINAL=iterm2``. What needs our own host is marked ``headless``.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from tests.integration.homes import REAL_ITERM2, Home, open_home
from tests.integration.line_client import open_client
from tests.integration.tool_client import open_tools

from iterm_mcp.config import Settings
from iterm_mcp.errors import NotFoundError
from iterm_mcp.telemetry import Metrics
from iterm_mcp.terminal.endpoint import find_endpoint
from iterm_mcp.terminal.iterm import ItermTerminal
from iterm_mcp.terminal.link import open_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.line_client import LineClient
    from tests.integration.tool_client import ToolClient


@pytest.fixture(autouse=True)
def _skip_what_needs_our_host(request: pytest.FixtureRequest) -> None:
    if REAL_ITERM2 and request.node.get_closest_marker("headless"):
        pytest.skip("needs the headless host")


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    """A home whose daemon never finds a terminal: iTerm2 is asked for where it cannot be."""
    async with open_home("iterm2") as one:
        yield one


@pytest.fixture
async def live_home() -> AsyncIterator[Home]:
    """A home with a terminal: iTerm2 where the suite runs against it, else our host."""
    async with open_home("iterm2" if REAL_ITERM2 else "headless") as one:
        yield one


@pytest.fixture(scope="session")
async def shared_home() -> AsyncIterator[Home]:
    """A home as above, for tests that only open sessions and close them again."""
    async with open_home("iterm2" if REAL_ITERM2 else "headless", measured=True) as one:
        yield one


@pytest.fixture
async def client(live_home: Home) -> AsyncIterator[LineClient]:
    """A greeted MCP client, through relay and daemon to a terminal."""
    async with open_client(live_home.environ) as one:
        await one.greet()
        yield one


@pytest.fixture
async def tools(shared_home: Home) -> AsyncIterator[ToolClient]:
    """A model's hands on the shared home; what the test opens through them is closed again."""
    async with open_tools(shared_home) as one:
        yield one


@asynccontextmanager
async def open_terminal(home: Home, metrics: Metrics | None = None) -> AsyncIterator[ItermTerminal]:
    """Speak to a home's terminal without a daemon in between."""
    settings = Settings(terminal="iterm2" if REAL_ITERM2 else "headless")
    metrics = metrics or Metrics()
    async with open_link(
        lambda: find_endpoint(settings, home.paths), metrics, settings.connect_timeout_seconds
    ) as link:
        yield ItermTerminal(link, metrics.operations, settings.request_timeout_seconds)


@pytest.fixture
async def terminal(
    shared_home: Home, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ItermTerminal]:
    """A terminal; what the test opens in it is closed again."""
    for name in ("HOME", "ITERM_MCP_HOME"):
        monkeypatch.setenv(name, shared_home.environ[name])
    async with open_terminal(shared_home) as one:
        before = {session.session_id for session in await one.list_sessions()}
        yield one
        for session in await one.list_sessions():
            if session.session_id not in before:
                # Its program may end by itself between the listing and here.
                with suppress(NotFoundError):
                    await one.close_session(session.session_id)
