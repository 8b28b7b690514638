"""Agents that run are watched with the limits of their orders."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.services.lives_stage import ADA, Stage, open_stage

from iterm_mcp.errors import StoreError
from iterm_mcp.models.agent_lives import Desired, Phase, Spare
from iterm_mcp.models.task_limits import OverLimit, ResourceLimits
from iterm_mcp.services.resources.agent_trees import AgentTrees
from iterm_mcp.services.resources.marks import Marks
from iterm_mcp.services.resources.measuring import Measurer
from iterm_mcp.services.resources.memory import ExactMemory
from iterm_mcp.services.resources.signalling import TreeSignals
from iterm_mcp.services.resources.watching import ResourceWatch

from .rows import ME, row, table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from pathlib import Path
    from signal import Signals

    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.services.agents.processes import ProcessId
    from iterm_mcp.services.resources.table import Table
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal

LIMITS = ResourceLimits(memory_bytes=5000)


class Scene:
    """A stage on which agents live, and a watch over what they are said to take.

    Attributes:
        memory: What each process takes.
        sent: Signals to what is left when the agent itself was seen to.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.memory = 1000
        self.sent: list[Signals] = []
        self.watch = ResourceWatch(
            Measurer(
                stage.clock, table=self._table, traffic=lambda _pid: None,
                marks=Marks(lambda _pid: {}), exact=ExactMemory(0.0), user=ME,
            ),
            stage.clock,
        )  # fmt: skip
        self.watch.signals = TreeSignals(
            self.watch._members_now, send=self._send, stand=lambda _: False, grace_seconds=0.0
        )
        self.trees = self.make_trees()

    def make_trees(self) -> AgentTrees:
        stage = self.stage
        folder = str(stage.folder)
        return AgentTrees(self.watch, stage.book, stage.files, stage.ender, folder)

    def _table(self) -> Table:
        alive = sorted(self.stage.world.alive, key=lambda one: one.pid)
        rows = [row(one.pid, memory=self.memory) for one in alive]
        return table(*(replace(one, process=at) for one, at in zip(rows, alive, strict=True)))

    def _send(self, _processes: Collection[ProcessId], *numbers: Signals) -> int:
        self.sent += numbers
        return 0

    async def look(self) -> None:
        await self.trees.look()
        await self.watch.look()

    async def life(self) -> Life:
        return await self.stage.book.get(ADA)


@pytest.fixture
async def scene(
    terminal: FakeTerminal, store: Store, clock: FakeClock, tmp_path: Path
) -> AsyncIterator[Scene]:
    async with open_stage(terminal, store, clock, tmp_path) as stage:
        yield Scene(stage)


async def test_an_agent_is_watched_while_it_runs(scene: Scene) -> None:
    await scene.stage.start(resources=LIMITS)
    await scene.look()
    found = scene.watch.find(ADA)

    assert found is not None
    assert found.usage is not None
    assert (found.kind, found.limits) == ("fake", LIMITS)
    assert [one.pid for one in found.usage.processes] == [scene.stage.world.process(ADA).pid]

    await scene.stage.ender.stop(ADA)
    await scene.look()
    assert scene.watch.keys() == frozenset()


async def test_one_that_waits_to_be_handed_out_is_nobody_s(scene: Scene) -> None:
    await scene.stage.start()
    await scene.stage.book.save(await scene.life(), spare=Spare("same"))
    await scene.look()

    assert scene.watch.keys() == frozenset()


async def test_one_whose_keeper_tells_of_another_life_is_not_watched(scene: Scene) -> None:
    await scene.stage.start()
    await scene.stage.book.save(await scene.life(), token="other")
    await scene.look()

    assert scene.watch.keys() == frozenset()


async def test_an_agent_that_takes_too_much_is_stopped_and_stays_so(scene: Scene) -> None:
    await scene.stage.start(resources=LIMITS)
    scene.memory = 100_000
    await scene.look()
    life = await scene.life()

    assert (life.phase, life.desired) == (Phase.ENDED, Desired.STOPPED)
    assert life.reason == "it takes 100 kB of memory, 5.0 kB are allowed"
    await scene.look()
    assert scene.watch.over(ADA) == life.reason


async def test_an_agent_is_paused_and_goes_on_when_it_is_resumed(scene: Scene) -> None:
    await scene.stage.start(resources=replace(LIMITS, over=OverLimit.PAUSE))
    scene.memory = 100_000
    await scene.look()
    life = await scene.life()
    await scene.look()
    paused = scene.watch.find(ADA)

    assert life.desired is Desired.PAUSED
    assert "100 kB of memory" in life.reason
    assert paused is not None
    assert paused.is_paused

    await scene.stage.ender.resume(ADA)
    await scene.look()
    going = scene.watch.find(ADA)
    assert going is not None
    assert not going.is_paused


async def test_one_that_stood_still_before_this_daemon_is_not_judged(scene: Scene) -> None:
    await scene.stage.start(resources=LIMITS)
    await scene.stage.ender.suspend(ADA)
    scene.memory = 100_000
    await scene.look()
    found = scene.watch.find(ADA)

    assert found is not None
    assert found.is_paused
    assert found.excess is None


async def test_what_cannot_be_done_in_the_agent_s_way_is_done_by_signals(scene: Scene) -> None:
    await scene.stage.start(resources=replace(LIMITS, over=OverLimit.PAUSE))
    await scene.trees.look()
    await scene.stage.book.remove(ADA)
    scene.memory = 100_000
    await scene.watch.look()

    assert scene.sent

    await scene.watch.stop(ADA, "it must")
    assert len(scene.sent) > 1


async def test_lives_are_followed_while_it_runs(scene: Scene) -> None:
    with anyio.fail_after(20):
        async with scene.trees.running():
            await scene.stage.start()
            while not scene.watch.keys():  # noqa: ASYNC110 - what is waited for rings no bell
                await anyio.sleep(0.005)


async def test_lives_that_cannot_be_read_now_are_read_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    async def fail() -> None:
        looks.append(1)
        await anyio.lowlevel.checkpoint()
        raise StoreError("locked")

    monkeypatch.setattr(scene.trees, "look", fail)
    monkeypatch.setattr("iterm_mcp.services.resources.agent_trees.SOONEST_SECONDS", 0.001)
    monkeypatch.setattr("iterm_mcp.services.resources.agent_trees.EVERY_SECONDS", 0.001)
    with anyio.fail_after(20):
        async with scene.trees.running():
            while len(looks) < 2:  # noqa: ASYNC110 - what is waited for rings no bell
                await anyio.sleep(0.005)
