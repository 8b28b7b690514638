"""The real Claude Code and the real Codex without a screen, started and spoken to by the tools.

``uv run scripts/clients.py --install`` brings them; their models are local ones that do what they
are told: no login, no network. Run by ``pytest -m long``.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from scripts.acceptance.install import programs_of
from scripts.acceptance.rig import OFFLINE
from scripts.agent_canary import KEY
from scripts.canary.codex_server import CONFIG
from scripts.canary.directed_model import serve
from scripts.canary.responses_model import serve_responses
from tests.integration.lives.conftest import Camp, open_ground
from tests.integration.lives.test_headless_lives import KINDS, allow, asks, ends, stages, tell
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.integration.lives.conftest import Agent

pytestmark = [pytest.mark.long, pytest.mark.headless, pytest.mark.timeout(240)]

PROGRAMS = programs_of("clients")  # before a test changes what home is
SECONDS = 60.0


@pytest.fixture
async def camp() -> AsyncIterator[Camp]:
    """A home whose daemon finds the real programs."""
    for name in ("claude", "codex"):
        if not (PROGRAMS / name).exists():
            pytest.skip(f"{name} is not installed: uv run scripts/clients.py --install")
    async with open_ground() as (home, folder):
        home.environ["PATH"] = os.pathsep.join([str(PROGRAMS), os.environ["PATH"]])
        async with open_tools(home) as tools:
            yield Camp(home, folder, tools)


@contextmanager
def surroundings(kind: str, folder: Path) -> Iterator[dict[str, str]]:
    """Have a model for an agent, and its settings in its home; yield its environment."""
    if kind == "codex-headless":
        (folder / ".codex").mkdir()
        with serve_responses() as responses:
            config = CONFIG.format(base_url=responses.base_url, project=folder / "proj")
            (folder / ".codex" / "config.toml").write_text(config)
            yield {"CODEX_HOME": str(folder / ".codex")}
        return
    with serve() as model:
        state = {"customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []}}
        (folder / ".claude.json").write_text(json.dumps(state), "utf-8")
        yield {**OFFLINE, "ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": KEY}


async def works_on(agent: Agent, receipt: dict[str, Any]) -> None:
    """Wait until a message's turn has begun."""
    await eventually(
        lambda: stages(agent, receipt), lambda found: "started" in found, within_seconds=SECONDS
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_the_real_one_is_told_asked_interrupted_left_alone_and_resumed(
    camp: Camp, kind: str
) -> None:
    agent = camp.agent()
    permissions = "default" if kind == "claude-headless" else "untrusted+read-only"
    with surroundings(kind, agent.folder) as environment:
        order = camp.order(agent, kind=kind, permissions=permissions, environment=environment)
        agent.started = await camp.tools.data("start_agent", **order)
        await agent.becomes("ready")

        first = await tell(agent, "hello [[say good day]]")
        assert (await ends(agent, first))["stage"] == "ended"

        asked = await tell(agent, "[[tool Bash touch asked]]")
        await camp.home.kill_daemon()
        approval = await asks(agent)
        answered = await allow(agent, approval)
        assert (await ends(agent, asked))["stage"] == "ended"

        work = await tell(agent, "[[work 60]]")
        await works_on(agent, work)
        after = await tell(agent, "and this", policy="interrupt")
        assert "interrupted" in str(await ends(agent, work))
        assert (await ends(agent, after))["stage"] == "ended"

        agent.kill()
        life = await agent.lives_again(2)
        again = await tell(agent, "hello again [[say welcome back]]")
        assert (await ends(agent, again))["stage"] == "ended"
        shown = await eventually(
            lambda: camp.tools.screen(life["session_id"]),
            lambda rows: any("welcome back" in row for row in rows),
            within_seconds=SECONDS,
        )
        assert (await stages(agent, first))[-1] == "ended"
        stopped = await camp.tools.data("stop_agent", name=agent.name)

    assert answered["answer"]["channel"] == "protocol"
    assert life["ends"][0]["signal"] == 9
    assert any("hello again" in row for row in shown)
    assert stopped["how"] == "left"
