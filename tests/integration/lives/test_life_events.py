"""The lives of agents, found by the tool that asks for events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.lives.conftest import Agent, Camp, Json

pytestmark = pytest.mark.headless


async def told(agent: Agent, kind: str, count: int) -> list[Json]:
    """Wait until so many events of a kind are told of an agent; return what each says."""

    async def found() -> list[Json]:
        answer = await agent.camp.tools.data("query_events", kinds=[kind], agent=agent.name)
        return [json.loads(one["payload"]) for one in reversed(answer["events"])]

    return await eventually(found, lambda events: len(events) >= count, within_seconds=30)


async def test_each_life_of_an_agent_is_told_with_its_end(camp: Camp) -> None:
    agent = await camp.start()
    await agent.becomes("ready")
    agent.kill()
    await agent.lives_again(2)
    await camp.tools.data("stop_agent", name=agent.name)
    started = await told(agent, "AgentStarted", 2)
    assert [(one["epoch"], one["again"]) for one in started] == [(1, False), (2, True)]
    (crashed,) = await told(agent, "AgentCrashed", 1)
    assert (crashed["signal"], crashed["next"]) == (9, "restarting")
    (ended,) = await told(agent, "AgentEnded", 1)
    assert ended["epoch"] == 2
    states = {one["after"] for one in await told(agent, "AgentStateChanged", 3)}
    assert "ready" in states
