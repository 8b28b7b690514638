"""Agents started, crashed, kept and ended, in a real host with fake agents."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import psutil
import pytest
from tests.integration.homes import mode_of
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from tests.integration.lives.conftest import Agent, Camp

pytestmark = pytest.mark.headless

SECONDS = 30.0


async def test_an_agent_is_started_in_a_pane_of_its_own_and_given_its_first_order(
    camp: Camp,
) -> None:
    agent = await camp.start(prompt="Say hello.", role="greeter", teams=["crew"])

    (received,) = await agent.happens("received")
    (listed,) = (await camp.tools.data("list_agents", team="crew"))["agents"]
    assert received["text"] == "Say hello."
    assert agent.started["session_id"] in await camp.sessions()
    assert (listed["name"], listed["role"], listed["kind"]) == (agent.name, "greeter", "claude")
    assert agent.started["epoch"] == 1
    assert agent.started["state"] in {"ready", "working"}


async def test_an_agent_without_a_name_gets_one_and_stands_beside_a_session(camp: Camp) -> None:
    first = await camp.start()
    second = camp.agent()
    order = camp.order(second, beside=first.started["session_id"], role="Tester")
    del order["name"]

    started = await camp.tools.data("start_agent", **order)

    sessions = await camp.tools.listed(first.started["session_id"], started["session_id"])
    assert started["name"].startswith("tester-")
    assert len({one["tab_id"] for one in sessions}) == 1


async def test_an_agent_killed_comes_back_in_the_same_conversation_and_pane(camp: Camp) -> None:
    agent = await camp.start(prompt="Remember the word heron.")
    await agent.happens("turn_ended")
    (first,) = agent.truth("started")
    await agent.becomes("ready")

    agent.kill()

    life = await agent.lives_again(2)
    _, second = agent.truth("started")
    assert (second["session_id"], second["source"]) == (first["session_id"], "resume")
    assert life["session_id"] == agent.started["session_id"]
    assert len(agent.truth("received")) == 1, "its order is not given again"
    (end,) = life["ends"]
    assert (end["signal"], end["crash"], end["epoch"]) == (9, True, 1)
    assert any("heron" in line for line in end["screen"]), "what it showed is kept"


async def test_a_conversation_whose_transcript_is_gone_is_begun_anew(camp: Camp) -> None:
    agent = await camp.start(prompt="Do the work.")
    await agent.happens("turn_ended")
    await agent.becomes("ready")
    (transcript,) = (agent.folder / ".claude" / "projects").glob("*/*.jsonl")
    transcript.unlink()

    agent.kill()

    await agent.lives_again(2)
    first, second = agent.truth("started")
    await agent.happens("received", 2)
    assert second["source"] == "startup"
    assert second["session_id"] != first["session_id"]


async def test_five_crashes_end_in_quarantine_until_somebody_releases_the_agent(
    camp: Camp,
) -> None:
    agent = await camp.start()
    for epoch in range(1, 6):
        await _runs_in(agent, epoch)
        agent.kill()
    held = await eventually(
        agent.life,
        lambda one: one["phase"] == one.get("state") == "quarantined",  # which follows the phase
        within_seconds=SECONDS,
    )
    refused = await camp.tools.refusal(
        "manage_agent", name=(await camp.start()).name, action="release"
    )

    released = await agent.does("release")

    assert "5 crashes in 15 min" in held["why"]
    assert [one["epoch"] for one in held["ends"]] == [5, 4, 3, 2, 1]
    assert refused["code"] == "conflict"
    assert released["epoch"] == 6
    await agent.lives_again(6)
    agent.kill()
    await agent.lives_again(7)  # what was before counts no more


async def _runs_in(agent: Agent, epoch: int) -> None:
    """Wait until an agent's process runs in a life, whatever its state."""
    await eventually(
        agent.status,
        lambda one: (one.get("epoch"), one.get("state")) == (epoch, "running"),
        within_seconds=SECONDS,
    )


async def test_an_agent_that_leaves_by_itself_is_not_dragged_back(camp: Camp) -> None:
    agent = await camp.start()
    await agent.becomes("ready")

    await camp.tools.data("send_text", session_id=agent.started["session_id"], text="/exit")

    life = await agent.becomes("ended")
    assert (life["desired"], life["why"]) == ("stopped", "it left by itself")
    assert life["ends"][0]["crash"] is False
    assert len(agent.truth("started")) == 1


async def test_a_pane_that_a_person_closed_is_not_opened_again(camp: Camp) -> None:
    agent = await camp.start()
    await agent.becomes("ready")

    await camp.tools.data("close_session", session_id=agent.started["session_id"], confirm=True)

    life = await agent.becomes("ended")
    assert life["desired"] == "stopped"
    assert len(agent.truth("started")) == 1


async def test_a_stopped_agent_takes_its_children_and_its_pane_along_and_nothing_else(
    camp: Camp,
) -> None:
    other = await camp.tools.open()
    agent = await camp.start()
    child = await _with_child(agent)

    stopped = await camp.tools.data("stop_agent", name=agent.name, confirm=True)

    assert stopped["how"] in {"left", "interrupt", "terminate"}
    await eventually(lambda: not _runs(child))
    sessions = await camp.sessions()
    assert agent.started["session_id"] not in sessions
    assert other in sessions
    life = await agent.life()
    assert (life["phase"], life["desired"]) == ("ended", "stopped")


async def _with_child(agent: Agent) -> psutil.Process:
    """Have an agent start something that runs on."""
    await agent.becomes("ready")
    session_id = agent.started["session_id"]
    await agent.camp.tools.data("send_text", session_id=session_id, text="!setsid sleep 300 &")

    def found() -> list[psutil.Process]:
        return [
            one
            for one in psutil.process_iter()
            if _environ(one).get("ITERM_MCP_AGENT") == agent.name and one.name() == "sleep"
        ]

    (child,) = await eventually(found, lambda one: len(one) == 1, within_seconds=SECONDS)
    return child


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return dict(process.environ())
    except psutil.Error:
        return {}


async def test_a_stopped_agent_can_be_started_again_and_one_that_is_forgotten_cannot(
    camp: Camp,
) -> None:
    agent = await camp.start(prompt="Begin.")
    await agent.happens("turn_ended")
    await agent.becomes("ready")
    await camp.tools.data("stop_agent", name=agent.name, confirm=True)

    again = await agent.does("restart")
    await agent.lives_again(2)
    await camp.tools.data("stop_agent", name=agent.name, confirm=True, forget=True)
    refused = await camp.tools.refusal("manage_agent", name=agent.name, action="restart")
    names = [one["name"] for one in (await camp.tools.data("list_agents"))["agents"]]

    assert again["session_id"] != agent.started["session_id"], "its pane was closed"
    assert agent.truth("started")[1]["source"] == "resume"
    assert refused["code"] == "started_agent_not_found"
    assert agent.name not in names


async def test_a_suspended_agent_stands_still_until_it_is_let_go_on(camp: Camp) -> None:
    agent = await camp.start()
    await agent.becomes("ready")

    paused = await agent.does("suspend")
    await agent.becomes("suspended")
    stopped = agent.process().status()
    await agent.does("resume")
    going = await agent.becomes("ready")

    assert (paused["desired"], stopped) == ("paused", psutil.STATUS_STOPPED)
    assert "desired" not in going
    assert agent.process().status() != psutil.STATUS_STOPPED


async def test_a_gate_is_shown_as_a_state_and_left_to_a_person(camp: Camp) -> None:
    agent = await camp.start(environment={"FAKE_AGENT_GATE": "trust"})

    assert agent.started["state"] == "gate"
    assert "trust" in agent.started["reason"]
    await anyio.sleep(1.5)  # three looks of the daemon's, in none of which it helps itself
    assert (await agent.life())["state"] == "gate"


async def test_trust_that_was_granted_with_the_start_opens_that_gate_and_no_other(
    camp: Camp,
) -> None:
    trusting = await camp.start(environment={"FAKE_AGENT_GATE": "trust"}, trust="accept")
    other = await camp.start(environment={"FAKE_AGENT_GATE": "login"}, trust="accept")

    await trusting.becomes("ready")

    assert (await other.life())["state"] == "gate"


async def test_an_agent_sees_who_it_is_and_no_secrets_of_others(own_camp: Camp) -> None:
    agent = await own_camp.start(teams=["crew"])
    await agent.becomes("ready")

    environ = _environ(agent.process())

    assert environ["ITERM_MCP_AGENT"] == agent.name
    assert (environ["ITERM_MCP_TEAM"], environ["ITERM_MCP_EPOCH"]) == ("crew", "1")
    assert environ["ITERM_MCP_HOME"] == own_camp.home.paths.state
    assert environ["TRACEPARENT"].startswith("00-")
    assert "ITERM2_COOKIE" not in environ
    folder = f"{own_camp.home.paths.state}/agents/{agent.name}"
    assert mode_of(folder) == 0o700
    assert {mode_of(f"{folder}/{one}") for one in ("lock", "order.json", "status.json")} == {0o600}


async def test_what_an_agent_left_behind_is_swept_and_nothing_that_is_not_ours(
    camp: Camp,
) -> None:
    agent = await camp.start()
    orphan = await _with_child(agent)
    foreign = await anyio.open_process(["sleep", "300"])
    try:
        os.kill(agent.status()["keeper"], signal.SIGKILL)  # as when the system has no memory left
        await agent.lives_again(2)

        listed = await eventually(
            lambda: camp.tools.data("manage_agent", action="orphans"),
            lambda one: orphan.pid in [each["pid"] for each in one["orphans"]],
            within_seconds=SECONDS,
        )
        assert _runs(orphan), "it was only listed"
        swept = await camp.tools.data("manage_agent", action="sweep")

        assert foreign.pid not in [one["pid"] for one in listed["orphans"]]
        assert orphan.pid in [one["pid"] for one in swept["orphans"]]
        await eventually(lambda: not _runs(orphan))
        assert foreign.returncode is None
        assert (await agent.life())["state"] == "ready"
    finally:
        foreign.kill()
        await foreign.aclose()


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("named", marks=pytest.mark.long),
        pytest.param("waiting", marks=pytest.mark.long),
        "running",
    ],
)
async def test_a_daemon_killed_while_it_starts_an_agent_leaves_one_agent_and_not_two(
    own_camp: Camp, moment: str
) -> None:
    agent = own_camp.agent("ada")
    folder = anyio.Path(own_camp.home.paths.state, "agents", "ada")

    async def reached() -> bool:
        return await folder.exists() if moment == "named" else agent.status().get("state") == moment

    async def start() -> None:
        with suppress(EOFError, AssertionError):
            await own_camp.tools.result("start_agent", **own_camp.order(agent, prompt="Begin."))

    async with anyio.create_task_group() as group:
        group.start_soon(start)
        await eventually(reached, within_seconds=SECONDS)
        await own_camp.home.kill_daemon()

    async with open_tools(own_camp.home) as tools:
        own_camp.tools = tools
        if moment == "named":  # what was not promised yet need not be kept, but can be asked for
            result = await tools.result("start_agent", **own_camp.order(agent, prompt="Begin."))
            assert not result.get("isError") or result["structuredContent"]["code"] == "conflict"
        life = await agent.lives_again(1)

    assert life["phase"] == "running"
    assert len(agent.truth("started")) == 1
    await agent.happens("received")
    assert len(agent.truth("received")) == 1


async def test_an_agent_that_crashes_while_no_daemon_runs_is_started_again_by_the_next(
    own_camp: Camp,
) -> None:
    agent = await own_camp.start(prompt="Begin.")
    await agent.happens("turn_ended")
    await agent.becomes("ready")
    await own_camp.home.kill_daemon()
    agent.kill()
    await eventually(lambda: agent.status()["state"] == "ended")

    async with open_tools(own_camp.home) as tools:
        own_camp.tools = tools
        life = await agent.lives_again(2)

    assert life["ends"][0]["signal"] == 9
    assert agent.truth("started")[1]["source"] == "resume"


async def test_when_the_terminal_dies_its_agents_come_back_in_their_conversations(
    own_camp: Camp,
) -> None:
    agents = [await own_camp.start(prompt="Begin.") for _ in range(2)]
    for agent in agents:
        await agent.happens("turn_ended")
        await agent.becomes("ready")
    host = lock_holder(own_camp.home.paths.host_lock)
    assert host

    os.kill(host, signal.SIGKILL)

    for agent in agents:
        life = await agent.lives_again(2)
        assert agent.truth("started")[1]["source"] == "resume"
        assert life["session_id"] != agent.started["session_id"]
        assert not life["ends"][0]["crash"], "it was not the agent's fault"
        assert life["session_id"] in await own_camp.sessions()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ({"kind": "robot"}, "kind_not_found", "robot"),
        ({"kind": "template:robot"}, "template_not_found", "robot"),
        ({"name": "a b"}, "invalid_request", "a b"),
        ({"directory": "relative"}, "invalid_request", "relative"),
        ({"directory": "/no/such/folder"}, "invalid_request", "/no/such/folder"),
        ({"permissions": "a b"}, "invalid_request", "a b"),
        ({"role": "x\x1b"}, "invalid_request", "role"),
        ({"teams": ["a b"]}, "invalid_request", "a b"),
        ({"beside": "DEADBEEF-0000-4000-8000-000000000000"}, "session_not_found", "DEADBEEF"),
    ],
)
async def test_a_start_that_cannot_be_leaves_nothing_behind(
    camp: Camp, arguments: dict[str, Any], code: str, says: str
) -> None:
    agent = camp.agent()
    before = await camp.sessions()

    refusal = await camp.tools.refusal("start_agent", **camp.order(agent, **arguments))

    assert refusal["code"] == code
    assert says in refusal["error"]
    assert await camp.sessions() == before
    assert not await anyio.Path(camp.home.paths.state, "agents", agent.name).exists()


async def test_a_name_that_is_taken_is_refused(camp: Camp) -> None:
    agent = await camp.start()

    refusal = await camp.tools.refusal(
        "start_agent", **camp.order(camp.agent(agent.name), name=agent.name)
    )

    assert refusal["code"] == "conflict"


@pytest.mark.long
async def test_the_command_line_starts_manages_and_ends_an_agent_of_a_template(
    camp: Camp,
) -> None:
    agent = camp.agent(f"{camp.folder.name}-cli")
    order = camp.order(agent)
    templates = anyio.Path(camp.home.paths.state, "templates")
    await templates.mkdir(exist_ok=True)
    lines = "\n".join(f'{key} = "{value}"' for key, value in order["environment"].items())
    text = f'kind = "claude"\nrole = "tester"\n[environment]\n{lines}\n'
    await (templates / "mine.toml").write_text(text)

    async def agents(*arguments: str) -> str:
        command = [sys.executable, "-m", "iterm_mcp", "agents", *arguments]
        done = await anyio.run_process(command, env=camp.home.environ, cwd=order["directory"])
        return done.stdout.decode()

    shown = await agents("start", "template:mine", "--name", agent.name, "-p", "Begin.")
    await agent.happens("turn_ended")
    await agent.becomes("ready")
    paused, resumed = await agents("suspend", agent.name), await agents("resume", agent.name)
    again = await agents("restart", agent.name)
    told = await agents("forensics", agent.name)
    ended = await agents("stop", agent.name, "--forget")
    left = await agents("sweep", "--yes", "--json")

    assert agent.name in shown
    assert all(agent.name in one for one in (paused, resumed, again))
    assert agent.truth("started")[0]["cwd"] == order["directory"]
    assert "it was started again by hand" in told
    assert "Begin." in told, "its screen"
    assert f"{agent.name} " in ended
    assert "nothing was left behind" in left or "orphans" in left
