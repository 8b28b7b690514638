"""Lives of agents as metrics tell them, moved by the services that keep agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.services.lives_stage import ADA, Stage, open_stage
from tests.unit.services.test_spares import Bench
from tests.waiting import eventually

from iterm_mcp.errors import AgentError, TerminalUnavailableError
from iterm_mcp.models.agent_lives import Phase
from iterm_mcp.models.observations import Fact
from iterm_mcp.services.agents import beginnings
from iterm_mcp.services.states import service as states_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal


@pytest.fixture
async def stage(
    terminal: FakeTerminal, store: Store, clock: FakeClock, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with open_stage(terminal, store, clock, tmp_path) as one:
        yield one


def read(stage: Stage, name: str, **labels: str) -> float | None:
    return stage.metrics.registry.get_sample_value(f"iterm_mcp_{name}", labels)


def begun(stage: Stage, name: str) -> list[float | None]:
    """Return how many lives have begun, and how many could not."""
    return [read(stage, f"{name}_total", kind="fake", outcome=one) for one in ("ok", "failed")]


def ups(stage: Stage) -> list[float | None]:
    """Return how many agents came up, and the seconds that all took together."""
    name = "agent_start_duration_seconds"
    return [read(stage, f"{name}_{one}", kind="fake") for one in ("count", "sum")]


async def test_an_agent_that_is_started_counts_once_and_is_timed_until_it_is_ready(
    stage: Stage,
) -> None:
    stage.metrics.lives.kinds_known(["fake"])
    assert begun(stage, "agent_starts") == [0, 0]
    assert begun(stage, "agent_restarts") == [0, 0]
    async with stage.beginnings.running():
        await stage.start()
        assert begun(stage, "agent_starts") == [1, 0]
        assert ups(stage) == [None, None]
        stage.clock.advance(4)
        await stage.ready()
        await eventually(lambda: ups(stage), lambda told: told == [1, 4])
        stage.clock.advance(60)
        await stage.sees(Fact.ACTIVITY, {"is": "busy"})
        await stage.ready()
    assert ups(stage) == [1, 4]
    assert begun(stage, "agent_starts") == [1, 0]


async def test_a_start_that_fails_is_counted_as_such(stage: Stage) -> None:
    stage.world.problem = "no such file"
    with pytest.raises(AgentError):
        await stage.start()
    assert begun(stage, "agent_starts") == [None, 1]
    stage.world.problem = ""
    await stage.start()
    assert begun(stage, "agent_starts") == [1, 1]


async def test_a_crash_is_followed_by_a_restart_that_counts(stage: Stage) -> None:
    async with stage.beginnings.running():
        await stage.start()
        await stage.ready()
        await eventually(lambda: ups(stage), lambda told: told == [1, 0])
        stage.world.end(ADA, code=1)
        await stage.tick()
        assert begun(stage, "agent_restarts") == [None, None]
        await stage.tick(31)
        assert begun(stage, "agent_restarts") == [1, None]
        stage.clock.advance(2)
        await stage.ready()
        await eventually(lambda: ups(stage), lambda told: told == [2, 2])
    assert begun(stage, "agent_starts") == [1, None]


async def test_a_restart_that_fails_counts_and_one_without_a_terminal_was_none(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.start()
    stage.world.end(ADA, code=1)
    await stage.tick()

    async def away(*_: object, **__: object) -> None:
        raise TerminalUnavailableError("no terminal answers")

    with monkeypatch.context() as patch:
        patch.setattr(stage.launcher, "launch", away)
        await stage.tick(31)
        await stage.tick(31)
    assert begun(stage, "agent_restarts") == [None, None]
    stage.world.problem = "no such file"
    await stage.tick(31)
    assert begun(stage, "agent_restarts") == [None, 1]


async def test_agents_in_quarantine_are_counted_as_long_as_they_are(stage: Stage) -> None:
    await stage.start()
    for seconds in (31, 61, 121, 241):
        stage.world.end(ADA, code=1)
        await stage.tick()
        await stage.tick(seconds)
    assert read(stage, "agents_quarantined") == 0
    stage.world.end(ADA, code=1)
    await stage.tick()
    assert read(stage, "agents_quarantined") == 1

    stage.make_supervisor()  # another daemon finds it so
    stage.metrics.lives.quarantined(0)
    await stage.book.all()
    assert read(stage, "agents_quarantined") == 1
    await stage.ender.stop(ADA, grace_seconds=0, forget=True)
    assert read(stage, "agents_quarantined") == 0


async def test_a_spare_counts_when_it_is_handed_out_and_not_before(stage: Stage) -> None:
    bench = Bench(stage, stage.folder)
    await bench.fill()
    assert begun(stage, "agent_starts") == [None, None]
    started = await bench.start()
    assert started.life.born
    assert begun(stage, "agent_starts") == [1, None]


async def test_one_that_its_starter_gave_up_counts_when_it_is_found_to_run(stage: Stage) -> None:
    await stage.start()
    life = await stage.book.get(ADA)
    await stage.book.save(life, phase=Phase.CREATING)  # as a daemon leaves it that is killed then
    await stage.tick()
    assert (await stage.book.get(ADA)).phase is Phase.RUNNING
    assert begun(stage, "agent_starts") == [2, None]


async def test_who_never_came_up_is_forgotten_after_a_while(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginnings, "FORGOTTEN_SECONDS", 50.0)
    async with stage.beginnings.running():
        await stage.start()
        stage.clock.advance(51)
        await stage.start(name="bob")
        await stage.ready()
        stage.clock.advance(1)
        await stage.ready("bob")  # type: ignore[arg-type]
        await eventually(lambda: ups(stage), lambda told: told == [1, 1])


async def test_an_agent_that_is_gone_before_it_came_up_is_no_matter(stage: Stage) -> None:
    await stage.beginnings.expect("nobody", "fake", 0.0)  # type: ignore[arg-type]
    assert ups(stage) == [None, None]


async def test_changes_of_states_are_counted_and_finding_out_is_none(stage: Stage) -> None:
    async with stage.states.running():
        await stage.start()
        await stage.ready()
        name = "agent_state_changes_total"
        assert read(stage, name, kind="fake", state="ready") == 1
        await stage.sees(Fact.ACTIVITY, {"is": "busy"})
        await stage.sees(Fact.ACTIVITY, {"is": "busy", "why": "as before"})
        assert read(stage, name, kind="fake", state="working") == 1
        assert read(stage, "agents", kind="fake", state="working") == 1
        await stage.ender.stop(ADA, grace_seconds=0, forget=True)
        await eventually(lambda: sum_of_agents(stage), lambda total: total == 0)


async def test_a_ledger_that_was_read_while_its_agent_was_removed_is_let_go(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states_service, "RECHECK_SECONDS", 0.01)
    await stage.start()
    await stage.ready()
    ledger, kind = stage.states._ledgers[ADA], stage.states._kinds[ADA]
    async with stage.states.running():
        await stage.ender.stop(ADA, grace_seconds=0, forget=True)
        await eventually(lambda: sum_of_agents(stage), lambda total: total == 0)
        stage.states._ledgers[ADA], stage.states._kinds[ADA] = ledger, kind  # as a slow read does
        stage.states._reconsider(ADA)
        assert sum_of_agents(stage) == 1
        await eventually(lambda: sum_of_agents(stage), lambda total: total == 0)


def sum_of_agents(stage: Stage) -> float:
    return sum(
        sample.value
        for family in stage.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "iterm_mcp_agents"
    )
