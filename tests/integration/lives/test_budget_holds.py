"""A real daemon and a budget that says pause: what is held, and how it is let go."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import anyio
import psutil
import pytest
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.lives.conftest import Agent, Camp

pytestmark = [pytest.mark.headless, pytest.mark.long, pytest.mark.timeout(180)]

SECONDS = 40.0
BUDGET = """
[budgets.all]
period = "ever"
tokens = 6
steps = { 100 = "pause", 400 = "stop" }
"""


async def verb(camp: Camp, *words: str) -> str:
    """Return what a verb prints."""
    command = [sys.executable, "-m", "iterm_mcp", *words]
    done = await anyio.run_process(command, env=camp.home.environ, check=False)
    return (done.stdout + done.stderr).decode()


async def holding(camp: Camp) -> str:
    return await eventually(
        lambda: verb(camp, "budgets", "list"),
        lambda said: "holds: " in said,
        within_seconds=SECONDS,
    )


async def tell(camp: Camp, agent: Agent, text: str) -> str:
    """Tell an agent something, and return what waits for it."""
    await camp.tools.data("cascade_message", agents={agent.name: text})
    return await verb(camp, "messages", "list", "--waiting", "--json")


async def test_a_pause_holds_messages_and_starts_through_a_kill_until_a_person_lets_go(
    own_camp: Camp,
) -> None:
    camp = own_camp
    await anyio.Path(camp.home.paths.budgets).write_text(BUDGET)
    first = await camp.start(prompt="Begin.")
    await first.happens("turn_ended")
    said = await holding(camp)
    assert "all  ever  100%  6 of 6 tokens" in said
    assert "holds: pause at 100% until it is raised or released" in said
    await first.becomes("suspended")
    assert first.process().status() == psutil.STATUS_STOPPED

    second = await camp.start(prompt="Begin, too.")
    assert second.started["state"] == "creating"
    assert "budget all is spent to 100%" in second.started["why"]
    waits = await tell(camp, first, "Go on.")
    assert "budgets release all" in waits

    daemon = camp.home.daemon_pid()
    assert daemon is not None
    os.kill(daemon, signal.SIGKILL)
    await eventually(camp.home.daemon_pid, lambda pid: pid != daemon, within_seconds=SECONDS)
    assert "serves" in await verb(camp, "daemon", "start")
    assert "holds: pause" in await holding(camp)
    assert (await second.life())["state"] == "creating"
    refused = await camp.tools.result("manage_agent", name=first.name, action="resume")
    assert refused["isError"]
    assert first.process().status() == psutil.STATUS_STOPPED

    camp.home.environ["ITERM_MCP_AGENT"] = first.name
    assert "ask a person" in await verb(camp, "budgets", "release", "all")
    del camp.home.environ["ITERM_MCP_AGENT"]
    assert "released by eva" in await verb(camp, "budgets", "release", "all", "--by", "eva")
    await first.happens("turn_ended", 2)
    await second.happens("turn_ended")
    assert len(first.truth("submitted", text="Go on.")) <= 1
