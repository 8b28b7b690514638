"""Which of the queued tasks start now, and what is in the others' way. No I/O.

Rule 1: no limit and no rate is ever exceeded, whatever was chosen before.
Rule 2: what is held back by something of its own holds back no other.
Rule 3: of two tasks that could start, the one of higher rank does. A task's rank is its priority,
plus one for each `DispatchLimits.ageing_seconds` in the queue; so whatever has waited long enough
goes before all that came later.
Rule 4: what has waited for so long, and is refused for memory that others have, is not overtaken
by what would take the memory that they free. That holds for `KEEPING_SECONDS` of each two of
those, and only as long as something runs here: so what others than we take keeps nobody for ever.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

from iterm_mcp.models.task_queries import EVERYTHING, Hindrance, Obstacle
from iterm_mcp.tasks.limits import TRAITS, Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from iterm_mcp.tasks.limits import DispatchLimits, Refusal, StartRate, Traits

KEEPING_SECONDS = 1800.0
"""How long memory is kept for those that wait for it; then others have theirs for as long."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A queued task.

    Attributes:
        queued_at: In seconds, as all times here.
    """

    task_id: str
    number: int
    traits: Traits
    priority: int = 0
    queued_at: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Active:
    """An attempt that runs, and where."""

    traits: Traits
    machine: str


@dataclass(frozen=True, slots=True)
class Here:
    """The machine that asks."""

    name: str
    capacity: int
    labels: Mapping[str, str] = field(default_factory=dict)
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the choice depends on besides the queue.

    Attributes:
        started: When attempts were started, as far back as any rate looks.
        pauses: Scopes that are held back.
    """

    here: Here
    limits: DispatchLimits
    now: float
    active: Sequence[Active] = ()
    started: Sequence[tuple[float, Traits]] = ()
    pauses: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What starts, the first first.

    Attributes:
        obstacles: What stands in the way of others, as far as was looked.
        wake_at: When a rate will let the next one start; None when none is in the way.
        behind: Why those behind were not looked at; empty when there was no room, or all were.
    """

    picks: tuple[Candidate, ...]
    obstacles: Mapping[str, Obstacle] = field(default_factory=dict)
    wake_at: float | None = None
    behind: str = ""


class Counts:
    """How many run by now, those chosen included."""

    def __init__(self, situation: Situation) -> None:
        self._limits = situation.limits
        self._here = situation.here
        self._running: Counter[tuple[str, str]] = Counter()
        self.all = 0
        self.mine = 0
        for one in situation.active:
            self.add(one.traits, one.machine)

    def add(self, traits: Traits, machine: str) -> None:
        """Count an attempt that runs."""
        self.all += 1
        self.mine += machine == self._here.name
        self._running.update({(cap.what, key) for key, cap in self._limits.caps_of(traits)})

    @property
    def capacity(self) -> int:
        """How many this machine may run."""
        most = self._limits.per_machine
        capacity = self._here.capacity
        return capacity if most is None else min(most, capacity)

    @property
    def full(self) -> bool:
        """Tell whether nothing at all can start here."""
        return self.all >= self._limits.at_once or self.mine >= self.capacity

    def in_the_way(self, traits: Traits) -> Iterator[Obstacle]:
        """Say which limits a task would exceed."""
        if self.all >= self._limits.at_once:
            yield _limit(f"{self.all} tasks run, and {self._limits.at_once} may at once")
        if self.mine >= self.capacity:
            yield _limit(f"{self.mine} tasks run on {self._here.name}, which takes {self.capacity}")
        for key, cap in self._limits.caps_of(traits):
            count = self._running[cap.what, key]
            if cap.at_once is not None and count >= cap.at_once:
                yield _limit(
                    f"{count} tasks of {cap.what} {key} run, and {cap.at_once} may at once"
                )


def choose(
    queued: Iterable[Candidate],
    situation: Situation,
    admit: Callable[[Candidate], Refusal | None] = lambda _: None,
) -> Choice:
    """Return what starts now.

    Args:
        queued: In the order of their ranks, the highest first; no more are taken than are needed.
        admit: Says what else is in a task's way; asked only of tasks that nothing else holds, and
            of those that are refused alike only once.
    """
    counts = Counts(situation)
    rates = Rates(situation)
    picks: list[Candidate] = []
    obstacles: dict[str, Obstacle] = {}
    refused: dict[tuple[str, str, str], Obstacle] = {}
    wakes: list[float] = []
    behind = ""
    for one in queued:
        if counts.full:
            break
        obstacle = next(in_the_way(one, situation, counts), None)
        if obstacle is None and (until := rates.free_at(one.traits)) is not None:
            obstacle = rates.obstacle(one.traits)
            wakes.append(until)
        alike = (one.traits.kind, one.traits.team, one.traits.account)
        obstacle = obstacle or refused.get(alike)
        if obstacle is None and (why := admit(one)) is not None:
            obstacle = Obstacle(Hindrance.ADMISSION, why.sentence)
            if why.reach is Reach.ALIKE:
                refused[alike] = obstacle
            behind = why.sentence if why.reach is Reach.ALL else _kept(one, why, situation, counts)
        if obstacle is not None:
            obstacles[one.task_id] = obstacle
            if behind:
                break
            continue
        picks.append(one)
        counts.add(one.traits, situation.here.name)
        rates.add(one.traits)
    return Choice(tuple(picks), obstacles, min(wakes, default=None), behind)


def _kept(one: Candidate, why: Refusal, situation: Situation, counts: Counts) -> str:
    """Say for whom memory is kept, so that others do not start; empty when it is not."""
    waited = situation.now - one.queued_at
    if not why.for_memory or waited < situation.limits.ageing_seconds:
        return ""
    if not counts.mine and not why.others_start:  # nothing that we run could free any
        return ""
    if situation.now // KEEPING_SECONDS % 2:
        return ""
    return f"memory is kept for {one.task_id}, which has waited for {waited / 60:.0f} min"


def in_the_way(one: Candidate, situation: Situation, counts: Counts) -> Iterator[Obstacle]:
    """Say what holds a task back, rates and admission aside, in the order in which it meets it."""
    yield from paused(one.traits, situation.pauses)
    yield from _unfit(one, situation.here)
    yield from counts.in_the_way(one.traits)


def paused(traits: Traits, pauses: Collection[str]) -> Iterator[Obstacle]:
    """Say by which pauses tasks of such traits are held back."""
    if EVERYTHING in pauses:
        yield Obstacle(Hindrance.PAUSE, "everything is paused")
    for what in TRAITS:
        scope = f"{what}:{getattr(traits, what)}"
        if scope in pauses:
            yield Obstacle(Hindrance.PAUSE, f"{scope} is paused")


def fits(labels: Mapping[str, str], machine: Mapping[str, str]) -> bool:
    """Tell whether a machine has what a task asks for."""
    return all(machine.get(name) == value for name, value in labels.items())


def _unfit(one: Candidate, here: Here) -> Iterator[Obstacle]:
    if here.draining:
        yield Obstacle(Hindrance.MACHINE, f"machine {here.name} is being drained")
    if not fits(one.labels, here.labels):
        asked = ", ".join(f"{name}={value}" for name, value in sorted(one.labels.items()))
        yield Obstacle(
            Hindrance.MACHINE, f"it needs a machine with {asked}, and {here.name} is not"
        )


class Rates:
    """How many have started of late, those chosen included."""

    def __init__(self, situation: Situation) -> None:
        self._limits = situation.limits
        self._now = situation.now
        self._started: dict[tuple[str, str], list[float]] = defaultdict(list)
        for at, traits in sorted(situation.started, key=itemgetter(0)):
            # What seems to lie ahead was started by another clock; count it as just now.
            self._count(min(at, self._now), traits)

    def add(self, traits: Traits) -> None:
        """Count one that starts now."""
        self._count(self._now, traits)

    def free_at(self, traits: Traits) -> float | None:
        """Return when the next one of such traits may start; None when it may now."""
        return max((at for at, _, _ in self._taken(traits)), default=None)

    def obstacle(self, traits: Traits) -> Obstacle:
        """Say which rate is in the way for longest."""
        at, rate, whose = max(self._taken(traits), key=itemgetter(0))
        return Obstacle(
            Hindrance.RATE,
            f"{rate.starts} tasks{whose} were started within the last {rate.seconds:g} s, which is "
            f"as many as may be; the next one in {max(0.0, at - self._now):.0f} s",
        )

    def _count(self, at: float, traits: Traits) -> None:
        groups = {(cap.what, key) for key, cap in self._limits.caps_of(traits)}
        for group in {("", ""), *groups}:
            self._started[group].append(at)

    def _taken(self, traits: Traits) -> Iterator[tuple[float, StartRate, str]]:
        """Return the rates that are used up, and until when."""
        rates = [(one, ("", ""), "") for one in self._limits.rates]
        for key, cap in self._limits.caps_of(traits):
            if cap.rate is not None:
                rates.append((cap.rate, (cap.what, key), f" of {cap.what} {key}"))
        for rate, group, whose in rates:
            started = self._started[group]
            if rate.starts <= 0:
                yield self._now + rate.seconds, rate, whose
            elif len(started) >= rate.starts:
                free = started[-rate.starts] + rate.seconds
                if free > self._now:
                    yield free, rate, whose


def _limit(sentence: str) -> Obstacle:
    return Obstacle(Hindrance.LIMIT, sentence)
