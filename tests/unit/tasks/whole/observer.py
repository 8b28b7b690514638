"""What must be so of every history of tasks, whatever befalls them. It knows nothing of how the
engine comes to its decisions: it reckons for itself who may start, and who goes first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING

from iterm_mcp.models.task_queries import EVERYTHING
from iterm_mcp.models.tasks import ACTIVE, TASK_MOVES, TaskState
from iterm_mcp.tasks.limits import TRAITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iterm_mcp.models.task_queries import TaskChange
    from iterm_mcp.models.tasks import TaskSpec
    from iterm_mcp.tasks.limits import DispatchLimits, StartRate

FIRST = frozenset({TaskState.WAITING, TaskState.DELAYED, TaskState.QUEUED})
"""How a task may stand when it is accepted."""


@dataclass(slots=True)
class Seen:
    """A task, as was told of it.

    Attributes:
        spec: As it was asked for; of a list's element, that of the task with the list.
        machine: Who started its last attempt.
    """

    spec: TaskSpec
    history: list[TaskState] = field(default_factory=list)
    queued_at: float = 0.0
    number: int = 0
    machine: str = ""

    @property
    def state(self) -> TaskState:
        return self.history[-1]


@dataclass(frozen=True, slots=True)
class Place:
    """A machine, when it may start tasks."""

    name: str
    capacity: int
    labels: Mapping[str, str]
    draining: bool = False


@dataclass
class Observer:
    """Hears of every change, in the order in which they are written.

    Attributes:
        limits, pauses, refused: As they are now; `refused` are kinds that are not admitted.
        now: The time of what is told next.
        faults: What must not be, in a sentence each.
    """

    limits: DispatchLimits
    specs: dict[str, TaskSpec] = field(default_factory=dict)
    pauses: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    now: float = 0.0
    tasks: dict[str, Seen] = field(default_factory=dict)
    starts: list[tuple[float, Seen]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    place: Place | None = None
    _picked: list[str] = field(default_factory=list)

    def tell(self, change: TaskChange) -> None:
        """Take note of a change."""
        task = self.tasks.get(change.task_id)
        if task is None:
            task = self.tasks[change.task_id] = Seen(self._spec(change.name))
            task.number = len(self.tasks)
            if change.state not in FIRST:
                self.faults.append(f"{change.name} was accepted as {change.state}")
        elif change.state is not task.state and change.state not in TASK_MOVES[task.state]:
            self.faults.append(f"{change.name} went from {task.state} to {change.state}")
        task.history.append(change.state)
        if change.state is TaskState.QUEUED:
            task.queued_at = self.now
        elif change.state is TaskState.STARTING:
            self._started(change, task)

    def forget(self, task_id: str) -> None:
        """Forget a task that was purged, and that it ever started."""
        gone = self.tasks.pop(task_id, None)
        if gone is not None:
            self.starts = [one for one in self.starts if one[1] is not gone]

    def _spec(self, name: str) -> TaskSpec:
        head, _, number = name.rpartition("-")
        return self.specs[head if number.isdecimal() and head in self.specs else name]

    def _started(self, change: TaskChange, task: Seen) -> None:
        if self.place is None:
            self.faults.append(f"{change.name} started while nobody looked for work")
            return
        task.machine = self.place.name
        self._picked.append(change.task_id)
        self.starts.append((self.now, task))
        why = self._over_limits(self._active(), self.starts, self.place)
        if why:
            self.faults.append(f"{change.name} started, and then {why}")

    def _active(self) -> list[Seen]:
        return [one for one in self.tasks.values() if one.state in ACTIVE]

    # A machine looks for work.

    def looks(self, place: Place) -> None:
        """Note that a machine looks for work now."""
        self.place, self._picked = place, []

    def has_looked(self, *, deposed: bool) -> None:
        """See that it has taken what it should have.

        Args:
            deposed: It may take nothing, as its work was given to others.
        """
        place, self.place = self.place, None
        assert place is not None
        left = [one for one in self.tasks.values() if one.state is TaskState.QUEUED]
        picks = [self.tasks[one] for one in self._picked]
        if deposed:
            self.faults += [f"{one.spec.name} was taken by one that was deposed" for one in picks]
            return
        for one in left:
            if self._could_start(one, place, ()):
                self.faults.append(f"{one.spec.name} could start on {place.name}, and did not")
            for pick in picks:
                if self._ahead(one, pick) and self._could_start(one, place, (pick,)):
                    self.faults.append(f"{pick.spec.name} started before {one.spec.name}")
        for pick in picks:
            if why := self._own_hindrance(pick.spec, place):
                self.faults.append(f"{pick.spec.name} started on {place.name} though {why}")
        ordered = pairwise(picks)
        self.faults += [
            f"{later.spec.name} was not taken before {sooner.spec.name}"
            for sooner, later in ordered
            if self._ahead(later, sooner)
        ]

    def _ahead(self, one: Seen, other: Seen) -> bool:
        """Tell whether one goes before another: by priority, and by how long it has waited."""
        mine, theirs = (
            each.spec.priority + (self.now - each.queued_at) / self.limits.ageing_seconds
            for each in (one, other)
        )
        return mine > theirs + 1e-6

    def _could_start(self, one: Seen, place: Place, without: Iterable[Seen]) -> bool:
        """Tell whether a task could be started now, had some of the others not been."""
        if self._own_hindrance(one.spec, place):
            return False
        gone = {id(each) for each in without}
        active = [each for each in self._active() if id(each) not in gone]
        there = Seen(one.spec, [TaskState.STARTING], machine=place.name)
        starts = [(at, each) for at, each in self.starts if at < self.now or id(each) not in gone]
        return not self._over_limits([*active, there], [*starts, (self.now, there)], place)

    def _own_hindrance(self, spec: TaskSpec, place: Place) -> str:
        if place.draining:
            return "it is being drained"
        if any(place.labels.get(name) != value for name, value in spec.labels.items()):
            return "it lacks a label"
        scopes = {f"{what}:{getattr(spec, what)}" for what in TRAITS} | {EVERYTHING}
        if scopes & self.pauses:
            return "it is paused"
        return "it is not admitted" if spec.kind in self.refused else ""

    # Limits and rates.

    def _over_limits(
        self, active: list[Seen], starts: Sequence[tuple[float, Seen]], here: Place
    ) -> str:
        """Say which limit the last start has overstepped; empty for none."""
        limits = self.limits
        if len(active) > limits.at_once:
            return f"{len(active)} ran, and {limits.at_once} may"
        mine = sum(one.machine == here.name for one in active)
        room = min(here.capacity, limits.per_machine or here.capacity)
        if mine > room:
            return f"{mine} ran on {here.name}, which takes {room}"
        # Others may be too many of theirs: limits are lowered while tasks run.
        for what, whose, most, _ in self._caps(starts[-1][1].spec):
            count = sum(self._is_in(one.spec, (what, whose)) for one in active)
            if most is not None and count > most:
                return f"{count} of {what} {whose} ran, and {most} may"
        return self._over_rates(starts)

    def _over_rates(self, starts: Sequence[tuple[float, Seen]]) -> str:
        caps = self._caps(starts[-1][1].spec)
        groups = {(what, whose): rate for what, whose, _, rate in caps if rate is not None}
        rates = [*groups.items(), *((("", ""), rate) for rate in self.limits.rates)]
        for group, rate in rates:
            late = [one for at, one in starts if at > self.now - rate.seconds]
            same = [one for one in late if group == ("", "") or self._is_in(one.spec, group)]
            if len(same) > rate.starts:
                return f"{len(same)} of {group} were started within {rate.seconds:g} s"
        return ""

    def _is_in(self, spec: TaskSpec, group: tuple[str, str]) -> bool:
        return group in {(what, whose) for what, whose, _, _ in self._caps(spec)}

    def _caps(self, spec: TaskSpec) -> list[tuple[str, str, int | None, StartRate | None]]:
        """Return what holds for such tasks: of what, whose, how many at once, how soon."""
        found = []
        for cap in self.limits.caps:
            value = getattr(spec, cap.what)
            others = [one for one in self.limits.caps if one.what == cap.what and one.name]
            named = any(_is_of(cap.what, value, one.name) for one in others)
            if cap.name and _is_of(cap.what, value, cap.name):
                found.append((cap.what, cap.name, cap.at_once, cap.rate))
            elif not cap.name and value and not named:
                found.append((cap.what, value, cap.at_once, cap.rate))
        return found


def _is_of(what: str, value: str, name: str) -> bool:
    if what == "repository":
        return PurePath(value).is_relative_to(name)
    return value == name
