"""Two real Claude Codes and two fake agents in one layout, led through the tools alone.

``uv run scripts/clients.py --install`` brings Claude Code; no login, no network: its model is a
local one that does what it is told. Run by ``pytest -m long``.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from scripts.acceptance.install import programs_of
from scripts.acceptance.rig import OFFLINE
from scripts.agent_canary import KEY
from scripts.canary.directed_model import serve
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

pytestmark = [pytest.mark.long, pytest.mark.headless, pytest.mark.timeout(180)]

REAL = programs_of("clients") / "claude"  # before a test changes what home is


@pytest.fixture
async def camp() -> AsyncIterator[Camp]:
    """A home whose daemon finds the real Claude Code, and fakes of the others."""
    if not REAL.exists():
        pytest.skip("Claude Code is not installed: uv run scripts/clients.py --install")
    async with open_ground() as (home, folder):
        (folder / "bin" / "claude").unlink()
        home.environ["PATH"] = os.pathsep.join(
            [str(folder / "bin"), str(REAL.parent), os.environ["PATH"]]
        )
        async with open_tools(home) as tools:
            yield Camp(home, folder, tools)


def prepare(agent: Agent) -> None:
    """Make a home in which Claude Code asks nothing at its start."""
    state = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {str(agent.folder / "proj"): {"hasTrustDialogAccepted": True}},
    }
    (agent.folder / ".claude.json").write_text(json.dumps(state), "utf-8")


def transcript(agent: Agent) -> list[dict[str, Any]]:
    """Return the lines of the one conversation that an agent ever had."""
    (path,) = agent.folder.glob(".claude/projects/*/*.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def in_transcript(agent: Agent, text: str) -> tuple[int, bool]:
    """Return how often a text was received, and whether a turn has ended after it."""
    lines = transcript(agent)
    places = [
        place
        for place, line in enumerate(lines)
        if line["type"] == "user" and line["message"]["content"] == text
    ]
    ends = [place for place, line in enumerate(lines) if line.get("subtype") == "turn_duration"]
    return len(places), any(end > place for place in places for end in ends)


async def test_two_real_claude_codes_and_two_others_are_told_asked_queued_for_and_killed(
    camp: Camp,
) -> None:
    with serve() as model:
        environment = {
            **OFFLINE,
            "ANTHROPIC_BASE_URL": model.base_url,
            "ANTHROPIC_API_KEY": KEY,
            "LANG": "C.UTF-8",
        }
        programs = {**shims(camp), "claude": str(REAL)}
        records = dict.fromkeys(NAMES, in_truth) | dict.fromkeys(("asker", "busy"), in_transcript)
        team = Team(camp, programs, records, environment, permissions="manual")
        await team.start(prepare)

        told = await tell_all(team)
        answered = await team.answers("allow")
        await see_one_die(team)
        await team.settled()
        team["asker"].kill()
        await team["asker"].lives_again(2)
        await team.sent("asker", "And once more.")
        stages = await team.settled()

        expect_ends(stages)
        assert (answered["agent"], answered["tool"]) == ("asker", "Bash")
        assert answered["answer"]["channel"] == "hook"
        assert [one.name for one in (team["asker"].folder / "proj").iterdir()] == ["x"], (
            "it did what it was allowed to"
        )
        assert (await team.moves(told["more"]))[-2:] == ["started", "ended"]
        assert "queued" in await team.moves(told["more"])
        assert (
            len({line["sessionId"] for line in transcript(team["asker"]) if "sessionId" in line})
            == 1
        )
