"""One daemon and host for all agents of a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.homes import open_home
from tests.integration.tool_client import open_tools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home
    from tests.integration.tool_client import ToolClient


@pytest.fixture(scope="module")
async def module_home() -> AsyncIterator[Home]:
    async with open_home("headless", measured=True) as one:
        yield one


@pytest.fixture
async def tools(module_home: Home) -> AsyncIterator[ToolClient]:
    async with open_tools(module_home) as one:
        yield one
