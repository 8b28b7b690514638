"""What a graph would do: what starts when, how much at once, how long, at what cost. Pure."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.models.choosing import ARM, BECAUSE
from iterm_mcp.models.tasks import GATHER
from iterm_mcp.services.tasks.graphs.estimates import AT_ONCE, UNKNOWN
from iterm_mcp.services.tasks.graphs.ties import dependants, in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.models.task_graphs import GraphSpec
    from iterm_mcp.models.tasks import TaskSpec
    from iterm_mcp.services.tasks.graphs.estimates import Estimate

USUAL_SECONDS = 60.0
"""A task is taken for as long where nothing is known of any."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A task as it would run, if all goes well and every condition holds.

    Attributes:
        wave: From 1: all of a wave could run at once, if there were room.
        at_seconds: When it would start; None when that hangs on what is not known.
        conditional: It may be skipped.
        many: It becomes as many as are found in a list.
        chosen: Who was chosen for it, and why; empty where that was not left open.
    """

    name: str
    kind: str
    wave: int
    at_seconds: float | None
    estimate: Estimate
    conditional: bool = False
    many: bool = False
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a graph would do.

    Attributes:
        tasks: In the order in which they would start, without those that only gather.
        undoing: Tasks that run only when the graph has failed.
        room: How many may run at once.
        at_once: How many would, at most; `at_once_unlimited` if there were room for all.
        seconds: Until the last has ended; None is not known, and then at least `known_seconds`.
        cost_usd: Of all; None is not known, and then at least `known_cost_usd`.
    """

    name: str
    tasks: tuple[Planned, ...]
    undoing: tuple[str, ...]
    room: int
    at_once: int
    at_once_unlimited: int
    seconds: float | None
    known_seconds: float
    cost_usd: float | None
    known_cost_usd: float

    @property
    def waves(self) -> list[list[Planned]]:
        """The tasks by wave."""
        found: dict[int, list[Planned]] = {}
        for one in self.tasks:
            found.setdefault(one.wave, []).append(one)
        return [found[wave] for wave in sorted(found)]


def dry_run(graph: GraphSpec, estimates: Mapping[str, Estimate], room: int) -> DryRun:
    """Return what a graph would do.

    Args:
        room: How many tasks may run at once.
    """
    specs = {one.name: one for one in graph.tasks if not one.compensates}
    needs = {name: [one for one in spec.needs if one in specs] for name, spec in specs.items()}
    order = in_order(needs)
    known = {
        name: AT_ONCE if specs[name].kind == GATHER else estimates.get(name, UNKNOWN)
        for name in order
    }
    lengths = _lengths(specs, known)
    # Where a length is not known, nothing after it is: as soon as it can be is all that is certain.
    floor = {name: known[name].seconds or 0.0 for name in order}
    starts, at_once = _simulate(specs, needs, lengths, room)
    certain = _certain(order, needs, known)
    levels = _levels(order, needs, specs)
    tasks = [
        Planned(
            name,
            specs[name].kind,
            levels[name],
            starts[name] if name in certain else None,
            known[name],
            bool(specs[name].when),
            specs[name].fan_out is not None,
            _chosen(specs[name]),
        )
        for name in order
        if specs[name].kind != GATHER
    ]
    tasks.sort(key=lambda one: (starts[one.name], one.wave))
    everything = all(one.estimate.seconds is not None for one in tasks)
    costs = [one.estimate.cost_usd for one in tasks]
    known_cost = sum(one for one in costs if one is not None)
    least, _ = _simulate(specs, needs, floor, max(len(order), 1))
    ends = [starts[name] + lengths[name] for name in order]
    return DryRun(
        graph.name,
        tuple(tasks),
        tuple(one.name for one in graph.tasks if one.compensates),
        room,
        at_once,
        _simulate(specs, needs, lengths, max(len(order), 1))[1],
        max(ends, default=0.0) if everything else None,
        max((least[name] + floor[name] for name in order), default=0.0),
        None if None in costs else known_cost,
        known_cost,
    )


def _chosen(spec: TaskSpec) -> str:
    said = spec.strategy
    return f"{said.get(ARM, spec.kind)}: {said[BECAUSE]}" if BECAUSE in said else ""


def _lengths(specs: Mapping[str, TaskSpec], known: Mapping[str, Estimate]) -> dict[str, float]:
    """Return how long each task is taken to be."""
    told = sorted(
        one.seconds
        for name, one in known.items()
        if one.seconds is not None and specs[name].kind != GATHER
    )
    usual = told[len(told) // 2] if told else USUAL_SECONDS
    return {
        name: 0.0 if specs[name].kind == GATHER else (usual if one.seconds is None else one.seconds)
        for name, one in known.items()
    }


def _certain(
    order: Sequence[str], needs: Mapping[str, Sequence[str]], known: Mapping[str, Estimate]
) -> set[str]:
    """Return the tasks of which it is known how long all take that they wait for."""
    found: set[str] = set()
    for name in order:
        if all(one in found and known[one].seconds is not None for one in needs[name]):
            found.add(name)
    return found


def _levels(
    order: Sequence[str], needs: Mapping[str, Sequence[str]], specs: Mapping[str, TaskSpec]
) -> dict[str, int]:
    levels: dict[str, int] = {}
    for name in order:
        before = max((levels[one] for one in needs[name]), default=0)
        levels[name] = before + (specs[name].kind != GATHER)
    return levels


def _simulate(
    specs: Mapping[str, TaskSpec],
    needs: Mapping[str, Sequence[str]],
    lengths: Mapping[str, float],
    room: int,
) -> tuple[dict[str, float], int]:
    """Return when each task starts, and how many run at once at most.

    Of those that could start, the one of the highest priority does, and of equals the first.
    """
    others = dependants(needs)
    missing = {name: len(set(those)) for name, those in needs.items()}
    places = {name: at for at, name in enumerate(specs)}
    ready: list[tuple[int, int, str]] = []
    running: list[tuple[float, int, str]] = []
    starts: dict[str, float] = {}
    now, at_once = 0.0, 0

    def let_go(name: str) -> None:
        if specs[name].kind == GATHER:  # it takes no room
            starts[name] = now
            heapq.heappush(running, (now, -1, name))
        else:
            heapq.heappush(ready, (-specs[name].priority, places[name], name))

    for name, count in missing.items():
        if count == 0:
            let_go(name)
    busy = 0
    while ready or running:
        while ready and busy < room:
            name = heapq.heappop(ready)[2]
            starts[name] = now
            heapq.heappush(running, (now + lengths[name], places[name], name))
            busy += 1
            at_once = max(at_once, busy)
        now = running[0][0]
        while running and running[0][0] == now:  # all that ends then, before anything starts
            done = heapq.heappop(running)[2]
            busy -= specs[done].kind != GATHER
            for name in dict.fromkeys(others[done]):
                missing[name] -= 1
                if missing[name] == 0:
                    let_go(name)
    return starts, at_once
