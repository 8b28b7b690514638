"""A real Codex and a real Gemini CLI in one tab, led through the tools alone.

``uv run scripts/clients.py --install`` brings both; no login, no network: their models are local
ones that do what they are told. Run by ``pytest -m long``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from scripts.acceptance.install import programs_of
from scripts.acceptance.rig import OFFLINE
from scripts.canary.codex_server import CONFIG
from scripts.canary.gemini_model import serve_gemini
from scripts.canary.responses_model import serve_responses
from scripts.canary.tuis import gemini_settings
from tests.integration.lives.conftest import Camp, open_ground
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from scripts.canary.local_model import LocalModel
    from tests.integration.lives.conftest import Agent

pytestmark = [pytest.mark.long, pytest.mark.headless, pytest.mark.timeout(300)]

PROGRAMS = programs_of("clients")  # before a test changes what home is
SECONDS = 60.0
WAIT_SECONDS = 20.0
ASKED = "[[tool Bash touch allowed]]"
BUSY = "Think. [[work 6]]"
MORE = "And then this."

Json = dict[str, Any]


@pytest.fixture
async def camp() -> AsyncIterator[Camp]:
    """A home whose daemon finds the real Codex and the real Gemini CLI."""
    if not all((PROGRAMS / name).exists() for name in ("codex", "gemini")):
        pytest.skip("Codex or Gemini CLI is not installed: uv run scripts/clients.py --install")
    async with open_ground() as (home, folder):
        home.environ["PATH"] = os.pathsep.join([str(PROGRAMS), os.environ["PATH"]])
        async with open_tools(home) as tools:
            yield Camp(home, folder, tools)


def prepare_codex(agent: Agent, model: LocalModel) -> Mapping[str, str]:
    home = agent.folder / ".codex"
    home.mkdir()
    config = CONFIG.format(base_url=model.base_url, project=agent.folder / "proj")
    (home / "config.toml").write_text(config, "utf-8")
    return {"CODEX_HOME": str(home)}


def prepare_gemini(agent: Agent, model: LocalModel) -> Mapping[str, str]:
    home = agent.folder / ".gemini"
    home.mkdir()
    (home / "settings.json").write_text(gemini_settings(), "utf-8")
    return {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": model.base_url}


async def start(camp: Camp, name: str, environment: Mapping[str, str], **more: Any) -> None:  # noqa: ANN401
    agent = more.pop("agent")
    order = camp.order(agent, environment={**OFFLINE, **environment}, trust="accept", **more)
    agent.started = await camp.tools.data("start_agent", **order)
    assert agent.started["name"] == name


async def settled(camp: Camp, receipts: list[Json]) -> dict[str, str]:
    """Wait until all messages have begun at least, and agents rest; return the stages by text."""

    async def found() -> list[Json]:
        answer = await camp.tools.data(
            "wait_receipts",
            delivery_ids=[one["delivery_id"] for one in receipts],
            until="ended",
            timeout_seconds=WAIT_SECONDS,
        )
        return list(answer["receipts"])

    came = await eventually(
        found, lambda all_: all(one["stage"] == "ended" for one in all_), within_seconds=SECONDS
    )
    return {one["text"]: one["stage"] for one in came}


async def test_a_real_codex_and_a_real_gemini_are_told_asked_and_queued_for(camp: Camp) -> None:
    with serve_responses() as responses, serve_gemini() as gemini:
        asker, busy = camp.agent("asker"), camp.agent("busy")
        await start(camp, "asker", prepare_codex(asker, responses), agent=asker, kind="codex")
        session = asker.started["session_id"]
        environment = prepare_gemini(busy, gemini)
        await start(camp, "busy", environment, agent=busy, kind="gemini", beside=session)
        await camp.tools.data("create_team", name="crew", members=["asker", "busy"])
        met = await eventually(
            lambda: camp.tools.result(  # a gate's own words stand there too, sealed
                "wait_agents",
                agents=["asker", "busy"],
                until=["ready"],
                timeout_seconds=WAIT_SECONDS,
            ),
            lambda answer: answer["structuredContent"]["met"],
            within_seconds=SECONDS,
        )
        assert not met.get("isError")

        told = await camp.tools.data(
            "cascade_message", teams={"crew": "Say hello."}, agents={"asker": ASKED, "busy": BUSY}
        )
        receipts = {one["agent"]: one for one in told["receipts"]}
        await eventually(lambda: BUSY in gemini.prompts, within_seconds=SECONDS)
        more = await camp.tools.data("cascade_message", agents={"busy": MORE})
        asked = await eventually(
            lambda: camp.tools.data("list_approvals", wait_seconds=1),
            lambda found: found["approvals"],
            within_seconds=SECONDS,
        )
        (approval,) = asked["approvals"]
        answered = await camp.tools.data(
            "answer_approval", approval_id=approval["approval_id"], choice="allow"
        )
        stages = await settled(camp, [*receipts.values(), *more["receipts"]])

    assert (answered["agent"], answered["tool"]) == ("asker", "Bash")
    assert [one.name for one in (asker.folder / "proj").iterdir()] == ["allowed"]
    assert responses.prompts == [ASKED]
    assert gemini.prompts == [BUSY, MORE]
    assert stages == {ASKED: "ended", BUSY: "ended", MORE: "ended"}
