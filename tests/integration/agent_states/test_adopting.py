"""Agents that a person started, seen and adopted through a real client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

from iterm_mcp.testing.fake_agent.shims import write_shims

if TYPE_CHECKING:
    from tests.integration.fake_agent.agents import Folder
    from tests.integration.homes import Home
    from tests.integration.tool_client import ToolClient

pytestmark = pytest.mark.headless
SECONDS = 20.0


async def open_agent(tools: ToolClient, folder: Folder) -> str:
    """Open a session in which a Claude Code runs, as a person would."""
    (shim,) = [one for one in write_shims(folder.path / "bin") if one.name == "claude"]
    opened = await tools.data(
        "open_session",
        command=str(shim),
        directory=str(folder.project),
        environment=folder.environ(FAKE_AGENT_TRUTH=str(folder.path / "truth.jsonl")),
    )
    await eventually(lambda: folder.truth("state", state="ready"), within_seconds=SECONDS)
    return str(opened["session_id"])


async def test_an_agent_that_a_person_started_is_offered_and_adopted(
    live_home: Home, folder: Folder
) -> None:
    async with open_tools(live_home) as tools:
        plain = await tools.open()
        session_id = await open_agent(tools, folder)

        async def unregistered() -> list[dict[str, Any]]:
            return list((await tools.data("list_agents")).get("unregistered", []))

        (stranger,) = await eventually(
            unregistered,
            lambda found: bool(found) and found[0]["state"] == "ready",
            within_seconds=SECONDS,
        )
        assert (stranger["session_id"], stranger["kind"]) == (session_id, "claude")

        adopted = await tools.data("register_agent", name="ann", session_id=session_id)
        shell = await tools.data("register_agent", name="ben", session_id=plain)

        assert (adopted["kind"], shell["kind"]) == ("claude", "shell")
        waited = await tools.data("wait_agents", agents=["ann"], until=["ready"])
        assert waited["met"], waited
        assert "unregistered" not in await tools.data("list_agents")
        result = await tools.result("explain_agent", name="ann")
        text = result["content"][0]["text"]
        assert text.startswith("ann (life 1): ready")
        assert "registry activity idle" in text


async def test_a_state_outlasts_no_daemon_unseen_but_is_seen_again_by_the_next(
    live_home: Home, folder: Folder
) -> None:
    async with open_tools(live_home) as tools:
        session_id = await open_agent(tools, folder)
        await tools.data("register_agent", name="ann", session_id=session_id)
        assert (await tools.data("wait_agents", until=["ready"]))["met"]
        await live_home.kill_daemon()

        waited = await tools.data("wait_agents", until=["ready"], timeout_seconds=SECONDS)
        result = await tools.result("explain_agent", name="ann")
        assert waited["met"], result["content"][0]["text"]
        assert "(life 1)" in result["content"][0]["text"]


async def test_a_mistake_in_what_is_waited_for_is_answered_with_the_states(
    live_home: Home,
) -> None:
    async with open_tools(live_home) as tools:
        refused = await tools.refusal("wait_agents", until=["happy"])
        nobody = await tools.refusal("explain_agent", name="ann")

    assert "settled" in refused["hint"]
    assert nobody["code"] == "agent_not_found"
