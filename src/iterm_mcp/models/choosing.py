"""How work was done, how that went, and how the next piece of work is done for that reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from iterm_mcp.models.tasks import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.tasks import TaskId

TASK = "task"
"""In a task's ``strategy``: the kind of work, such as ``backlog``; empty for work of no kind."""
ARM = "arm"
"""The arm that was chosen, or that a person asked for."""
MODEL = "model"
EFFORT = "effort"
STRATEGY = "strategy"
CHOSEN = "chosen"
"""Why it was chosen: one of `Why`."""
BECAUSE = "because"
"""The same as a sentence, where who asked for the task left the choice open."""

AUTO = "auto"
"""In a document, the kind of whatever agent is chosen."""

JUDGED = frozenset(
    {
        Outcome.SUCCEEDED, Outcome.FAILED, Outcome.REJECTED, Outcome.TIMED_OUT, Outcome.STALLED,
        Outcome.OVER_LIMIT,
    }
)  # fmt: skip
"""Ends that tell of how the work was done. A lost machine, or a person's cancelling, does not."""


class Method(StrEnum):
    """How an arm is chosen."""

    FIXED = "fixed"
    """Always the default one."""
    RULES = "rules"
    """By the first rule that matches."""
    THOMPSON = "thompson"
    """By how it went so far, more often what went better; and now and then at random."""


class Why(StrEnum):
    """What decided."""

    ASKED = "asked"
    """The task names its arm."""
    FIXED = "fixed"
    RULE = "rule"
    DRAWN = "drawn"
    """It had the highest draw."""
    EXPLORED = "explored"
    """At random, to learn how it goes."""
    TOO_LITTLE = "too_little"
    """The default one: too little is known to compare."""
    FALLBACK = "fallback"
    """The default one, or another that is there: what was to be chosen is not available."""
    NOTHING = "nothing"
    """No arm can be had, so the task stays as it was asked for."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of doing work that may be chosen.

    Attributes:
        kind: Of the agent.
        template: Of the agent; empty for none.
        strategy: A word for how it goes about the work.
        prefix: Put before the prompt.
        environment: Added to the task's own.
    """

    name: str
    kind: str
    template: str = ""
    model: str = ""
    effort: str = ""
    strategy: str = ""
    prefix: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Way:
    """How an attempt was made, whatever it is called: what outcomes are kept by.

    Attributes:
        task: The kind of work.
        kind: Of the agent.
    """

    task: str
    kind: str
    model: str = ""
    effort: str = ""
    strategy: str = ""
    arm: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """How one attempt went.

    Attributes:
        seconds: From its start to its end.
        cost_usd: None is not known.
        why: What chose it; empty where nothing was chosen.
    """

    task_id: TaskId
    number: int
    way: Way
    outcome: Outcome
    ended_at: datetime
    seconds: float
    cost_usd: float | None = None
    tokens: int | None = None
    why: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether all that was asked for was found to be so."""
        return self.outcome is Outcome.SUCCEEDED

    @property
    def judged(self) -> bool:
        """Whether it tells of how the work was done."""
        return self.outcome in JUDGED


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which bounds a value lies, with the confidence that is told beside it."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Tally:
    """How often one way was tried, and how it went.

    Attributes:
        attempts: Those that were judged.
        tasks: To how many tasks these belong.
        costs: How many of them have a known cost.
        mean_cost_usd, spread_cost_usd: Mean and standard deviation of these; None without any.
    """

    attempts: int = 0
    successes: int = 0
    tasks: int = 0
    costs: int = 0
    mean_cost_usd: float | None = None
    spread_cost_usd: float | None = None
    mean_seconds: float | None = None
    spread_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Weighed:
    """One arm, as it was looked at when one had to be chosen.

    Attributes:
        unavailable: Why it cannot be had now; empty when it can.
        mean: Of the posterior of its share of successes.
        interval: In which that share lies with 95 % probability.
        share_drawn, cost_drawn: What was drawn for it; None where nothing was.
        utility: In dollars, what the draw is worth; None where nothing was drawn.
    """

    arm: str
    tally: Tally
    mean: float
    interval: Interval
    unavailable: str = ""
    share_drawn: float | None = None
    cost_drawn: float | None = None
    seconds_drawn: float | None = None
    utility: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and why.

    Attributes:
        arm: Empty when the task stays as it was asked for.
        reason: In a sentence, for people.
    """

    method: Method
    task: str
    arm: str
    why: Why
    reason: str
    weighed: tuple[Weighed, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure of two arms.

    Attributes:
        count_a, count_b: How many attempts have it.
        difference: Of b from a.
        p: How likely chance alone parts them as much, corrected for all measures that were
            compared; None where there is too little to say anything.
        better: The arm of which better can be claimed; empty for neither.
    """

    measure: str
    count_a: int
    count_b: int
    value_a: float
    value_b: float
    interval_a: Interval | None
    interval_b: Interval | None
    difference: Interval | None
    p: float | None
    better: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two arms beside each other, for one kind of work.

    Attributes:
        method: By which it was found, in words.
        caution: Why it says less than it seems to; empty when there is nothing to say.
    """

    task: str
    a: str
    b: str
    method: str
    alpha: float
    confidence: float
    measures: tuple[Compared, ...]
    caution: str = ""


@dataclass(frozen=True, slots=True)
class Drift:
    """An arm does otherwise than it used to.

    Attributes:
        worse: It succeeds less often now.
    """

    task: str
    arm: str
    past: Tally
    recent: Tally
    p: float
    worse: bool
