"""What a fleet lives through: when it has how much to do, and what is ill where and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from math import cos, pi
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3600.0
DAY = 24 * HOUR
WEEK = 7 * DAY

NIGHT = 0.03
"""What goes on at night and on Sundays, beside a busy hour."""


class Ill(Enum):
    """What can be wrong with a machine."""

    FAULTS = auto()
    """A tenth of what is asked fails through our fault."""
    SLOW = auto()
    """Everything takes thirty times as long."""
    TERMINAL_AWAY = auto()
    HOST_BLOCKED = auto()
    """Sessions write faster than anybody reads."""
    MESSAGES_STUCK = auto()
    """Nothing that was accepted is written."""
    MESSAGES_UNKNOWN = auto()
    AGENTS_STUCK = auto()
    """Agents fail, and are set aside."""
    APPROVALS_WAIT = auto()
    ENGINE_FALLEN = auto()
    QUEUE_STUCK = auto()
    TASKS_FAIL = auto()
    MACHINE_LOST = auto()
    WORKTREES_FULL = auto()
    EVENTS_TROUBLED = auto()
    SPOOL_GROWS = auto()
    UNPRICED = auto()
    BUDGET_SPENT = auto()
    LIMITS_EXCEEDED = auto()
    SINKS_FAIL = auto()
    PROBE_FAILS = auto()
    HTTP_SHEDS = auto()


ALL = frozenset(Ill)
WITHHOLDING = frozenset({Ill.ENGINE_FALLEN})
"""What makes a daemon withhold numbers that it does not know."""


MISHAP = frozenset(
    {
        Ill.FAULTS,
        Ill.SLOW,
        Ill.APPROVALS_WAIT,
        Ill.MESSAGES_UNKNOWN,
        Ill.TASKS_FAIL,
        Ill.QUEUE_STUCK,
    }
)
"""What goes wrong on a bad afternoon."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A while in the life of one machine.

    Attributes:
        at: When it ends, in seconds since the epoch.
        seconds: How long it is.
        activity: Of a busy hour's; 0 to about 1.
        ills: What is wrong.
    """

    at: float
    seconds: float
    activity: float
    ills: frozenset[Ill]

    def is_ill(self, ill: Ill) -> bool:
        """Return whether something is wrong."""
        return ill in self.ills

    @property
    def busy_hours(self) -> float:
        """How many busy hours' work falls into it."""
        return self.activity * self.seconds / HOUR


@dataclass(frozen=True, slots=True)
class Story:
    """What happens to each machine.

    Attributes:
        activity: By the time since the beginning and the machine's number.
        ills: Likewise, of how many machines.
        restarts_every: Seconds between restarts of a daemon, as updates bring them; 0 for never.
    """

    activity: Callable[[float, int], float]
    ills: Callable[[float, int, int], frozenset[Ill]]
    restarts_every: float = 0.0


def office(since: float, machine: int) -> float:
    """Work by day, most of it in the afternoon; little on Saturday, and hardly any on Sunday.

    The story begins on a Monday at midnight; machines stand in places an hour apart.
    """
    day, second = divmod(since + machine * HOUR, DAY)
    hour = second / HOUR
    weight = (1.0, 1.0, 1.0, 1.0, 0.9, 0.25, 0.05)[int(day) % 7]
    if not 7 <= hour <= 21:
        return NIGHT
    return NIGHT + weight * (1 - cos(2 * pi * (hour - 7) / 14)) / 2


def busy(_since: float, machine: int) -> float:
    """As much as there is to do in a busy hour, and less on later machines."""
    return 1.0 / (1 + 0.4 * machine)


def well(_since: float, _machine: int, _machines: int) -> frozenset[Ill]:
    """Nothing is wrong."""
    return frozenset()


def last_is_ill(_since: float, machine: int, machines: int) -> frozenset[Ill]:
    """All but the last are well; it has all that still lets it tell all numbers."""
    return ALL - WITHHOLDING if machine == machines - 1 else frozenset()


def from_six_on(since: float, _machine: int, _machines: int) -> frozenset[Ill]:
    """All is well for six hours, then everything goes wrong everywhere."""
    return ALL if since >= 6 * HOUR else frozenset()


def an_afternoon(since: float, machine: int, _machines: int) -> frozenset[Ill]:
    """On the second machine the terminal and the disk trouble us from two to half past three."""
    is_then = 14 * HOUR <= since % DAY <= 15.5 * HOUR
    return MISHAP if machine == 1 and is_then else frozenset()


STORIES = {
    "healthy": Story(office, well, restarts_every=3 * DAY),
    "busy": Story(busy, well),
    "mixed": Story(busy, last_is_ill),
    "burning": Story(busy, lambda _since, _machine, _machines: ALL),
    "incident": Story(busy, from_six_on),
    "workday": Story(office, an_afternoon),
}
"""By name. ``healthy`` is an ordinary week, restarts after updates included."""


def only(*ills: Ill, since: float = 0.0) -> Story:
    """Return a story in which just this is wrong, from some time on, on every machine."""
    wrong = frozenset(ills)
    return Story(busy, lambda now, _machine, _machines: wrong if now >= since else frozenset())
