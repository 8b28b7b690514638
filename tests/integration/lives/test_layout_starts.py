"""Layouts that start their agents in a real host, and bring them back."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.lives.conftest import SECONDS, Agent, Camp, Json
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

pytestmark = pytest.mark.headless


def leaf(agent: Agent, kind: str = "claude", **more: Any) -> Json:  # noqa: ANN401
    """Return a pane in which an agent is started."""
    order = agent.camp.order(agent)
    environment = {**order["environment"], **more.pop("environment", {})}
    return {
        "directory": order["directory"],
        "environment": environment,
        "agent": {"name": agent.name, "kind": kind, **more},
    }


def columns(*children: Json) -> Json:
    return {"split": "columns", "children": list(children)}


def named(answer: Json) -> dict[str, Json]:
    """Return the panes of an applied layout by their agents."""
    return {one["agent"]: one for one in answer["panes"] if "agent" in one}


async def test_agents_of_a_layout_are_started_at_once_and_each_is_told_of(camp: Camp) -> None:
    ada, bob, eve = camp.agent(), camp.agent(), camp.agent()

    answer = await camp.tools.data(
        "apply_layout",
        root=columns(
            {"name": f"edit-{ada.name}"},
            leaf(ada, prompt="Say hello.", teams=[f"crew-{ada.name}"]),
            leaf(bob, "codex"),
            leaf(eve, environment={"FAKE_AGENT_GATE": "trust"}),
        ),
    )

    panes = named(answer)
    (received,) = await ada.happens("received")
    assert received["text"] == "Say hello."
    assert panes[ada.name]["started"]["state"] in {"ready", "working"}
    assert panes[eve.name]["started"]["state"] == "gate"
    assert "trust" in panes[eve.name]["started"]["reason"]
    assert panes[bob.name]["started"]["state"] == "ready", panes
    (listed,) = (await camp.tools.data("list_agents", team=f"crew-{ada.name}"))["agents"]
    assert listed["session_id"] == panes[ada.name]["session_id"]
    assert ada.status()["session"].endswith(panes[ada.name]["session_id"])

    again = await camp.tools.data(
        "apply_layout",
        root=columns({"name": f"edit-{ada.name}"}, leaf(ada), leaf(bob, "codex")),
        tab_id=answer["tab_id"],
    )

    assert [one["session_id"] for one in again["panes"]] == [
        one["session_id"] for one in answer["panes"][:3]
    ]
    assert len(ada.truth("started")) == 1


async def test_one_whose_program_is_missing_has_nothing_opened(camp: Camp) -> None:
    before = await camp.sessions()

    refused = await camp.tools.refusal(
        "apply_layout", root=columns({"name": "x"}, leaf(camp.agent(), "aider"))
    )

    assert refused["code"] in {"program_not_found", "kind_not_found"}
    assert await camp.sessions() == before


@pytest.mark.long
async def test_a_saved_layout_is_restored_with_its_agents_in_their_conversations(
    camp: Camp,
) -> None:
    ada, bob = camp.agent(), camp.agent()
    saved = f"saved-{uuid4().hex[:8]}"
    first = await camp.tools.data(
        "apply_layout", root=columns(leaf(ada, prompt="Remember the word heron."), leaf(bob))
    )
    await ada.happens("turn_ended")
    await ada.becomes("ready")
    await camp.tools.data("export_layout", tab_id=first["tab_id"], save_as=saved)
    for agent, forget in ((ada, True), (bob, False)):
        await camp.tools.data("stop_agent", name=agent.name, confirm=True, forget=forget)

    answer = await camp.tools.data("apply_layout", saved=saved)

    panes = named(answer)
    assert panes[ada.name]["started"]["resumed"] is True
    one, two = await ada.happens("started", 2)
    assert (two["session_id"], two["source"]) == (one["session_id"], "resume")
    assert len(ada.truth("received")) == 1, "its order is not given again"
    await bob.happens("started", 2)
    assert panes[bob.name]["started"]["state"] == "ready"
    assert [one["agent"] for one in answer["panes"]] == [ada.name, bob.name]


PLAYBOOK = """
playbook: crew
steps:
  - layout:
      split: columns
      children:
        - {{name: build}}
        - name: ada
          directory: "{directory}"
          environment: {{FAKE_AGENT_TRUTH: "{truth}", HOME: "{home}"}}
          agent: {{name: "{name}", kind: claude, teams: ["crew-{name}"], prompt: "Say hello."}}
  - wait: {{team: "crew-{name}", until: ready, timeout: 60}}
  - note: {{key: "{name}", value: here}}
"""


def playbook(agent: Agent, text: str = PLAYBOOK) -> str:
    return text.format(
        name=agent.name,
        directory=agent.folder / "proj",
        truth=agent.folder / "truth.jsonl",
        home=agent.folder,
    )


async def finished(camp: Camp, run_id: str) -> Json:
    found = await eventually(
        lambda: camp.tools.data("run_playbook", action="status", run_id=run_id, wait_seconds=5),
        lambda one: one["state"] != "running",
        within_seconds=60,
    )
    return dict(found)


async def test_a_playbook_starts_the_agents_of_its_layout(camp: Camp) -> None:
    agent = camp.agent()

    begun = await camp.tools.data("run_playbook", action="run", document=playbook(agent))
    done = await finished(camp, begun["run_id"])

    assert done["state"] == "done", done
    (received,) = await agent.happens("received")
    assert received["text"] == "Say hello."
    life = await agent.life()
    assert life["session_id"] == done["panes"]["ada"]


START = """
playbook: crew
steps:
  - start:
      agents:
        "{name}":
          kind: claude
          directory: "{directory}"
          environment: {{FAKE_AGENT_TRUTH: "{truth}", HOME: "{home}"}}
          teams: ["crew-{name}"]
          prompt: "Say hello."
  - wait: {{team: "crew-{name}", until: ready, timeout: 60}}
"""


@pytest.mark.long
async def test_a_playbook_starts_agents_by_name(camp: Camp) -> None:
    agent = camp.agent()

    begun = await camp.tools.data("run_playbook", action="run", document=playbook(agent, START))
    done = await finished(camp, begun["run_id"])

    assert done["state"] == "done", done
    assert agent.name in done["journal"][0]["agents"]
    await agent.happens("received")


@pytest.mark.long
@pytest.mark.parametrize("document", [PLAYBOOK, START], ids=["layout", "start"])
@pytest.mark.parametrize("after", ["order.json", "truth.jsonl"])
async def test_a_daemon_killed_amid_a_start_starts_nobody_twice(
    own_camp: Camp, after: str, document: str
) -> None:
    agent = own_camp.agent()
    place = agent.folder if after == "truth.jsonl" else _folder(own_camp, agent)
    begun = await own_camp.tools.data(
        "run_playbook", action="run", document=playbook(agent, document), wait_seconds=0
    )
    await eventually((place / after).exists, within_seconds=SECONDS)
    await own_camp.home.kill_daemon()

    async with open_tools(own_camp.home) as tools:
        camp = Camp(own_camp.home, own_camp.folder, tools)
        agent.camp = camp
        status = await tools.data("run_playbook", action="status", run_id=begun["run_id"])
        if status["state"] != "done":
            await tools.data(
                "run_playbook", action="resume", run_id=begun["run_id"], wait_seconds=0
            )
        done = await finished(camp, begun["run_id"])
        life = await agent.lives_again(1)

    assert done["state"] == "done", done
    assert len(agent.truth("started")) == 1
    assert len(agent.truth("received")) == 1
    assert life["session_id"] == done.get("panes", {}).get("ada", life["session_id"])


def _folder(camp: Camp, agent: Agent) -> Path:
    """Return where an agent's keeper is given its order."""
    return Path(camp.home.paths.state, "agents", agent.name)
