"""How many tasks may run at once, and how fast they may start. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.models.tasks import TaskSpec

AGEING_SECONDS = 300.0

TRAITS = ("team", "repository", "account", "kind")
"""What tasks are counted by."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What limits, rates and pauses go by; what is empty is counted by no limit of that sort."""

    kind: str = ""
    team: str = ""
    repository: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class StartRate:
    """So many starts within any so many seconds."""

    starts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cap:
    """How much of the work may be of one team, repository, account or kind.

    Attributes:
        what: One of `TRAITS`.
        name: Whose; a repository's covers all below it. Empty for each that no other cap names.
        at_once: Attempts that run at the same time; None for any number.
        rate: None for any.
    """

    what: str
    name: str = ""
    at_once: int | None = None
    rate: StartRate | None = None

    def covers(self, value: str) -> bool:
        """Tell whether it names whatever has this value."""
        if self.what == "repository" and self.name:
            return PurePath(value).is_relative_to(self.name)
        return self.name == value


@dataclass(frozen=True, slots=True)
class DispatchLimits:
    """What holds for all machines together, `per_machine` aside.

    Attributes:
        at_once: Attempts that run at the same time.
        per_machine: Attempts on one machine; None for as many as its capacity.
        rates: Of all starts; all must hold.
        ageing_seconds: After so long in the queue, a task counts as one priority higher.
    """

    at_once: int = 5
    per_machine: int | None = None
    caps: tuple[Cap, ...] = ()
    rates: tuple[StartRate, ...] = ()
    ageing_seconds: float = AGEING_SECONDS

    def caps_of(self, traits: Traits) -> list[tuple[str, Cap]]:
        """Return the caps that hold for such tasks, each with whom it counts together."""
        found = []
        for what in TRAITS:
            value = getattr(traits, what)
            if not value:
                continue
            caps = [one for one in self.caps if one.what == what]
            named = [(one.name, one) for one in caps if one.name and one.covers(value)]
            found += named or [(value, one) for one in caps if not one.name]
        return found

    @property
    def longest_rate_seconds(self) -> float:
        """How far back starts matter."""
        rates = [*self.rates, *(one.rate for one in self.caps if one.rate)]
        return max((one.seconds for one in rates), default=0.0)


@dataclass(frozen=True, slots=True)
class Demand:
    """What admission must know of a task: little enough to be kept of all that are queued.

    Attributes:
        memory_bytes: Its limit; None for none.
    """

    task_id: str
    kind: str
    directory: str = ""
    team: str = ""
    account: str = ""
    memory_bytes: int | None = None


def demand_of(task_id: str, spec: TaskSpec) -> Demand:
    """Return what admission must know of a task."""
    return Demand(
        task_id, spec.kind, spec.directory, spec.team, spec.account, spec.limits.memory_bytes
    )


class Reach(StrEnum):
    """Who else is refused with a task."""

    OWN = "own"
    """Others may be admitted all the same."""
    ALIKE = "alike"
    """All of the same kind and team, at the same cost."""
    ALL = "all"
    """Whatever would start on this machine."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a task is not admitted now.

    Attributes:
        sentence: With numbers.
        for_memory: The machine has as much memory as it needs, and others have it now.
        others_start: Some of it is only kept for others that were admitted a moment ago.
    """

    sentence: str
    reach: Reach = Reach.OWN
    for_memory: bool = False
    others_start: bool = False


class Admission(Protocol):
    """Says whether this machine can take a task now, limits and rates aside.

    Called from worker threads, inside a transaction: it answers at once from what it has read
    before, and never raises.
    """

    def admit(self, demand: Demand, now: datetime) -> Refusal | None:
        """Return what is in a task's way; None when nothing is, and it is about to start."""

    def why_not(self, demand: Demand, now: datetime) -> Refusal | None:
        """Return what is in a task's way; asking changes nothing."""


class AdmitAll:
    """An `Admission` with nothing in the way."""

    def admit(self, demand: Demand, now: datetime) -> Refusal | None:
        """Return nothing."""
        return self.why_not(demand, now)

    def why_not(self, demand: Demand, now: datetime) -> Refusal | None:
        """Return nothing."""
        _ = demand, now
        return None
