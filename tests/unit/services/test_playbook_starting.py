"""The step of a playbook that starts agents, and tries of it that were cut short."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from anyio.lowlevel import checkpoint
from tests.unit.services.lives_stage import ADA, Stage, open_stage

from iterm_mcp.errors import ConflictError
from iterm_mcp.models.agent_lives import Phase
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.observations import Fact
from iterm_mcp.models.playbooks import Known, Run, RunId, RunState
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.agents.templates import Templates
from iterm_mcp.services.playbooks.document import StepPart
from iterm_mcp.services.playbooks.starting import Starting
from iterm_mcp.services.playbooks.tasks import Outcome, StepError, Task

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal

BOB = AgentName("bob")
AT = datetime(2026, 1, 1, tzinfo=UTC)
BOTH = {"ada": {"kind": "fake", "prompt": "Begin."}, "bob": {"kind": "template:careful"}}


class Bench:
    """A step over a stage, whose agents show at once that they are ready."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.noted: list[dict[str, Any]] = []
        self._starter = stage.starter
        lives: Any = SimpleNamespace(
            book=stage.book, templates=Templates(stage.folder / "templates"), starter=self,
            supervisor=stage.supervisor,
        )  # fmt: skip
        self._starting = Starting(lives)

    async def start(self, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401
        """Start an agent that is ready as soon as it runs."""
        started = await self._starter.start(*arguments, **more, wait_seconds=0)
        await self.stage.ready(started.life.agent)
        return SimpleNamespace(view=await self._starter.settle(started.life.agent, 1))

    async def settle(self, agent: AgentName) -> Any:  # noqa: ANN401
        if (await self.stage.states.view(agent)).state is not AgentState.GATE:
            await self.stage.ready(agent)
        return await self._starter.settle(agent, 1)

    async def do(
        self,
        agents: dict[str, Any],
        before: dict[str, Any] | None = None,
        beside: SessionId | None = None,
    ) -> Outcome:
        async def note(detail: dict[str, Any]) -> None:
            await checkpoint()
            self.noted.append(detail)

        run = Run(RunId("run"), "one", "", {}, RunState.RUNNING, "", "", Known(), AT, AT)
        step = StepPart.model_validate({"start": {"agents": agents}})
        return await self._starting.start(
            Task(run, 1, step, Known(), note, before), step.part, beside
        )


@pytest.fixture
async def bench(
    terminal: FakeTerminal, store: Store, clock: FakeClock, tmp_path: Path
) -> AsyncIterator[Bench]:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "careful.toml").write_text('kind = "fake"\nrole = "reviewer"\n')
    async with open_stage(terminal, store, clock, tmp_path) as stage:
        yield Bench(stage)


async def test_all_are_started_and_each_ones_state_is_told(bench: Bench) -> None:
    first = await bench.stage.terminal.open_session(Program())

    outcome = await bench.do(BOTH, beside=first.session_id)

    lives = {life.agent: life for life in await bench.stage.book.all()}
    sessions = await bench.stage.terminal.list_sessions()
    assert bench.noted == [{"starting": ["ada", "bob"]}]
    told = outcome.detail["agents"]
    assert isinstance(told, dict)
    assert [str(one).partition(":")[0] for one in told.values()] == ["ready", "ready"]
    assert lives[ADA].order.prompt == "Begin."
    assert lives[BOB].order.role == "reviewer"
    assert {one.window_id for one in sessions} == {first.window_id}


async def test_what_an_earlier_try_has_begun_is_not_begun_twice(bench: Bench) -> None:
    await bench.stage.start(ADA)

    await bench.do(BOTH, before={"starting": ["ada", "bob"]})

    assert len(bench.stage.world.orders) == 2
    assert bench.noted == []


async def test_one_that_has_ended_since_is_started_again(bench: Bench) -> None:
    await bench.stage.start(ADA)
    await bench.stage.ender.stop(ADA, grace_seconds=0)

    await bench.do({"ada": BOTH["ada"]}, before={"starting": ["ada"]})

    assert (await bench.stage.book.get(ADA)).phase is Phase.RUNNING


async def test_a_name_that_was_somebodys_before_is_not_taken(bench: Bench) -> None:
    await bench.stage.start(ADA)

    with pytest.raises(ConflictError, match="'ada'"):
        await bench.do(BOTH)

    assert bench.noted == []
    assert [life.agent for life in await bench.stage.book.all()] == [ADA]


async def test_one_that_cannot_be_started_is_told_and_tried_again(bench: Bench) -> None:
    wrong = {**BOTH, "bob": {"kind": "fake", "directory": "/no/such"}}

    with pytest.raises(StepError, match=r"bob: .*/no/such") as caught:
        await bench.do(wrong)
    await bench.do(BOTH, before=caught.value.detail)

    assert sorted(life.agent for life in await bench.stage.book.all()) == ["ada", "bob"]
    assert len(bench.stage.world.orders) == 2


async def test_a_gate_is_a_state_that_is_told(bench: Bench) -> None:
    await bench.stage.start(ADA)
    await bench.stage.sees(Fact.GATE, {"name": "trust"})

    outcome = await bench.do({"ada": BOTH["ada"]}, before={"starting": ["ada"]})

    assert "gate" in str(outcome.detail["agents"])
