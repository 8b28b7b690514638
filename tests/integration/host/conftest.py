"""One host for all these tests; each gets a connection, and its windows are closed again."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.homes import Home, open_home
from tests.integration.host.it2_cli import It2
from tests.integration.host.shown import pytest_runtest_call
from tests.integration.host.wire_client import WireClient, open_wire, printed_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["pytest_runtest_call"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/integration/host/" in item.nodeid:
            item.add_marker(pytest.mark.headless)


async def start_by_hand(home: Home) -> None:
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
    async with open_home("headless", measured=True) as home:
        await start_by_hand(home)
        yield home


@pytest.fixture
async def own_home() -> AsyncIterator[Home]:
    """A home with a host that the test may harm."""
    async with open_home("headless") as home:
        await home.start("host")
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


@pytest.fixture(scope="session")
async def printed(host_home: Home) -> dict[str, str]:
    """What `iterm-mcp host env` prints, and nothing else but HOME and PATH."""
    return await printed_environment(host_home)


@pytest.fixture
async def it2(printed: dict[str, str], wire: WireClient) -> It2:
    """The command `it2` for the host of `wire`."""
    del wire  # it closes the windows
    return It2(printed)


@pytest.fixture
async def own_it2(own_home: Home) -> It2:
    """The command `it2` for a host that the test may harm."""
    return It2(await printed_environment(own_home))
