"""Machines, people and faults at random, over one database; then a time in which all may settle."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from tests.unit.tasks.whole.machine import Machine
from tests.unit.tasks.whole.made_graphs import KINDS, LINUX, STEPS, make_graph
from tests.unit.tasks.whole.observer import Observer, Place
from tests.unit.tasks.whole.scripted import KilledError

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.task_queries import EVERYTHING, TaskQuery
from iterm_mcp.models.tasks import SETTLED, TASK_MOVES, Outcome, TaskState
from iterm_mcp.tasks import attempt_rows, attempts
from iterm_mcp.tasks.codec import seconds_of
from iterm_mcp.tasks.database import open_task_database
from iterm_mcp.tasks.engine import EngineOptions
from iterm_mcp.tasks.limits import Cap, DispatchLimits, Reach, Refusal, StartRate
from iterm_mcp.tasks.tables import ATTEMPTS, NEEDS, TASKS
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from iterm_mcp.models.tasks import Task
    from iterm_mcp.tasks.database import TaskDatabase
    from iterm_mcp.tasks.limits import Demand

LEASE_SECONDS = 60.0
MEMORY = "/dev/shm"
"""No fault is looked for that waits for a disk."""
HAS_MEMORY = Path(MEMORY).is_dir()

ROUNDS = 600
"""In which all must have settled, once nothing befalls them any more."""

SCOPES = (EVERYTHING, "team:red", "kind:claude", "repository:/src/app", "account:acme")


class _Doors:
    """An `Admission` that some kinds do not pass."""

    def __init__(self, refused: set[str]) -> None:
        self.refused = refused

    def admit(self, demand: Demand, now: datetime) -> Refusal | None:
        return self.why_not(demand, now)

    def why_not(self, demand: Demand, now: datetime) -> Refusal | None:
        _ = now
        refused = demand.kind in self.refused
        return Refusal(f"{demand.kind} is not admitted", Reach.ALIKE) if refused else None


def limits_of(chance: Random) -> DispatchLimits:
    """Return limits at random, under which everything can start sooner or later."""
    caps = (
        Cap("team", at_once=chance.randint(1, 2)),
        Cap("team", "red", at_once=1),
        Cap("repository", "/src/app", at_once=chance.randint(1, 2)),
        Cap("kind", "codex", rate=StartRate(chance.randint(1, 2), 60.0)),
        Cap("account", at_once=1),
    )
    return DispatchLimits(
        at_once=chance.choice((1, 2, 3, 5, 5)),
        per_machine=chance.choice((None, 1, 2)),
        caps=tuple(one for one in caps if chance.random() < 0.4),
        rates=(StartRate(chance.randint(1, 3), 10.0),) if chance.random() < 0.2 else (),
        ageing_seconds=chance.choice((60.0, 300.0)),
    )


class World:
    """All of it. Made by `open_world`."""

    def __init__(self, database: TaskDatabase, folder: str, seed: int) -> None:
        self.chance = Random(seed)
        self.clock = FakeClock()
        self.database = database
        self.observer = Observer(limits_of(self.chance), now=seconds_of(self.clock.now()))
        self.quiet = False
        self._graphs = 0
        self._inside = False
        kinds = {"one": (4, LINUX), "two": (chance_of(self.chance), {})}
        self.machines = [
            Machine(
                EngineOptions(
                    "", folder, name, capacity, labels, self.clock, lambda: self.observer.limits,
                    _Doors(self.observer.refused), self.observer.tell, LEASE_SECONDS,
                ),
                database, self._meanwhile, self._interfere,
            )
            for name, (capacity, labels) in kinds.items()
        ]  # fmt: skip

    @property
    def desk(self) -> Any:  # noqa: ANN401 - a desk
        return self.machines[0].desk

    # What befalls it.

    async def storm(self, turns: int) -> None:
        """Let things happen at random."""
        for _ in range(turns):
            await self._turn()

    async def _turn(self) -> None:
        what = self.chance.random()
        alive = [one for one in self.machines if one.alive]
        if not alive or what < 0.03:
            await self._of_life(self.chance.choice(self.machines))
        elif what < 0.12:
            self.let_pass(self.chance.choice((0.1, 1.0, 5.0, 20.0, 70.0, 400.0)))
        elif what < 0.22:
            await self.person()
        elif what < 0.28:
            await self._beat(self.chance.choice(alive))
        elif what < 0.31:
            await self.chance.choice(alive).reconcile()
        elif what < 0.5:
            await self.look_for_work(self.chance.choice(alive))
        else:
            await self._step(self.chance.choice(alive))

    def let_pass(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.observer.now = seconds_of(self.clock.now())

    async def _of_life(self, machine: Machine) -> None:
        if not machine.alive:
            await machine.start()
        elif self.chance.random() < 0.5:
            await machine.end()
        else:
            machine.alive = False  # a kill between two steps

    async def _beat(self, machine: Machine) -> None:
        taken = await machine.beat()
        for other in self.machines:
            other.deposed |= other.name in taken

    async def look_for_work(self, machine: Machine) -> None:
        """Have a machine start what may start, and see that it does."""
        (found,) = [one for one in await self.desk.machines() if one.name == machine.name]
        place = Place(machine.name, found.capacity, found.labels, found.draining)
        self.observer.looks(place)
        await machine.dispatch()
        self.observer.has_looked(deposed=machine.deposed)

    async def _step(self, machine: Machine) -> None:
        courses = machine.journal.going_on
        if courses:
            await machine.step(self.chance.choice(courses))

    def _interfere(self) -> None:
        if not self.quiet and self.chance.random() < 0.05:
            raise KilledError

    async def _meanwhile(self) -> None:
        """In the middle of a step: people ask, others look, and whoever does it is killed."""
        if self.quiet or self._inside:
            return
        self._inside = True
        what = self.chance.random()
        if what < 0.04:
            self._inside = False
            raise KilledError
        if what < 0.08:
            await self.person()
        elif what < 0.12:
            self.let_pass(self.chance.choice((1.0, 70.0)))
            await self._beat(self.chance.choice(self.machines))
        self._inside = False

    # What people ask.

    async def person(self) -> None:
        """Have somebody ask something, of which not all can be."""
        ids = [*self.observer.tasks]
        verbs = ["submit", "pause", "limits", "admission", "drain"]
        verbs += (
            ["cancel", "retry", "fork", "answer", "answer", "purge", "cancel_graph"] if ids else []
        )
        verb = self.chance.choice(verbs)
        with suppress(ItermMcpError):
            if verb in {"submit", "pause", "limits", "admission", "drain"}:
                await getattr(self, verb)()
            else:
                await self._about(verb, self.chance.choice(ids))

    async def submit(self) -> None:
        """Submit a graph, some of whose tasks need tasks that are there."""
        self._graphs += 1
        ids = [*self.observer.tasks]
        graph = make_graph(self.chance, f"g{self._graphs}", self.clock.now(), ids[-3:])
        self.observer.specs |= {one.name: one for one in graph.tasks}
        first = await self.desk.submit(graph, "ann")
        if graph.key:
            again = await self.desk.submit(graph, "ann")
            if again.graph_id != first.graph_id:
                self.observer.faults.append(f"{graph.name} was accepted twice")

    async def pause(self) -> None:
        scope = self.chance.choice(SCOPES)
        if scope in self.observer.pauses:
            await self.desk.resume(scope)
            self.observer.pauses.discard(scope)
        else:
            await self.desk.pause(scope, "ann")
            self.observer.pauses.add(scope)

    async def limits(self) -> None:
        self.observer.limits = limits_of(self.chance)

    async def admission(self) -> None:
        self.observer.refused.symmetric_difference_update({self.chance.choice(KINDS)})

    async def drain(self) -> None:
        name = self.chance.choice(self.machines).name
        await self.desk.drain(name, draining=self.chance.random() < 0.5)

    async def _about(self, verb: str, task_id: str) -> None:
        desk = self.desk
        if verb == "cancel":
            await desk.cancel(task_id, "ann", "no need")
        elif verb == "retry":
            await desk.retry(task_id, "ann")
        elif verb == "fork":
            await desk.fork(task_id, self.chance.choice(STEPS[:4]), "ann")
        elif verb == "answer":
            await desk.answer(task_id, "yes", "ann")
        elif verb == "cancel_graph":
            await desk.cancel_graph((await desk.get(task_id)).graph, "ann", "no need")
        else:
            await desk.purge([task_id])
            self.observer.forget(task_id)

    # The end.

    async def calm(self) -> None:
        """Let nothing happen any more but work, until all has settled."""
        self.quiet = True
        self.observer.refused.clear()
        for machine in self.machines:
            if not machine.alive:
                await machine.start()
            await self.desk.drain(machine.name, draining=False)
        for scope in [*self.observer.pauses]:
            await self.desk.resume(scope)
            self.observer.pauses.discard(scope)
        for number in range(ROUNDS):
            thorough = number % 3 == 0
            if not await self._round(thorough=thorough) and thorough:
                return
        left = [one for one in self.observer.tasks.values() if one.state not in SETTLED]
        self.observer.faults += [f"{one.spec.name} never settled: {one.history}" for one in left]
        for machine in self.machines:
            self.observer.faults += [f"{one} never ended" for one in machine.journal.going_on]

    async def _round(self, *, thorough: bool) -> bool:
        """Tell whether anything is left to be done.

        Args:
            thorough: Also do what an engine does now and then; the lease lasts until the next time.
        """
        self.let_pass(LEASE_SECONDS / 4)
        for task_id, task in [*self.observer.tasks.items()]:
            if task.state is TaskState.NEEDS_INPUT:
                with suppress(ItermMcpError):  # answered already
                    await self.desk.answer(task_id, "yes", "ann")
        for machine in self.machines:
            if thorough:
                await self._beat(machine)
                await machine.reconcile()
            await self.look_for_work(machine)
            for course in machine.journal.going_on:
                await machine.step(course, patient=True)
                while course in machine.journal.going_on and await machine.step(course):
                    pass
            if thorough:
                await machine.forget()
        left = any(one.state not in SETTLED for one in self.observer.tasks.values())
        return left or any(one.journal.going_on for one in self.machines)

    async def check(self) -> list[str]:
        """Return what is not as it must be in the end, and what was not on the way."""
        faults = [*self.observer.faults]
        for machine in self.machines:
            work = machine.work
            faults += work.faults
            faults += [f"{one} was left open" for one in work.opened]
            kept = work.kept - work.never_closed
            purged = {one for one in kept if one.rpartition("~")[0] not in self.observer.tasks}
            faults += [f"{one} is kept, and its task is not" for one in purged]
            faults += [f"{one} began {many} times" for one, many in work.begun.items() if many > 1]
        found = (await self.desk.find(TaskQuery(limit=500))).tasks
        faults += [
            f"{one} is not what was told of"
            for one in {task.task_id for task in found} ^ set(self.observer.tasks)
        ]
        for task in found:
            faults += self._faults_of(await self.desk.get(task.task_id))
        loose: list[str] = await self.desk.read(_loose)
        return faults + loose

    def _faults_of(self, task: Task) -> list[str]:
        name, faults = task.spec.name, []
        states = [one.state for one in task.moves]
        if task.task_id in self.observer.tasks:
            told = self.observer.tasks[task.task_id].history
            if states != told or states[-1] is not task.state:
                faults.append(f"{name} is {task.state}, by {states}, and told was {told}")
        faults += [
            f"{name} went from {before} to {after}"
            for before, after in pairwise(states)
            if before is not after and after not in TASK_MOVES[before]
        ]
        outcomes = [one.outcome for one in task.attempts]
        if None in outcomes:
            faults.append(f"{name} has settled, and an attempt has not ended")
        if Outcome.SUCCEEDED in outcomes[:-1]:
            faults.append(f"{name} was tried again though it had succeeded: {outcomes}")
        starts = states.count(TaskState.STARTING)
        if [one.number for one in task.attempts] != list(range(1, starts + 1)):
            faults.append(f"{name} started {starts} times, and has {len(task.attempts)} attempts")
        return faults


def _loose(connection: sa.Connection) -> list[str]:
    """Return tasks that ran though what they need did not succeed."""
    needed = TASKS.alias()
    query = (
        sa.select(TASKS.c.name, needed.c.name.label("needed"), needed.c.state)
        .join(NEEDS, NEEDS.c.task_id == TASKS.c.task_id)
        .join(needed, needed.c.task_id == NEEDS.c.need_id)
        .join(ATTEMPTS, ATTEMPTS.c.task_id == TASKS.c.task_id)
        .where(needed.c.state != TaskState.SUCCEEDED)
        .distinct()
    )
    return [f"{row.name} ran, and {row.needed} is {row.state}" for row in connection.execute(query)]


def chance_of(chance: Random) -> int:
    """Return how many attempts a machine takes."""
    return chance.choice((1, 2, 8))


@asynccontextmanager
async def open_world(seed: int) -> AsyncIterator[World]:
    """Make a world in a folder of its own."""
    folder = tempfile.mkdtemp(dir=MEMORY if HAS_MEMORY else None, prefix="im-world-")
    patch = pytest.MonkeyPatch()
    try:
        async with open_task_database(f"sqlite:///{folder}/tasks.db") as database:
            for module in (attempts, attempt_rows):
                patch.setattr(module, "AGAIN_SECONDS", 0.0)  # these waits are on no clock of ours
            patch.setattr(attempts, "ANSWER_SECONDS", 0.02)
            world = World(database, folder, seed)
            for machine in world.machines:
                await machine.start()
            yield world
    finally:
        patch.undo()
        shutil.rmtree(folder, ignore_errors=True)
