"""Four agents in the four corners of one tab, led through tools, and what they were told."""

from __future__ import annotations

from functools import partial
from operator import eq
from typing import TYPE_CHECKING, Any

from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.integration.lives.conftest import Agent, Camp

SECONDS = 30.0
WAIT_SECONDS = 20.0
"""How long one call waits; a client gives up after thirty."""

Json = dict[str, Any]

UNFINISHED = "[[work 60]] Build."
"""What is never ended, because its agent dies first."""

NAMES = ("asker", "coder", "busy", "reader")


def in_truth(agent: Agent, text: str) -> tuple[int, bool]:
    """Return how often a fake agent has received a text, and whether its turn has ended."""
    received = agent.truth("received", text=text)
    ended = [
        one
        for line in received
        for one in agent.truth("turn_ended", pid=line["pid"])
        if line["number"] in one["numbers"]
    ]
    return len(received), bool(ended)


class Team:
    """Two agents that are started and kept, and two in panes that were opened otherwise.

    Args:
        programs: Where each kind's program is, for panes that we open.
        records: What an agent's own record tells of a text, by the agent's name: how often it was
            received, and whether its turn has ended.
        environment: For Claude Code, as are the `permissions` with which it is started.
    """

    def __init__(
        self,
        camp: Camp,
        programs: Mapping[str, str],
        records: Mapping[str, Callable[[Agent, str], tuple[int, bool]]],
        environment: Mapping[str, str] | None = None,
        permissions: str = "",
    ) -> None:
        self.camp = camp
        self.agents: dict[str, Agent] = {}
        self.receipts: list[Json] = []
        self._programs = programs
        self._records = records
        self._environment = dict(environment or {})
        self._permissions = permissions

    def __getitem__(self, name: str) -> Agent:
        return self.agents[name]

    async def start(self, prepare: Callable[[Agent], None] = lambda _agent: None) -> None:
        """Bring all four into one tab, and wait until all can be told."""
        await self._start("asker", "claude", prepare)
        await self._start("coder", "codex", prepare, beside="asker")
        await self._adopt("busy", "claude", prepare, above="asker")
        await self._adopt("reader", "gemini", prepare, above="coder")
        tools = self.camp.tools
        await tools.data("create_team", name="crew", members=list(NAMES))
        met = await tools.data(
            "wait_agents", agents=list(NAMES), until=["ready"], timeout_seconds=WAIT_SECONDS
        )
        assert met["met"], met
        panes = await tools.listed(*(one.started["session_id"] for one in self.agents.values()))
        assert len(panes) == len(NAMES)
        assert len({one["tab_id"] for one in panes}) == 1

    async def _start(
        self, name: str, kind: str, prepare: Callable[[Agent], None], beside: str = ""
    ) -> None:
        agent = self.agents[name] = self.camp.agent(name)
        prepare(agent)
        more = {"beside": self._session(beside)} if beside else {}
        if kind == "claude":
            more["permissions"] = self._permissions
        order = self.camp.order(agent, kind=kind, environment=self._given(kind), **more)
        agent.started = await self.camp.tools.data("start_agent", **order)

    async def _adopt(
        self, name: str, kind: str, prepare: Callable[[Agent], None], above: str
    ) -> None:
        """Start a program by hand below another's pane, and give it a name."""
        agent = self.agents[name] = self.camp.agent(name)
        prepare(agent)
        order = self.camp.order(agent, environment=self._given(kind))
        pane = await self.camp.tools.data(
            "split_session",
            session_id=self._session(above),
            direction="below",
            command=self._programs[kind],
            directory=order["directory"],
            environment=order["environment"],
        )
        agent.started = {"session_id": pane["session_id"]}

        async def found() -> list[Json]:
            listed = (await self.camp.tools.data("list_agents")).get("unregistered", [])
            return [one for one in listed if one["session_id"] == pane["session_id"]]

        (seen,) = await eventually(found, within_seconds=SECONDS)
        assert seen["kind"] == kind
        await self.camp.tools.data("register_agent", name=name, session_id=pane["session_id"])

    def _given(self, kind: str) -> dict[str, str]:
        return self._environment if kind == "claude" else {}

    def _session(self, name: str) -> str:
        return str(self.agents[name].started["session_id"])

    async def told(self, **cascade: Any) -> dict[str, Json]:  # noqa: ANN401
        """Tell by a cascade; return its receipts by agent, which are kept too."""
        answer = await self.camp.tools.data("cascade_message", **cascade)
        self.receipts += answer["receipts"]
        return {one["agent"]: one for one in answer["receipts"]}

    async def sent(self, name: str, text: str) -> Json:
        """Tell one agent; return its receipt, which is kept too."""
        return (await self.told(agents={name: text}))[name]

    async def came(self, *receipts: Json, until: str = "ended") -> list[Json]:
        """Wait until messages have come so far, or can come no further; return the receipts."""
        found = await self.camp.tools.data(
            "wait_receipts",
            delivery_ids=[one["delivery_id"] for one in receipts],
            until=until,
            timeout_seconds=WAIT_SECONDS,
        )
        assert found["arrived"], found
        return list(found["receipts"])

    async def moves(self, receipt: Json) -> list[str]:
        """Return all stages that a message was in."""
        shown = await self.camp.tools.data(
            "manage_messages", action="show", delivery_ids=[receipt["delivery_id"]]
        )
        return [move["stage"] for move in shown["messages"][0]["moves"]]

    async def answers(self, choice: str) -> Json:
        """Wait for the one thing that is asked, and answer it; return what became of it."""
        asked = await eventually(
            lambda: self.camp.tools.data("list_approvals", wait_seconds=1),
            lambda found: found["approvals"],
            within_seconds=SECONDS,
        )
        (one,) = asked["approvals"]
        return await self.camp.tools.data(
            "answer_approval", approval_id=one["approval_id"], choice=choice
        )

    async def settled(self) -> dict[str, str]:
        """Wait until every message has come to its end; return the stages by text.

        Each must be what the agents' own records tell: received once, and its turn ended, or not.
        """
        stages = {}
        for receipt in await self.came(*self.receipts):
            agent, text = self.agents[receipt["agent"]], receipt["text"]
            assert receipt["stage"] in {"ended", "unknown"}, receipt
            wanted = (1, receipt["stage"] == "ended")
            record = partial(self._records[agent.name], agent, text)
            await eventually(record, partial(eq, wanted))  # it may be written a little late
            stages[text] = str(receipt["stage"])
        return stages


def shims(camp: Camp) -> dict[str, str]:
    """Return the paths of the fake programs."""
    return {kind: str(camp.folder / "bin" / kind) for kind in ("claude", "codex", "gemini")}


async def tell_all(team: Team) -> dict[str, Any]:
    """Tell everybody something else, and one something more while it is busy."""
    told = await team.told(
        teams={"crew": "Say hello."},
        agents={
            "asker": "[[tool Bash touch x]]",
            "busy": "[[work 2]] Think.",
            "coder": UNFINISHED,
        },
    )
    assert set(told) == set(NAMES)
    await team.came(told["busy"], told["coder"], until="started")
    return {**told, "more": await team.sent("busy", "And then this.")}


async def see_one_die(team: Team) -> None:
    """Kill the coder amid its turn; it comes back, and is told again."""
    team["coder"].kill()
    await team["coder"].lives_again(2)
    await team.sent("coder", "Build, this time.")


def expect_ends(stages: Mapping[str, str]) -> None:
    """See that all turns ended but the one that died with its agent."""
    assert {text for text, stage in stages.items() if stage != "ended"} == {UNFINISHED}
