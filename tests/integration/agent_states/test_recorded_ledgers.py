"""A day in an agent's life: recorded, replayed, and compared with what it really did."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest
from tests.integration.agent_states.crew import ANN, start_shim
from tests.ledgers.replay import GRACE, confusion, dump, in_words, parse, view_at, wrong_ready
from tests.waiting import eventually

from iterm_mcp.clock import SystemClock
from iterm_mcp.models.agent_states import AgentState

if TYPE_CHECKING:
    from datetime import datetime

    from tests.integration.agent_states.crew import Crew
    from tests.integration.fake_agent.agents import Folder

    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.observations import Observation
    from iterm_mcp.services.states.asking import Observed
    from iterm_mcp.terminal.iterm import ItermTerminal

pytestmark = pytest.mark.headless

ORDERS = {
    "claude": (
        "[[work 0.5]]", "[[tool Bash make]]", "[[ask Which? | one | two]]", "[[background 2 make]]",
        "[[retry 2 1 rate_limit]]", "[[compact]]",
    ),
    "codex": ("[[work 1]]", "[[tool Bash make]]", "[[work 0.5]]"),
    "gemini": ("[[work 1]]", "[[tool Bash make]]", "[[work 0.5]]"),
}  # fmt: skip
KEPT = os.environ.get("ITERM_MCP_RECORD_LEDGERS")
"""A folder into which what was recorded is written, to become a fixture."""

BEAT_SECONDS = 0.05
LOOKS = 2
"""From a change to its sighting it goes through the agent's loop and through ours."""


@dataclass
class Shown:
    """The states that were shown at some moments, each beside what was known at that moment.

    Who watches what is recorded is told of it as soon as it counts, and in the same order.
    """

    crew: Crew
    observed: Observed
    told: list[Observation] = field(default_factory=list)
    moments: list[tuple[datetime, int, StateView]] = field(default_factory=list)

    async def note(self) -> None:
        """Note what is shown now, at a moment when nothing new came while it was asked for."""
        while True:
            known = await self._hear()
            view = await self.crew.states.view(ANN)
            now = SystemClock().now()
            if await self._hear() == known:
                self.moments.append((now, known, view))
                return

    async def _hear(self) -> int:
        with anyio.move_on_after(0):
            while True:
                self.told.append(await self.observed.next())
        return len(self.told)


class Slowness:
    """How late a loop and its threads are at most, as those who watch are then, too.

    Attributes:
        worst: The longest that a moment's work took.
    """

    worst = timedelta()

    async def measure(self) -> None:
        """Measure until cancelled."""
        while True:
            begun = anyio.current_time()
            await anyio.to_thread.run_sync(int)
            await anyio.sleep(BEAT_SECONDS)
            late = timedelta(seconds=anyio.current_time() - begun - BEAT_SECONDS)
            self.worst = max(self.worst, late)


@pytest.mark.parametrize("persona", sorted(ORDERS))
async def test_a_recorded_ledger_gives_the_same_states_and_no_wrong_ready(
    terminal: ItermTerminal, crew: Crew, folder: Folder, persona: str
) -> None:
    slowness = Slowness()
    async with (
        crew.states.watch_observations(ANN) as observed,
        anyio.create_task_group() as group,
    ):
        group.start_soon(slowness.measure)
        shown = Shown(crew, observed)
        agent = await start_shim(terminal, folder, persona)
        await crew.register(agent.session_id, persona)
        await crew.becomes(AgentState.READY)
        await shown.note()
        for number, order in enumerate(ORDERS[persona], 1):
            await agent.tell(f"Please {order}", persona)
            await shown.note()
            if "tool" in order or "ask" in order:
                await crew.becomes(AgentState.WAITING_PERMISSION, AgentState.WAITING_QUESTION)
                await shown.note()
                folder.order("answer 1")
            await agent.happens("turn_ended", count=number)
            await crew.becomes(AgentState.READY)
            await shown.note()
        group.cancel_scope.cancel()

    recorded = dump(await crew.states.observations(ANN), folder.truth())
    if KEPT:
        await anyio.Path(KEPT, f"{persona}.jsonl").write_text(recorded)
    recording = parse(recorded.splitlines())
    table = confusion(recording, GRACE + LOOKS * slowness.worst)

    print(in_words(table), slowness.worst)  # noqa: T201 - shown when it fails
    for at, count, live in shown.moments:
        replayed = view_at(parse(dump(shown.told[:count], ()).splitlines()), at)
        assert (replayed.state, replayed.reason, replayed.since) == (
            live.state, live.reason, live.since,
        )  # fmt: skip
    assert wrong_ready(table) == 0
    await eventually(lambda: crew.watching.count == 1)
