"""A real daemon, and agents that take more of the machine than their templates permit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import psutil
import pytest
from tests.waiting import eventually

from iterm_mcp.models.task_limits import OverLimit

if TYPE_CHECKING:
    from tests.integration.lives.conftest import Agent, Camp

pytestmark = [pytest.mark.headless, pytest.mark.timeout(180)]

SECONDS = 60.0
MEGABYTE = 10**6


async def verb(camp: Camp, *words: str) -> str:
    """Return what a verb prints."""
    command = [sys.executable, "-m", "iterm_mcp", *words]
    done = await anyio.run_process(command, env=camp.home.environ, check=False)
    return (done.stdout + done.stderr).decode()


async def start(camp: Camp, limits: str) -> Agent:
    """Start an agent by a template with limits."""
    folder = anyio.Path(camp.home.paths.state, "templates")
    await folder.mkdir(exist_ok=True)
    name = f"limited-{abs(hash(limits))}"
    await (folder / f"{name}.toml").write_text(f'kind = "claude"\n[limits]\n{limits}\n')
    return await camp.start(kind=f"template:{name}")


async def tree(camp: Camp, agent: Agent) -> dict[str, Any]:
    """Return what an agent takes, as the command line tells it; nothing while it is not known."""
    answer = json.loads(await verb(camp, "agents", "resources", "--json"))
    found: dict[str, Any] = {one["name"]: one for one in answer["trees"]}
    return dict(found.get(agent.name, {}))


def evidence(camp: Camp, agent: Agent) -> list[dict[str, Any]]:
    folder = Path(camp.home.paths.state, "over-limits")
    return [json.loads(one.read_text()) for one in sorted(folder.glob(f"*-{agent.name}.json"))]


async def test_an_agent_s_tree_is_measured_without_any_limits(camp: Camp) -> None:
    agent = await start(camp, "")
    found = await eventually(
        lambda: tree(camp, agent), lambda one: "cpu_seconds" in one, within_seconds=SECONDS
    )

    assert agent.status()["pid"] in {one["pid"] for one in found["processes"]}
    assert agent.status()["keeper"] not in {one["pid"] for one in found["processes"]}
    assert found["memory_bytes"] > MEGABYTE
    assert "limits" not in found
    assert f"{agent.name}" in await verb(camp, "agents", "resources")


async def test_an_agent_that_takes_too_much_is_stopped_and_it_is_told_why(camp: Camp) -> None:
    agent = await start(camp, 'memory = "1MB"')
    life = await agent.becomes("ended")
    (kept,) = evidence(camp, agent)
    alerts = json.loads(await verb(camp, "alerts", "list", "--json"))["alerts"]

    assert "of memory, 1.0 MB are allowed" in life["why"]
    assert kept["usage"]["processes"][0]["pid"] == agent.status()["pid"]
    assert kept["done"] == OverLimit.STOP
    (alert,) = [one for one in alerts if one["subject"] == agent.name]
    assert (alert["kind"], "it is stopped" in alert["text"]) == ("over_limit", True)


async def test_an_agent_that_is_to_be_paused_stands_still_until_it_is_resumed(camp: Camp) -> None:
    agent = await start(camp, 'memory = "1MB"\nover = "pause"')
    life = await agent.becomes("suspended")
    found = await tree(camp, agent)

    assert agent.process().status() == psutil.STATUS_STOPPED
    assert "of memory, 1.0 MB are allowed" in life["why"]
    assert found["paused"]
    assert found["limits"] == {"memory_bytes": MEGABYTE, "over": "pause"}

    await agent.does("resume")
    process = agent.process()
    await eventually(
        process.status, lambda one: one != psutil.STATUS_STOPPED, within_seconds=SECONDS
    )
    await eventually(
        lambda: tree(camp, agent), lambda one: not one["paused"], within_seconds=SECONDS
    )
    assert len(evidence(camp, agent)) == 1


async def test_an_agent_that_is_only_warned_of_goes_on(camp: Camp) -> None:
    agent = await start(camp, 'memory = "1MB"\nover = "warn"')
    found = await eventually(
        lambda: tree(camp, agent), lambda one: "excess" in one, within_seconds=SECONDS
    )

    assert found["excess"]["done"] == "warn"
    assert agent.process().status() != psutil.STATUS_STOPPED
