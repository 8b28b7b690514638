"""Agents of tasks whose terminal goes away while they are started."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.unit.services.lives_stage import Stage, open_stage
from tests.unit.services.tasks.attempts import make_order

from iterm_mcp.errors import ConflictError, TerminalUnavailableError
from iterm_mcp.models.deliveries import DeliveryId
from iterm_mcp.services.agents import starts
from iterm_mcp.services.agents.lifecycle import Lifecycle
from iterm_mcp.services.agents.templates import Templates
from iterm_mcp.services.tasks import agent_runs
from iterm_mcp.services.tasks.agent_runs import AgentRuns
from iterm_mcp.services.tasks.folders import AttemptFolders
from iterm_mcp.services.tasks.prompts import ATTEMPT, agent_name
from iterm_mcp.tasks.work import Place
from iterm_mcp.testing import FakeTerminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.services.approvals.service import ApprovalService
    from iterm_mcp.services.deliveries.service import DeliveryService, Order
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock


@dataclass
class Messages:
    """Accepts what agents are told, once for a key."""

    keys: list[str] = field(default_factory=list)

    def draw_up(self, message: Order) -> Order:
        return message

    async def accept(self, messages: list[Order]) -> tuple[Any]:
        (message,) = messages
        if message.key not in self.keys:
            self.keys.append(message.key)
        return (SimpleNamespace(delivery_id=DeliveryId(f"d-{message.key}")),)


@dataclass
class Runs:
    """What begins agents, and where they are."""

    stage: Stage
    runs: AgentRuns
    messages: Messages

    def away(self, times: int) -> None:
        """Have the terminal be gone so often while a pane is opened."""
        for _ in range(times):
            self.stage.terminal.fail_next(
                "open_session", TerminalUnavailableError("the connection to the terminal was lost")
            )

    @property
    def started(self) -> int:
        """How often the agent's program was started."""
        return len(self.stage.world.orders)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "LONGEST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(agent_runs, "START_AGAIN_SECONDS", 0.01)


@asynccontextmanager
async def opened(folder: Path, store: Store, clock: FakeClock) -> AsyncIterator[Runs]:
    async with open_stage(FakeTerminal(), store, clock, folder) as stage:
        lives = Lifecycle(
            Templates(folder / "templates"), stage.book, store.lives, stage.starter, stage.ender,
            stage.supervisor, stage.sweeper, stage.panes, stage.spares, stage.beginnings,
        )  # fmt: skip
        messages = Messages()
        runs = AgentRuns(
            lives, stage.agents, stage.states, cast("DeliveryService", messages),
            cast("ApprovalService", None), stage.files, AttemptFolders(folder / "tasks"), clock,
        )  # fmt: skip
        yield Runs(stage, runs, messages)


@pytest.mark.parametrize("times", [0, 1, agent_runs.START_TRIES - 1])
async def test_a_terminal_that_goes_away_while_an_agent_is_started_costs_no_attempt(
    tmp_path: Path, store: Store, clock: FakeClock, times: int
) -> None:
    order = make_order("do it", "fake")
    async with opened(tmp_path, store, clock) as one:
        one.away(times)
        running = await one.runs.begin(order, Place("/"))
        assert await one.runs.begin(order, Place("/")) == running

        assert running.agent == agent_name(order)
        assert one.started == 1
        assert one.messages.keys == [f"task {order.attempt_id}"]
        life = await one.stage.book.get(agent_name(order))
        assert life.order.environment[ATTEMPT] == order.attempt_id


async def test_a_terminal_that_stays_away_is_told_and_nothing_is_left(
    tmp_path: Path, store: Store, clock: FakeClock
) -> None:
    order = make_order("do it", "fake")
    async with opened(tmp_path, store, clock) as one:
        one.away(agent_runs.START_TRIES)
        with pytest.raises(TerminalUnavailableError):
            await one.runs.begin(order, Place("/"))

        assert one.started == 0
        assert await one.stage.book.find(agent_name(order)) is None
        assert await one.stage.files.reserve(agent_name(order)), "its name is free"


async def test_a_start_of_which_something_is_left_is_not_made_twice(
    tmp_path: Path, store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = make_order("do it", "fake")
    async with opened(tmp_path, store, clock) as one:
        real = one.stage.starter.start

        async def start(*arguments: Any, **named: Any) -> None:  # noqa: ANN401
            await real(*arguments, **named)
            raise TerminalUnavailableError("the connection to the terminal was lost")

        monkeypatch.setattr(one.stage.starter, "start", start)
        with pytest.raises(TerminalUnavailableError):
            await one.runs.begin(order, Place("/"))
        assert one.started == 1


async def test_a_name_that_was_reserved_by_who_was_killed_is_taken_over(
    tmp_path: Path, store: Store, clock: FakeClock
) -> None:
    order = make_order("do it", "fake")
    async with opened(tmp_path, store, clock) as one:
        await one.stage.files.reserve(agent_name(order))
        await one.runs.begin(order, Place("/"))
        assert one.started == 1


async def test_another_ones_agent_of_that_name_is_not_taken(
    tmp_path: Path, store: Store, clock: FakeClock
) -> None:
    order = make_order("do it", "fake")
    async with opened(tmp_path, store, clock) as one:
        await one.stage.start(str(agent_name(order)))
        with pytest.raises(ConflictError, match="somebody else"):
            await one.runs.begin(order, Place("/"))
