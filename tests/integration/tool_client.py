"""Tools called as a model calls them, through any of the doors."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from tests.integration.line_client import SECONDS, open_client
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.integration.homes import Home

Json = dict[str, Any]

DOORS = ["relay, legacy", "relay, modern", "http, legacy", "http, modern"]

NOBODY = "DEADBEEF-0000-4000-8000-000000000000"
"""An id of the right form that no session has."""


class ToolClient:
    """Calls tools, and remembers which sessions it opened.

    Args:
        call: Takes a tool's name and its arguments by keyword, and returns its whole result.
    """

    def __init__(self, call: Callable[..., Awaitable[Json]]) -> None:
        self.result = call
        self._opened: list[str] = []

    async def data(self, tool: str, **arguments: Any) -> Json:  # noqa: ANN401
        """Return a successful call's data, which must read the same in both its forms."""
        result = await self.result(tool, **arguments)
        assert not result.get("isError"), result
        assert json.loads(_text(result)) == result["structuredContent"]
        found = dict(result["structuredContent"])
        if tool in {"open_session", "split_session", "apply_layout"}:
            self._opened += [
                str(pane["session_id"])
                for tab in found.get("tabs", [found])
                for pane in tab.get("panes", [tab])
            ]
        return found

    async def refusal(self, tool: str, **arguments: Any) -> Json:  # noqa: ANN401
        """Return an expected error's code, text and hint, all of which the model must see."""
        result = await self.result(tool, **arguments)
        assert result["isError"], result
        refusal = dict(result["structuredContent"])
        assert refusal["hint"], "it must say what to do"
        assert _text(result) == f"{refusal['error']}\n{refusal['hint']}"
        return refusal

    async def sealed_screen(self, session_id: str) -> list[str]:
        """Return the lines of what a model gets to see, the sealing ones included."""
        result = await self.result("read_screen", session_id=session_id)
        assert not result.get("isError"), result
        return _text(result).split("\n")

    async def screen(self, session_id: str) -> list[str]:
        """Return the lines of a session's screen."""
        return (await self.sealed_screen(session_id))[1:-1]

    async def shows(self, session_id: str, line: str) -> list[str]:
        """Wait until some line of the screen is exactly this, and return the screen."""
        return await eventually(
            lambda: self.screen(session_id),
            lambda lines: line in [one.rstrip() for one in lines],
            within_seconds=15,
        )

    async def listed(self, *session_ids: str) -> list[Json]:
        """Return what is listed of these sessions, in the order of the list."""
        sessions = (await self.data("list_sessions"))["sessions"]
        return [one for one in sessions if one["session_id"] in session_ids]

    async def open(self, **arguments: Any) -> str:  # noqa: ANN401
        """Open a session and return its id."""
        return str((await self.data("open_session", **arguments))["session_id"])

    async def close_opened(self) -> None:
        """Close what still stands of the sessions that this client opened."""
        for one in await self.listed(*self._opened):
            await self.result(
                "close_session", session_id=one["session_id"], confirm=True, grace_seconds=0
            )


def _text(result: Json) -> str:
    return "".join(str(block["text"]) for block in result["content"])


async def open_ready(tools: ToolClient, command: str) -> str:
    """Open a session whose shell command prints ``ready`` once it may be typed into."""
    session_id = await tools.open(command=f"/bin/sh -c '{command}'")
    await tools.shows(session_id, "ready")
    return session_id


@asynccontextmanager
async def open_tools(home: Home, door: str = DOORS[0]) -> AsyncIterator[ToolClient]:
    """Come in by a door; close what was opened at the end. Enter it inside the test.

    The relay starts the daemon, so it is there with HTTP too.
    """
    async with AsyncExitStack() as stack:
        modern = door == "relay, modern"
        relay = await stack.enter_async_context(open_client(home.environ, modern=modern))
        await relay.greet()
        tools = (
            ToolClient(relay.call)
            if door.startswith("relay")
            else await stack.enter_async_context(_open_http(home, door))
        )
        try:
            yield tools
        finally:
            await tools.close_opened()


@asynccontextmanager
async def _open_http(home: Home, door: str) -> AsyncIterator[ToolClient]:
    headers = {"authorization": f"Bearer {home.token()}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http,
        Client(
            streamable_http_client(f"{home.http_url()}/mcp", http_client=http),
            mode="legacy" if door.endswith("legacy") else "auto",
        ) as client,
    ):

        async def call(tool: str, **arguments: Any) -> Json:  # noqa: ANN401
            result = await client.call_tool(tool, arguments)
            return result.model_dump(mode="json", by_alias=True, exclude_none=True)

        yield ToolClient(call)
