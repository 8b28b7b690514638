"""Fake agents in a real host, watched by a real daemon: what is shown beside what they do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import anyio
from tests.integration.lives.conftest import Camp, open_ground
from tests.integration.tool_client import open_tools
from tests.ledgers.replay import GRACE, MEANT

from iterm_mcp.clock import SystemClock
from iterm_mcp.models.agent_states import AgentState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.integration.lives.conftest import Agent

LOOK_SECONDS = 0.1

ORDERS = {
    "claude": (
        "Think. [[work 3]]",
        "[[tool Bash make]]",
        "[[ask Which way? | left | right]]",
        "[[background 3 make watch]]",
    ),
    "codex": ("Build. [[work 3]]", "[[tool shell make]]"),
    "gemini": ("Read. [[work 3]]", "[[tool shell make]]"),
}
"""What each persona is told, one after the other; a dialog is left to stand, and then answered."""

REALLY = ("working", "waiting_permission", "waiting_question", "background", "ready")
"""What they then really do."""

ANSWERS = {"[[ask": "left"}


@dataclass
class Watched:
    """One agent, and what was shown of it when."""

    agent: Agent
    shown: list[tuple[datetime, AgentState]] = field(default_factory=list)


async def run(orders: Mapping[str, Sequence[str]] = ORDERS) -> Counter[tuple[str, AgentState]]:
    """Have all personas do what they are told; return the confusion table of all moments."""
    async with open_ground() as (home, folder), open_tools(home) as tools:
        camp = Camp(home, folder, tools)
        crew = []
        for kind in orders:
            agent = camp.agent(kind)
            control = {"FAKE_AGENT_CONTROL": str(agent.folder / "control")}
            order = camp.order(agent, kind=kind, environment=control)
            agent.started = await tools.data("start_agent", **order)
            crew.append(Watched(agent))
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, camp, crew)
            async with anyio.create_task_group() as working:
                for one in crew:
                    working.start_soon(_work, camp, one.agent, orders[one.agent.name])
            await anyio.sleep(GRACE.total_seconds())
            group.cancel_scope.cancel()
        return sum((confusion(one) for one in crew), Counter())


async def _watch(camp: Camp, crew: list[Watched]) -> None:
    async with open_tools(camp.home) as tools:
        clock = SystemClock()
        while True:
            before = clock.now()
            listed = (await tools.data("list_agents"))["agents"]
            states = {one["name"]: AgentState(one["state"]) for one in listed}
            for one in crew:
                one.shown.append((before, states[one.agent.name]))
            await anyio.sleep(LOOK_SECONDS)


async def _work(camp: Camp, agent: Agent, orders: Sequence[str]) -> None:
    """Order one thing after the other, and answer what is asked after a while."""
    control = anyio.Path(agent.folder / "control")
    said, asked = "", 0
    async with open_tools(camp.home) as tools:
        for number, order in enumerate(orders, 1):
            await tools.data("cascade_message", agents={agent.name: order})
            if "[[tool" in order or "[[ask" in order:
                asked += 1
                await agent.happens("dialog_opened", asked)
                await anyio.sleep(2 * GRACE.total_seconds())
                said += f"answer {ANSWERS.get(order[:5], 'allow')}\n"
                await control.write_text(said)
            await agent.happens("turn_ended", number)
            await anyio.sleep(2 * GRACE.total_seconds())


def confusion(watched: Watched) -> Counter[tuple[str, AgentState]]:
    """Count what was shown, by what really was so; changes have `GRACE` to be seen."""
    truth = [
        (datetime.fromisoformat(one["at"]), str(one["state"]))
        for one in watched.agent.truth("state")
    ]
    table: Counter[tuple[str, AgentState]] = Counter()
    for at, state in watched.shown:
        until = at + timedelta(seconds=LOOK_SECONDS)  # the answer was made a little later
        known = [one for one in truth if one[0] <= until]
        if not known:
            continue
        recent = {what for when, what in known if at - when <= GRACE} | {known[-1][1]}
        before = [what for when, what in known if at - when > GRACE][-1:]
        if len(recent) > 1 or known[-1][0] + GRACE >= at:
            recent |= set(before)
        table[
            next((what for what in recent if state in MEANT.get(what, ())), known[-1][1]), state
        ] += 1
    return table
