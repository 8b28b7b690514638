"""The real Claude Code in one trace with who told it: its turn, its tools, and its own spans.

``uv run scripts/clients.py --install`` brings it; no login, no network: its model is a local one
that does what it is told. Run by ``pytest -m long``.
"""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from scripts.acceptance.install import programs_of
from scripts.acceptance.rig import OFFLINE
from scripts.agent_canary import KEY
from scripts.canary.directed_model import serve
from tests.integration.traces.test_one_trace import META, SPAN, TRACE, call, is_part, traced
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scripts.canary.directed_model import DirectedModel
    from tests.integration.line_client import LineClient
    from tests.integration.lives.conftest import Agent, Camp
    from tests.integration.traces.collector import Collector

pytestmark = [pytest.mark.long, pytest.mark.headless, pytest.mark.timeout(240)]

REAL = programs_of("clients") / "claude"  # before a test changes what home is
SECONDS = 60.0


@asynccontextmanager
async def real(
    *, soon: bool = True, **settings: str
) -> AsyncIterator[tuple[Camp, Collector, LineClient, DirectedModel]]:
    """Make a home whose daemon starts the real Claude Code, and traces."""
    if not REAL.exists():
        pytest.skip("Claude Code is not installed: uv run scripts/clients.py --install")
    path = os.pathsep.join([str(REAL.parent), os.environ["PATH"]])
    with serve() as model:
        async with traced(soon=soon, PATH=path, **settings) as (camp, collector, client):
            yield camp, collector, client, model


async def started(
    camp: Camp, client: LineClient, model: DirectedModel, kind: str = "claude"
) -> Agent:
    agent = camp.agent("ada")
    state = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {str(agent.folder / "proj"): {"hasTrustDialogAccepted": True}},
    }
    (agent.folder / ".claude.json").write_text(json.dumps(state), "utf-8")
    asked = {"ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": KEY, "LANG": "C.UTF-8"}
    given = camp.order(agent, kind=kind, environment={**OFFLINE, **asked}, permissions="manual")
    await call(client, "start_agent", META, **given)
    await agent.becomes("ready")
    return agent


async def allowed(camp: Camp) -> None:
    """Wait until a tool may not be used without a person, and be that person."""
    asked = await eventually(
        lambda: camp.tools.data("list_approvals", wait_seconds=1),
        lambda found: found["approvals"],
        within_seconds=SECONDS,
    )
    await camp.tools.data(
        "answer_approval", approval_id=asked["approvals"][0]["approval_id"], choice="allow"
    )


async def test_its_turn_and_its_tools_are_part_of_the_clients_trace() -> None:
    async with real() as (camp, collector, client, model):
        agent = await started(camp, client, model)
        text = "[[tool Bash touch made]]"
        await call(client, "cascade_message", META, agents={agent.name: text})
        await allowed(camp)
        turn = await collector.one(f"invoke_agent {agent.name}")
        message = await collector.one("deliver message")
        asked = await collector.one("tools/call cascade_message")
        assert (asked.trace, asked.parent) == (TRACE, SPAN)
        is_part(message, asked)
        is_part(turn, message)
        used = await collector.one("execute_tool Bash")
        is_part(used, turn)
        assert turn.began <= used.began <= used.ended <= turn.ended
        assert (agent.folder / "proj" / "made").exists()
        assert turn.attributes["gen_ai.usage.input_tokens"] > 0, "its transcript was waited for"
        made = await collector.one(f"create_agent {agent.name}")
        assert made.trace == TRACE


async def test_its_own_spans_are_in_the_same_trace_if_a_user_has_it_export_them() -> None:
    """What runs without a screen reads ``TRACEPARENT``; at a terminal it does not."""
    # A variable of OpenTelemetry's in the daemon's environment would be its user's own word.
    async with real(soon=False, ITERM_MCP_AGENT_TRACES="1") as (camp, collector, client, model):
        agent = await started(camp, client, model, kind="claude-headless")
        await call(client, "cascade_message", META, agents={agent.name: "[[say done]]"})
        made = await collector.one(f"create_agent {agent.name}")
        its = await eventually(
            lambda: collector.named("claude_code.interaction"), bool, within_seconds=SECONDS
        )
        assert (its[0].trace, its[0].parent) == (TRACE, made.span)
        environ: dict[str, Any] = agent.process().environ()
        assert environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == f"{collector.url}/v1/traces"
        assert "OTEL_METRICS_EXPORTER" not in environ
