"""What becomes of agents whose daemon is killed at any step of what it does with them."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.lives_stage import ADA, Stage, open_stage
from tests.unit.services.mortal_store import Fate, KilledError, open_mortal_store

from iterm_mcp.models.agent_lives import Desired, Phase
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.testing import FakeClock, FakeTerminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

MOST = 60
"""Writes that one act may take at most."""

BEFORE_AND_AFTER = pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])


class Mortal:
    """A stage whose daemon dies at a write, and the daemon that comes after it."""

    def __init__(self, stage: Stage, fate: Fate) -> None:
        self.stage = stage
        self.fate = fate

    async def survives(self, write: int, act: Callable[[Stage], Awaitable[object]]) -> bool:
        """Do something in a daemon that dies at a write; have another one come if it did."""
        self.fate.die_at(write)
        try:
            await act(self.stage)
        except* KilledError:
            pass
        died = self.fate.dead
        self.fate.live()
        if died:
            former = self.stage
            self.stage = Stage(
                former.terminal, former.store, former.clock, former.folder, former.world
            )
            self.stage.kind = former.kind
        return not died

    async def crashes(self) -> int:
        since = self.stage.clock.now() - timedelta(days=1)
        return len(await self.stage.store.lives.crashes(ADA, since))

    @property
    def running(self) -> bool:
        return self.stage.world.process(ADA) in self.stage.world.alive


@asynccontextmanager
async def mortal(folder: Path, *, committed: bool) -> AsyncIterator[Mortal]:
    """Have an agent run whose daemon can die."""
    fate, clock = Fate(committed=committed), FakeClock()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_mortal_store(f"{folder}.db", clock, fate))
        stage = await stack.enter_async_context(open_stage(FakeTerminal(), store, clock, folder))
        await stage.start()
        yield Mortal(stage, fate)


@BEFORE_AND_AFTER
async def test_a_crash_counts_once_whenever_the_daemon_dies_that_handles_it(
    tmp_path: Path, *, committed: bool
) -> None:
    for write in count(1):
        async with mortal(tmp_path / str(write), committed=committed) as one:
            one.stage.world.end(ADA, code=1)

            survived = await one.survives(write, Stage.tick)
            await one.stage.tick()
            waiting = await one.stage.book.get(ADA)
            view = await one.stage.states.view(ADA)
            counted = await one.crashes()
            await one.stage.tick(31)

            assert counted == 1
            assert len(await one.stage.store.lives.forensics(ADA)) == 1
            assert waiting.phase is Phase.RESTARTING
            assert view.state is AgentState.RESTARTING
            assert waiting.restart_at == one.stage.clock.now() - timedelta(seconds=1)
            assert one.running
            assert len(one.stage.world.orders) == 2
        if survived:
            break
    assert 3 < write < MOST, "there were writes to die at"


@BEFORE_AND_AFTER
async def test_the_fifth_crash_and_no_other_ends_in_quarantine_whenever_daemons_die(
    tmp_path: Path, *, committed: bool
) -> None:
    for write in range(1, 5):
        async with mortal(tmp_path / str(write), committed=committed) as one:
            for seconds in (31, 61, 121, 241):
                one.stage.world.end(ADA, code=1)
                await one.survives(write, Stage.tick)
                await one.stage.tick()
                await one.stage.tick(seconds)
                assert (await one.stage.book.get(ADA)).phase is Phase.RUNNING
            one.stage.world.end(ADA, code=1)
            await one.survives(write, Stage.tick)
            await one.stage.tick()

            assert (await one.stage.book.get(ADA)).phase is Phase.QUARANTINED
            assert (await one.stage.states.view(ADA)).state is AgentState.QUARANTINED


@BEFORE_AND_AFTER
async def test_a_restart_by_hand_that_is_cut_short_is_finished_and_counts_as_no_crash(
    tmp_path: Path, *, committed: bool
) -> None:
    for write in count(1):
        async with mortal(tmp_path / str(write), committed=committed) as one:
            former = one.stage.world.process(ADA)

            survived = await one.survives(write, lambda stage: stage.supervisor.restart(ADA))
            wished = (await one.stage.book.get(ADA)).phase is not Phase.RUNNING
            for _ in range(3):
                await one.stage.tick(1)

            assert (await one.stage.book.get(ADA)).phase is Phase.RUNNING
            assert await one.crashes() == 0
            assert one.running
            if wished or survived:
                assert one.stage.world.process(ADA) != former
                assert former not in one.stage.world.alive
                assert len(one.stage.world.orders) == 2
        if survived:
            break
    assert 3 < write < MOST


@BEFORE_AND_AFTER
@pytest.mark.parametrize("deaf", [False, True])
async def test_a_stop_that_is_cut_short_is_finished_and_nothing_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, committed: bool, deaf: bool
) -> None:
    for seconds in ("INTERRUPT_SECONDS", "TERMINATE_SECONDS"):
        monkeypatch.setattr(f"iterm_mcp.services.agents.ends.{seconds}", 0.01)
    for write in count(1):
        async with mortal(tmp_path / str(write), committed=committed) as one:
            if deaf:
                one.stage.world.deaf.add(one.stage.world.process(ADA))

            survived = await one.survives(write, lambda stage: stage.ender.stop(ADA))
            wished = (await one.stage.book.get(ADA)).desired is Desired.STOPPED
            for _ in range(3):
                await one.stage.tick(60)

            life = await one.stage.book.get(ADA)
            assert await one.crashes() == 0
            assert len(one.stage.world.orders) == 1
            assert one.running is not wished
            assert life.phase is (Phase.ENDED if wished else Phase.RUNNING)
        if survived:
            break
    assert 2 < write < MOST


@BEFORE_AND_AFTER
async def test_who_forgets_an_agent_and_is_killed_leaves_a_life_by_which_all_is_forgotten(
    tmp_path: Path, *, committed: bool
) -> None:
    for write in count(1):
        async with mortal(tmp_path / str(write), committed=committed) as one:
            process = one.stage.world.process(ADA)
            survived = await one.survives(write, lambda stage: stage.ender.stop(ADA, forget=True))
            if await one.stage.book.find(ADA) is not None:
                await one.stage.ender.stop(ADA, forget=True)

            assert ADA not in (await one.stage.agents.owners()).values()
            assert await one.stage.files.reserve(ADA), "its name is free"
            assert process not in one.stage.world.alive
        if survived:
            break
    assert 3 < write < MOST
