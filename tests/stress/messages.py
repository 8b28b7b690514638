"""Messages by the thousand to agents that misbehave, from a daemon that is killed at any moment."""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from tests.integration.deliveries.crew import told
from tests.integration.tool_client import ToolClient, open_tools
from tests.waiting import eventually

from iterm_mcp.models.deliveries import Stage

if TYPE_CHECKING:
    from tests.integration.deliveries.crew import Told
    from tests.integration.homes import Home

CHANCES = {
    "strand 1": 0.04,
    "strand 2": 0.01,
    "draft half a thought": 0.01,
    "ghost try this": 0.04,
    "notify look here": 0.02,
}
"""Faults that each message may meet."""

ORDERS = ("[[retry 1 0.2 rate_limit]]", "[[print 40]]", "[[tool Bash make]]", "[[hang 0.5]]")
ORDERED = 0.08
"""How many messages make their agent do one of these."""

QUIET_SECONDS = 120.0
"""How long all messages may take to come to their end, after the last one was sent."""

ARRIVED = {Stage.SUBMITTED, Stage.QUEUED, Stage.STARTED, Stage.ENDED}
NEVER = {Stage.REFUSED, Stage.EXPIRED}


@dataclass
class Outcome:
    """What became of all messages, by our word and by the agents'.

    Attributes:
        stages: How many stand where.
        faults: Every message of which the two do not agree.
        arrived_unknown: How many unknown ones did arrive.
        seconds: From each message's acceptance to its submission.
    """

    sent: int = 0
    kills: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    arrived_unknown: int = 0
    seconds: list[float] = field(default_factory=list)
    took: float = 0.0

    def quantile(self, part: float) -> float:
        """Return how long so much of all messages took at most."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


class Storm:
    """One run.

    Args:
        kills: How often the daemon is killed.
    """

    def __init__(self, home: Home, *, agents: int, messages: int, kills: int, seed: int) -> None:
        self._home = home
        self._count = agents
        self._rounds = max(1, messages // agents)
        self._dice = random.Random(seed)
        self._kill_in = set(self._dice.sample(range(self._rounds), min(kills, self._rounds)))
        self._texts: dict[str, list[str]] = {}
        self.outcome = Outcome()

    async def run(self) -> Outcome:
        """Send everything, wait for all ends, and compare."""
        began = monotonic()
        async with AsyncExitStack() as stack:
            tools = await stack.enter_async_context(open_tools(self._home))
            agents = []
            for number in range(self._count):
                scenario = json.dumps(
                    {"seed": number, "default": ["work 0.05"], "chances": CHANCES}
                )
                agents.append(
                    await stack.enter_async_context(
                        told(tools, FAKE_AGENT_NO_SYNC="1", scenario=scenario)
                    )
                )
            async with anyio.create_task_group() as group:
                group.start_soon(self._answer, agents)
                for number in range(self._rounds):
                    await self._round(tools, agents, number)
                await self._settle()
                group.cancel_scope.cancel()
            await anyio.to_thread.run_sync(self._compare, agents)
        self.outcome.took = monotonic() - began
        return self.outcome

    async def _round(self, tools: ToolClient, agents: list[Told], number: int) -> None:
        """Send each agent a message, and perhaps kill the daemon meanwhile."""
        texts = {one.name: self._text(one.name, number) for one in agents}
        async with anyio.create_task_group() as group:
            if number in self._kill_in:
                group.start_soon(self._kill, self._dice.random() * 1.5)
            await self._send(tools, texts, f"round-{number}")
        self.outcome.sent += len(texts)

    def _text(self, agent: str, number: int) -> str:
        order = self._dice.choice(ORDERS) if self._dice.random() < ORDERED else ""
        text = f"message {number} for {agent} {order}".strip()
        self._texts.setdefault(agent, []).append(text)
        return text

    async def _send(self, tools: ToolClient, texts: dict[str, str], key: str) -> None:
        """Repeat a cascade with its key until it is answered."""

        async def answered() -> bool:
            try:
                result = await tools.result("cascade_message", agents=texts, idempotency_key=key)
            except AssertionError:  # the daemon went away under the call
                return False
            return not result.get("isError")

        await eventually(answered, within_seconds=90)

    async def _kill(self, after_seconds: float) -> None:
        await anyio.sleep(after_seconds)
        if self._home.daemon_pid():
            await self._home.kill_daemon()
            self.outcome.kills += 1

    async def _answer(self, agents: list[Told]) -> None:
        """Be the person who allows whatever is asked."""
        while True:
            await anyio.sleep(1.0)
            for one in agents:
                one.folder.order("answer allow")

    async def _settle(self) -> None:
        """Wait until nothing is on its way any more."""
        final = ("ended", "refused", "expired", "unknown")

        def under_way() -> int:
            query = f"SELECT count(*) FROM deliveries WHERE stage NOT IN {final}"
            with closing(sqlite3.connect(self._home.paths.database, timeout=10)) as database:
                return int(database.execute(query).fetchone()[0])

        await eventually(
            lambda: anyio.to_thread.run_sync(under_way),
            lambda count: count == 0,
            within_seconds=QUIET_SECONDS,
        )

    def _compare(self, agents: list[Told]) -> None:
        """Compare our word on every message with what the agents wrote down themselves."""
        stages, seconds = _kept(self._home.paths.database)
        self.outcome.seconds = seconds
        for agent in agents:
            got = Counter(line["unwrapped"] for line in agent.folder.truth("received"))
            for text in self._texts.get(agent.name, []):
                stage = stages.pop((agent.name, text), None)
                self.outcome.stages[str(stage)] += 1
                self._judge(agent.name, text, stage, got.pop(text, 0))
            self.outcome.faults += [f"{agent.name} got what nobody sent: {one!r}" for one in got]

    def _judge(self, agent: str, text: str, stage: Stage | None, times: int) -> None:
        what = f"{agent}: {text!r} is {stage}, and came {times} times"
        if stage is Stage.UNKNOWN:
            self.outcome.arrived_unknown += times
            wrong = times > 1
        elif stage in NEVER:
            wrong = times != 0
        else:
            wrong = stage not in ARRIVED or times != 1
        if wrong:
            self.outcome.faults.append(what)


def _kept(database: str) -> tuple[dict[tuple[str, str], Stage], list[float]]:
    """Return where every message stands, and how long each took until it was submitted."""
    stages: dict[tuple[str, str], Stage] = {}
    seconds = []
    with closing(sqlite3.connect(database)) as connection:
        rows: list[Any] = connection.execute(
            "SELECT delivery_id, agent, text, stage, accepted_at FROM deliveries"
        ).fetchall()
        for delivery_id, agent, text, stage, accepted_at in rows:
            stages[agent, text] = Stage(stage)
            first = connection.execute(
                "SELECT min(at) FROM delivery_moves WHERE delivery_id = ?"
                " AND stage IN ('submitted', 'queued', 'started')",
                (delivery_id,),
            ).fetchone()[0]
            if first:
                begun = datetime.fromisoformat(accepted_at)
                seconds.append((datetime.fromisoformat(first) - begun).total_seconds())
    return stages, seconds
