"""One host for all these tests; each gets a connection, and its windows are closed again."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.homes import Home, open_home
from tests.integration.host.wire_client import WireClient, open_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/integration/host/" in item.nodeid:
            item.add_marker(pytest.mark.headless)


async def start_host(home: Home) -> None:
    """Start the home's host by the user's own command."""
    with anyio.fail_after(30):
        await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "host", "start"],
            env=home.environ,
            stdout=subprocess.DEVNULL,
        )


@pytest.fixture(scope="session")
async def host_home() -> AsyncIterator[Home]:
    """A home whose host runs for as long as the tests do."""
    async with open_home("headless") as home:
        await start_host(home)
        yield home


@pytest.fixture
async def own_home() -> AsyncIterator[Home]:
    """A home with a host that the test may harm."""
    async with open_home("headless") as home:
        await start_host(home)
        yield home


@pytest.fixture
async def own_wire(own_home: Home) -> AsyncIterator[WireClient]:
    """A connection to a host that the test may harm."""
    async with open_wire(own_home) as one:
        yield one


@pytest.fixture
async def wire(host_home: Home) -> AsyncIterator[WireClient]:
    """A connection; every window is closed again."""
    async with open_wire(host_home) as one:
        yield one
    async with open_wire(host_home) as cleaner:
        listing = await cleaner.ask(api_pb2.ListSessionsRequest())
        ids = [window.window_id for window in listing.windows]
        await cleaner.ask(
            api_pb2.CloseRequest(windows=api_pb2.CloseRequest.CloseWindows(window_ids=ids))
        )
        buried = [one.unique_identifier for one in listing.buried_sessions]
        await cleaner.ask(
            api_pb2.CloseRequest(sessions=api_pb2.CloseRequest.CloseSessions(session_ids=buried))
        )
