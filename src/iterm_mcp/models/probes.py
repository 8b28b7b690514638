"""The whole way from a session to a task, tried by ourselves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Step(StrEnum):
    """What is tried, in this order."""

    SESSION = "session"
    """A session is opened, and its shell shows a prompt."""
    COMMAND = "command"
    """A command runs in it, and its output and exit code are seen."""
    AGENT = "agent"
    """An agent is registered in it, told something, and seen to do it."""
    TASK = "task"
    """A task is submitted, done, and its result seen."""


ALL = "all"
"""Stands for the whole way, beside its steps."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one step went.

    Attributes:
        reason: Why it failed; empty where it did not.
    """

    step: Step
    seconds: float
    reason: str = ""

    @property
    def is_ok(self) -> bool:
        """Tell whether it went well."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class Journey:
    """One run of the probe.

    Attributes:
        at: When it began.
        seconds: From then until its last step had ended; cleaning up is not counted.
        left: What could not be removed again, in words; the next run tries again.
    """

    at: datetime
    seconds: float
    steps: tuple[StepResult, ...]
    left: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Tell whether all went well, and nothing is left of it."""
        return all(one.is_ok for one in self.steps) and not self.left


@dataclass(frozen=True, slots=True)
class ProbeCounts:
    """What there is to be told of the probe.

    Attributes:
        last: The last run; None where nobody need know of it any more.
        runs: How many there were, by outcome.
    """

    last: Journey | None
    runs: Mapping[str, int]
