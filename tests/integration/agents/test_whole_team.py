"""Whole teams, led through the tools alone, and held to what their agents really did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.agents.whole_team import (
    NAMES,
    Team,
    expect_ends,
    in_truth,
    see_one_die,
    shims,
    tell_all,
)
from tests.integration.lives.conftest import Camp, open_ground
from tests.integration.tool_client import open_tools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.lives.conftest import Agent


pytestmark = pytest.mark.headless


@pytest.fixture
async def camp() -> AsyncIterator[Camp]:
    """A home with a daemon of its own, which finds fake agents."""
    async with open_ground() as (home, folder), open_tools(home) as tools:
        yield Camp(home, folder, tools)


def expect_resumed(agent: Agent) -> None:
    """See that a fake agent went on with its conversation."""
    first, second = agent.truth("started")
    assert (second["session_id"], second["source"]) == (first["session_id"], "resume")


async def test_four_agents_are_told_asked_queued_for_killed_and_told_again_and_nothing_is_lost(
    camp: Camp,
) -> None:
    team = Team(camp, shims(camp), dict.fromkeys(NAMES, in_truth))
    await team.start()

    told = await tell_all(team)
    answered = await team.answers("allow")
    await see_one_die(team)
    stages = await team.settled()

    expect_ends(stages)
    assert (answered["agent"], answered["tool"]) == ("asker", "Bash")
    (seen,) = team["asker"].truth("dialog_answered")
    assert (seen["by"], seen["value"]) == ("hook", "allow")
    (kept,) = team["busy"].truth("received", text="And then this.")
    assert kept["stage"] == "queued"
    assert (await team.moves(told["more"]))[-3:] == ["queued", "started", "ended"]
    expect_resumed(team["coder"])


@pytest.mark.long
async def test_the_same_with_the_daemon_killed_amid_all_of_it(camp: Camp) -> None:
    team = Team(camp, shims(camp), dict.fromkeys(NAMES, in_truth))
    await team.start()

    await tell_all(team)
    await team["asker"].happens("dialog_opened")
    await camp.home.kill_daemon()
    team["coder"].kill()  # while nobody looks
    async with open_tools(camp.home) as tools:
        camp.tools = tools
        answered = await team.answers("allow")
        await team["coder"].lives_again(2)
        await team.sent("coder", "Build, this time.")
        stages = await team.settled()

    expect_ends(stages)
    assert answered["agent"] == "asker"
    expect_resumed(team["coder"])
