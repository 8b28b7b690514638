"""Budgets: how much may be spent by whom in which time, and what happens on the way there."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

SLOT_SECONDS = 900
"""What is spent is added up by quarters of an hour: in every time zone a day begins with one."""


class Period(StrEnum):
    """How long a budget lasts before it begins anew."""

    DAY = "day"
    WEEK = "week"
    """From Monday."""
    MONTH = "month"
    EVER = "ever"
    """It never begins anew, as for a conversation."""


class Scope(StrEnum):
    """What is added up together."""

    ALL = "all"
    AGENT = "agent"
    TEAM = "team"
    CONVERSATION = "conversation"
    SESSION = "session"


class Act(StrEnum):
    """What happens when a step is reached; each does what the ones before it do, too."""

    WARN = "warn"
    """An alert is raised."""
    PAUSE = "pause"
    """Nothing is brought to the agents that it covers, and none of them is started, until it is
    released, raised, or its time is over; of turns under way `Turns` says what becomes."""
    STOP = "stop"
    """Besides, every agent that spends beyond it is stopped, once."""


class Turns(StrEnum):
    """What becomes of agents that have spent something when a step says `Act.PAUSE`."""

    SUSPEND = "suspend"
    """They stand still at once, amid their turns, and go on there when they are let go."""
    FINISH = "finish"
    """Turns go on to their end, whatever they cost; no other begins."""
    INTERRUPT = "interrupt"
    """Turns are interrupted, once, as a person would; what they were about is not resumed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a budget.

    Attributes:
        percent: Of the limit; more than 100 is for who goes on all the same.
    """

    percent: int
    act: Act


DEFAULT_STEPS = (Step(50, Act.WARN), Step(80, Act.WARN), Step(100, Act.WARN))


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be spent.

    Attributes:
        of: The agent, team, conversation or session; empty for a budget of each of them.
        nanodollars: 0 sets no limit in money.
        tokens: 0 sets no limit in tokens.
        steps: By percent, upwards.
        turns: What becomes of turns under way when a step says `Act.PAUSE`.
    """

    name: str
    period: Period
    scope: Scope = Scope.ALL
    of: str = ""
    nanodollars: int = 0
    tokens: int = 0
    steps: tuple[Step, ...] = DEFAULT_STEPS
    turns: Turns = Turns.SUSPEND

    @property
    def limits(self) -> str:
        """Both limits in one word."""
        return f"{self.nanodollars}/{self.tokens}"


@dataclass(frozen=True, slots=True)
class Budgets:
    """All budgets.

    Attributes:
        zone: In which days begin; None for this machine's.
    """

    budgets: tuple[Budget, ...] = ()
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class SpendingKey:
    """What spending is kept apart by.

    Attributes:
        slot: Seconds since 1970 in UTC, a multiple of `SLOT_SECONDS`.
    """

    slot: int
    agent: str
    team: str
    conversation: str
    session: str


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent.

    Attributes:
        nanodollars: As far as it is known.
        tokens: All of them.
        unpriced_tokens: Those of them whose cost nobody knows.
        answers: How many answers of models it was.
    """

    nanodollars: int = 0
    tokens: int = 0
    unpriced_tokens: int = 0
    answers: int = 0

    def __add__(self, other: Spending) -> Spending:
        """Return the sum."""
        return Spending(
            self.nanodollars + other.nanodollars,
            self.tokens + other.tokens,
            self.unpriced_tokens + other.unpriced_tokens,
            self.answers + other.answers,
        )


@dataclass(frozen=True, slots=True)
class Span:
    """A time of a budget, in UTC: from the one, before the other.

    Attributes:
        until: None when it never ends.
    """

    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Crossing:
    """A step that was reached; each is once, and once more when the limits were changed.

    Attributes:
        part: Whose budget, where each has one: an agent, team, conversation or session.
        since: When the budget's time began.
        limits: The budget's, as they were.
    """

    budget: str
    part: str
    since: datetime
    limits: str
    percent: int
    at: datetime


@dataclass(frozen=True, slots=True)
class BudgetState:
    """How one budget stands.

    Attributes:
        percent: Of the limit that is nearer, rounded down.
        crossed: The steps that were reached in this time.
        holds: The step by which agents are held now; None when none are.
        released_by: Who has let them go, up to the highest step that is reached; else empty.
    """

    budget: Budget
    part: str
    span: Span
    spent: Spending
    percent: int
    crossed: tuple[int, ...] = field(default=())
    holds: Step | None = None
    released_by: str = ""

    @property
    def whose(self) -> str:
        """The agent, team, conversation or session; empty for the budget of all."""
        return self.part or self.budget.of
