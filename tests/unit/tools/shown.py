"""What clients are shown of all the real tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp import Client
from mcp.types import Implementation

from iterm_mcp.access import Access
from iterm_mcp.tools.clients import CURRENT

if TYPE_CHECKING:
    from mcp.types import Tool
    from tests.unit.tools.conftest import Bench


async def tools_shown(bench: Bench, tools: str, client_name: str = "test") -> list[Tool]:
    """List the tools as a client does that asked for these."""
    client = bench.calls.clients.connect("unix")
    bench.calls.clients.allow(client, Access(tools=tools))
    before = CURRENT.set(client)
    try:
        told = Implementation(name=client_name, version="1")
        async with Client(bench.server, client_info=told) as one:
            return (await one.list_tools()).tools
    finally:
        CURRENT.reset(before)


async def every_tool(bench: Bench) -> list[Tool]:
    """List all tools, with the one that is shown where others are not."""
    more = [tool for tool in await tools_shown(bench, "core") if tool.name == "more_tools"]
    return [*await tools_shown(bench, "all"), *more]
