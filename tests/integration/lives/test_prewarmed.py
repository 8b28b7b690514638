"""Agents that wait in a real host, are handed out, and outlive a daemon that is killed."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest
from tests.integration.lives.conftest import SECONDS, Agent, Camp, Json
from tests.integration.tool_client import ToolClient, open_tools
from tests.waiting import eventually

pytestmark = pytest.mark.headless


class Pool:
    """A template whose agents wait, in a home of its own."""

    def __init__(self, camp: Camp) -> None:
        self.camp = camp
        self.agent: Agent = camp.agent()
        self.directory = str(self.agent.folder / "proj")

    def write(self, more: str = "") -> None:
        """Write the template, with more variables."""
        folder = Path(self.camp.home.paths.state, "templates")
        folder.mkdir(exist_ok=True)
        (folder / "warm.toml").write_text(
            f'kind = "claude"\nprewarm = 1\ndirectory = "{self.directory}"\n'
            "[environment]\n"
            f'FAKE_AGENT_TRUTH = "{self.agent.folder / "truth.jsonl"}"\n'
            f'HOME = "{self.agent.folder}"\n{more}'
        )

    async def listed(self) -> list[Json]:
        answer = await self.camp.tools.data("list_agents", prewarmed=True)
        return list(answer["prewarmed"])

    async def waits(self, count: int = 1, without: str = "") -> Json:
        """Wait until so many wait; return the first that is not in a certain session."""
        found = await eventually(
            self.listed,
            lambda all_: (
                len([one for one in all_ if one["ready"]]) == count
                and all(one["session_id"] != without for one in all_)
            ),
            within_seconds=SECONDS,
        )
        return found[0]

    async def start(self, name: str = "ada", **more: object) -> Json:
        """Start an agent of the template."""
        return await self.camp.tools.data("start_agent", kind="template:warm", name=name, **more)

    def kill(self, name: str) -> None:
        """End an agent's process, which its folder tells by its own name too."""
        status = Path(self.camp.home.paths.state, "agents", name, "status.json")
        psutil.Process(json.loads(status.read_text())["pid"]).kill()

    def processes(self) -> list[int]:
        """Return the agents' processes, as the system has them."""
        mark = str(self.agent.folder / "truth.jsonl")
        found = []
        for one in psutil.process_iter():
            try:
                mine = one.environ().get("FAKE_AGENT_TRUTH") == mark
                if mine and "claude" in " ".join(one.cmdline()[:2]):
                    found.append(one.pid)
            except psutil.Error:
                continue
        return found


@pytest.fixture
async def pool(own_camp: Camp) -> Pool:
    """A pool of one, which waits."""
    pool = Pool(own_camp)
    pool.write()
    await own_camp.start(name="other")  # so that there is a terminal
    await pool.waits()
    return pool


async def test_one_that_waits_is_handed_out_under_its_own_name_and_replaced(pool: Pool) -> None:
    tools = pool.camp.tools
    before = await pool.waits()
    plain = await tools.data("list_agents")
    other = await tools.data("list_agents", team=None)

    started = await pool.start(prompt="Say hello.")

    assert [one["name"] for one in plain["agents"]] == ["other"]
    assert "prewarmed" not in plain
    assert "unregistered" not in other, "it is no stranger either"
    assert started["session_id"] == before["session_id"]
    assert started["state"] in {"ready", "working"}
    (received,) = await pool.agent.happens("received")
    assert received["text"] == "Say hello."
    ended = await pool.agent.happens("turn_ended")
    assert len(ended) == 1
    fresh = await pool.waits(without=started["session_id"])
    assert fresh["session_id"] != started["session_id"]
    assert len(pool.processes()) == 2
    stopped = await tools.data("stop_agent", name="ada", confirm=True, forget=True)
    assert stopped["how"] in {"left", "interrupt", "terminate"}
    await eventually(lambda: len(pool.processes()) == 1, within_seconds=SECONDS)


@pytest.mark.long
async def test_one_in_which_a_person_has_typed_is_handed_to_nobody(pool: Pool) -> None:
    before = await pool.waits()
    await pool.camp.tools.data(
        "send_text", session_id=before["session_id"], text="mine", enter=False
    )
    await eventually(
        lambda: pool.camp.tools.screen(before["session_id"]),
        lambda rows: any("mine" in row for row in rows),
        within_seconds=SECONDS,
    )

    started = await pool.start()

    assert started["session_id"] != before["session_id"]
    assert started["state"] == "ready"


@pytest.mark.long
async def test_one_at_a_gate_does_not_wait(own_camp: Camp) -> None:
    pool = Pool(own_camp)
    pool.write(more='FAKE_AGENT_GATE = "trust"\n')
    await own_camp.start(name="other")

    await pool.agent.happens("started")
    started = await pool.start()

    assert started["state"] == "gate"
    assert not [one for one in await pool.listed() if one["ready"]]


@pytest.mark.long
async def test_a_daemon_that_is_killed_finds_them_again_and_one_that_stops_ends_them(
    pool: Pool,
) -> None:
    before = await pool.waits()
    home = pool.camp.home
    await home.kill_daemon()

    async with open_tools(home) as tools:
        pool.camp.tools = tools
        again = await pool.waits()
        assert again["session_id"] == before["session_id"]
        await eventually(lambda: len(pool.processes()) == 1, within_seconds=SECONDS)
        started = await pool.start(beside=await _first(tools))
        await pool.waits(without=started["session_id"])
        await home.kill_daemon()
    async with open_tools(home) as tools:
        pool.camp.tools = tools
        await pool.agent.happens("started", 2)
        await eventually(lambda: len(pool.processes()) == 2, within_seconds=SECONDS)
        life = await tools.data("manage_agent", name="ada", action="forensics")
        place = await tools.listed(started["session_id"], await _first(tools))
    pid = home.daemon_pid()
    assert pid is not None
    psutil.Process(pid).terminate()
    await eventually(lambda: home.daemon_pid() is None, within_seconds=SECONDS)

    assert started["session_id"] == before["session_id"]
    assert (life["epoch"], life["phase"], life["ends"]) == (1, "running", [])
    assert len({one["tab_id"] for one in place}) == 1
    await eventually(lambda: len(pool.processes()) == 1, within_seconds=SECONDS)


async def _first(tools: ToolClient) -> str:
    """Return the session of the agent that is no pool's."""
    agents = (await tools.data("list_agents"))["agents"]
    return str(next(one["session_id"] for one in agents if one["name"] == "other"))


@pytest.mark.long
async def test_it_comes_back_after_a_crash_as_itself(pool: Pool) -> None:
    started = await pool.start(prompt="Remember the word heron.")
    await pool.agent.happens("turn_ended")
    await eventually(
        lambda: pool.camp.tools.data("manage_agent", name="ada", action="forensics"),
        lambda one: one.get("state") == "ready",
        within_seconds=SECONDS,
    )
    pool.kill("ada")

    life = await eventually(
        lambda: pool.camp.tools.data("manage_agent", name="ada", action="forensics"),
        lambda one: one["epoch"] == 2 and one.get("state") == "ready",
        within_seconds=SECONDS,
    )

    assert life["session_id"] == started["session_id"]
    starts = [one for one in pool.agent.truth("started") if one["source"] == "resume"]
    assert len(starts) == 1
