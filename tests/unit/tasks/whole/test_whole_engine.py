"""The engine as a whole under random graphs, people, kills and clocks.

A seed makes the same history again, so a fault is found again by its seed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.tasks.whole.world import LEASE_SECONDS, open_world

from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.models.tasks import SETTLED, Outcome, RetryPolicy, TaskSpec, TaskState
from iterm_mcp.tasks.limits import DispatchLimits

if TYPE_CHECKING:
    from tests.unit.tasks.whole.machine import Machine
    from tests.unit.tasks.whole.world import World

SEEDS = st.integers(0, 2**32 - 1)


async def faults_of(seed: int, turns: int) -> list[str]:
    """Let as much happen as turns say; return what was not as it must be."""
    async with open_world(seed) as world:
        await world.submit()
        await world.submit()
        await world.storm(turns)
        await world.calm()
        return await world.check()


@settings(max_examples=4)
@given(SEEDS)
async def test_whatever_befalls_it_the_history_is_as_it_must_be(seed: int) -> None:
    assert await faults_of(seed, turns=40) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(max_examples=300)
@given(SEEDS)
async def test_whatever_befalls_it_for_long_the_history_is_as_it_must_be(seed: int) -> None:
    assert await faults_of(seed, turns=250) == []


def task(name: str, priority: int = 0, **fate: object) -> TaskSpec:
    prompt = json.dumps({"output": None, **fate})
    return TaskSpec(name, "claude", prompt, "/nowhere", priority=priority, retry=RetryPolicy(1))


async def submit(world: World, *tasks: TaskSpec) -> dict[str, str]:
    world.observer.specs |= {one.name: one for one in tasks}
    graph = await world.desk.submit(GraphSpec("graph", tasks), "ann")
    return dict(graph.tasks)


async def step_until_over(machine: Machine) -> None:
    while machine.journal.going_on:
        await machine.step(machine.journal.going_on[0])


@settings(max_examples=2)
@given(st.integers(1, 3), st.integers(1, 2))
async def test_however_many_of_higher_priority_keep_coming_nothing_starves(
    ahead: int, priority: int
) -> None:
    ageing, takes = 60.0, 20.0
    async with open_world(0) as world:
        world.quiet = True
        world.observer.limits = DispatchLimits(at_once=1, ageing_seconds=ageing)
        machine = world.machines[0]
        (low,) = (await submit(world, task("low"))).values()
        rounds = 0
        while world.observer.tasks[low].state is TaskState.QUEUED:
            more = [task(f"high-{rounds}-{one}.", priority) for one in range(ahead)]
            await submit(world, *more)
            await world.look_for_work(machine)
            await step_until_over(machine)
            world.let_pass(takes)
            rounds += 1
            # Only those go before it that came before it had aged so far; each takes its time.
            assert rounds <= ahead * (priority * ageing / takes + 1) + 1
        assert world.observer.faults == []


async def test_what_broke_on_a_machine_that_was_given_up_is_closed_there() -> None:
    """Its course is over, and its attempt another's: nobody but a look at what was lost sees it."""
    async with open_world(0) as world:
        world.quiet = True
        world.observer.limits = DispatchLimits()
        one, two = world.machines
        (broken,) = (await submit(world, task("broken", breaks="collect"))).values()
        await world.look_for_work(two)
        await step_until_over(two)
        assert two.work.opened == {f"{broken}~1"}
        world.let_pass(LEASE_SECONDS + 1)
        assert await one.beat() == ["two"]

        await two.beat()
        await two.reconcile()
        await step_until_over(two)
        assert two.work.opened == set()
        await two.reconcile()
        assert two.journal.going_on == []

        (attempt,) = (await world.desk.get(broken)).attempts
        assert attempt.outcome is Outcome.LOST
        await world.calm()
        assert world.observer.tasks[broken].state in SETTLED
        assert await world.check() == []
