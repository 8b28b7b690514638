"""A step that is to be done, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterm_mcp.models.callers import Caller
from iterm_mcp.models.ids import AgentName

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.playbooks import Known, Run
    from iterm_mcp.services.playbooks.document import StepPart

    Detail = dict[str, Json]


class StepError(Exception):
    """A step did not do what it should; the run stops, and can be resumed.

    Attributes:
        detail: What it found.
    """

    def __init__(self, reason: str, detail: Detail | None = None) -> None:
        super().__init__(reason)
        self.detail = detail or {}


class UndecidedError(Exception):
    """Nobody can tell whether a step took effect; a person decides."""


@dataclass(slots=True)
class Task:
    """One step of one run, to be done.

    Attributes:
        number: Counted from 1.
        before: What the journal has of an earlier try: one that failed, or that was under way when
            the daemon ended; None for a step that begins.
        attempt: Which try it is, from 1. One that was under way is the same try.
        note: Writes down what a later daemon will need, before it goes on.
    """

    run: Run
    number: int
    step: StepPart
    known: Known
    note: Callable[[Detail], Awaitable[None]]
    before: Detail | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step has found.

    Attributes:
        known: What those that follow may use.
    """

    known: Known
    detail: Detail = field(default_factory=dict)


def caller_of(run: Run) -> Caller:
    """Return as whom a run acts."""
    return Caller(AgentName(run.caller) if run.caller else None, f"playbook {run.name}")
