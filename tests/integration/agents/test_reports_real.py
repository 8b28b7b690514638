"""A real Claude Code that we start: how it tells what it does, and that each way counts once.

``uv run scripts/clients.py --install`` brings it; no login, no network: its model is a local one
that does what it is told. Run by ``pytest -m long``.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx2
import psutil
import pytest
from scripts.acceptance.install import programs_of
from scripts.acceptance.rig import OFFLINE
from scripts.agent_canary import KEY
from scripts.canary.directed_model import serve
from tests.integration.lives.conftest import Camp, open_ground
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

from iterm_mcp.agents.reports import report_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scripts.canary.directed_model import DirectedModel
    from tests.integration.lives.conftest import Agent

pytestmark = [pytest.mark.long, pytest.mark.headless, pytest.mark.timeout(180)]

REAL = programs_of("clients") / "claude"  # before a test changes what home is
SECONDS = 60.0

Json = dict[str, Any]


@pytest.fixture
async def camp() -> AsyncIterator[Camp]:
    """A home whose daemon starts the real Claude Code, which exports."""
    if not REAL.exists():
        pytest.skip("Claude Code is not installed: uv run scripts/clients.py --install")
    async with open_ground() as (home, folder):
        (folder / "bin" / "claude").unlink()
        places = [str(folder / "bin"), str(REAL.parent), os.environ["PATH"]]
        home.environ["PATH"] = os.pathsep.join(places)
        home.environ["ITERM_MCP_AGENT_TELEMETRY"] = "true"
        async with open_tools(home) as tools:
            yield Camp(home, folder, tools)


async def start(camp: Camp, model: DirectedModel, **more: Any) -> Agent:  # noqa: ANN401
    agent = camp.agent("ada")
    state = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {str(agent.folder / "proj"): {"hasTrustDialogAccepted": True}},
    }
    (agent.folder / ".claude.json").write_text(json.dumps(state), "utf-8")
    asked = {"ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": KEY, "LANG": "C.UTF-8"}
    order = camp.order(agent, environment={**OFFLINE, **asked}, permissions="manual", **more)
    agent.started = await camp.tools.data("start_agent", **order)
    return agent


async def get(camp: Camp, path: str) -> Json:
    async with httpx2.AsyncClient(timeout=SECONDS) as http:
        known = {"authorization": f"Bearer {camp.home.token()}"}
        return dict((await http.get(f"{camp.home.http_url()}{path}", headers=known)).json())


def command_lines(agent: Agent) -> str:
    """Return what anybody may read of how it, and what it has started, was called."""
    found = [agent.process(), *agent.process().children(recursive=True)]
    words = []
    for one in found:
        with suppress(psutil.Error):  # it has ended
            words += one.cmdline()
    return " ".join(words)


def transcript(agent: Agent) -> list[Json]:
    return [
        json.loads(line)
        for path in agent.folder.glob(".claude/projects/*/*.jsonl")
        for line in path.read_text("utf-8").split("\n")[:-1]
    ]


async def subjects(camp: Camp, kind: str) -> list[str]:
    """Return what those events of a kind are about that agents have told."""
    found = await get(camp, f"/v1/events?kind={kind}&limit=100")
    return [one["subject"] for one in found["events"] if one["source"].startswith("claude.")]


async def once(camp: Camp, kind: str) -> None:
    """Wait until one event of a kind is kept, and no more."""
    found = await eventually(partial(subjects, camp, kind), bool, within_seconds=SECONDS)
    assert len(found) == 1, found


async def test_a_permission_is_answered_over_http_by_an_agent_that_runs_no_program_of_ours(
    camp: Camp,
) -> None:
    with serve() as model:
        agent = await start(camp, model, prompt="[[tool Bash touch x]]")
        asked = await eventually(
            lambda: camp.tools.data("list_approvals", wait_seconds=1),
            lambda found: found["approvals"],
            within_seconds=SECONDS,
        )
        words = command_lines(agent)
        given = await camp.tools.data(
            "answer_approval", approval_id=asked["approvals"][0]["approval_id"], choice="allow"
        )
        await once(camp, "TurnEnded")

        assert given["answer"]["channel"] == "hook"
        assert (agent.folder / "proj" / "x").exists()
        assert "hook_relay" not in words
        assert not [
            one for one in (camp.home.token(), report_token(camp.home.token())) if one in words
        ]
        for kind in ("PromptSubmitted", "PermissionRequested"):
            await once(camp, kind)


async def test_what_happens_while_no_daemon_is_there_is_quiet_and_kept_once(camp: Camp) -> None:
    with serve() as model:
        agent = await start(camp, model, prompt="[[work 2]] [[say done]]")
        await agent.becomes("working")
        await camp.home.kill_daemon()
        lines = await eventually(
            lambda: [one for one in transcript(agent) if one["type"] == "system"],
            lambda found: any(one.get("subtype") == "turn_duration" for one in found),
            within_seconds=SECONDS,
        )
        assert not [one for one in lines if "hook error" in json.dumps(one).lower()]

        await camp.tools.data("list_agents")  # starts the next one
        for kind in ("PromptSubmitted", "TurnEnded"):
            await once(camp, kind)


async def test_what_it_exports_and_what_it_writes_down_are_one_cost(camp: Camp) -> None:
    with serve() as model:
        await start(camp, model, prompt="[[say hello]]")
        await once(camp, "TurnEnded")
        await camp.tools.data("stop_agent", name="ada", confirm=True)  # exports what is left
        (one,) = (await get(camp, "/v1/conversations"))["conversations"]
        cost = await eventually(
            lambda: get(camp, f"/v1/conversations/{one['conversation']}/cost"),
            lambda found: found["reported"] is not None and found["answers"],
            within_seconds=SECONDS,
        )
        assert abs(cost["difference_percent"]) <= 1
