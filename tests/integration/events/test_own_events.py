"""What happens in our own terminals, found by the tool that asks for events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.integration.tool_client import Json, ToolClient, open_tools
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.homes import Home


async def told(tools: ToolClient, kind: str, count: int, **wanted: str) -> list[Json]:
    """Wait until so many events of a kind are found, and return them, oldest first."""

    async def found() -> list[Json]:
        answer = await tools.data("query_events", kinds=[kind], limit=200, **wanted)
        return [
            one | {"payload": json.loads(one.get("payload", "{}"))}
            for one in reversed(answer["events"])
        ]

    return await eventually(found, lambda events: len(events) >= count, within_seconds=30)


async def test_what_is_done_by_tools_is_told_as_events(live_home: Home) -> None:
    async with open_tools(live_home) as tools:
        first, second = await tools.open(name="first"), await tools.open(name="second")
        opened = await told(tools, "SessionOpened", 2)
        assert {one["subject"] for one in opened} >= {first, second}
        await tools.data("run_command", session_id=first, command="sh -c 'exit 3'")
        (command,) = await told(tools, "CommandEnded", 1, session=first)
        assert command["payload"]["exit_status"] == 3
        assert command["subject"] == "sh -c 'exit 3'"
        for name, session_id in (("ada", first), ("bob", second)):
            await tools.data("register_agent", name=name, session_id=session_id)
        mine = {**live_home.environ, "ITERM_MCP_AGENT": "ada"}
        live_home.environ, before = mine, live_home.environ
        async with open_tools(live_home) as ada:
            await ada.data("cascade_message", agents={"bob": "echo 42"})
        live_home.environ = before
        moved = await told(tools, "MessageMoved", 3, agent="bob")
        assert moved[0]["payload"]["stage"] == "accepted"
        assert {one["payload"]["sender"] for one in moved} == {"ada"}
        (handed,) = await told(tools, "HandoffMade", 1)
        assert (handed["payload"]["from"], handed["payload"]["to"]) == ("ada", "bob")
        calls = await told(tools, "ToolCalled", 1, subject="cascade_message")
        assert calls[0]["payload"]["outcome"] == "ok"
        await tools.data("close_session", session_id=second, confirm=True, grace_seconds=0)
        closed = await told(tools, "SessionClosed", 1)
        assert second in {one["subject"] for one in closed}
