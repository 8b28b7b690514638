"""Playbooks as they are written, and their runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

RunId = NewType("RunId", str)


class RunState(StrEnum):
    """How a run of a playbook stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """A step did not do what it should; resuming tries it again."""
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The daemon ended meanwhile; resuming goes on."""
    UNDECIDED = "undecided"
    """Nobody can tell whether the step that was under way took effect; a person decides."""


class StepState(StrEnum):
    """How far a step has come."""

    UNDER_WAY = "under_way"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It was under way when the daemon ended, and cannot be told to have taken effect."""
    SKIPPED = "skipped"


class Decision(StrEnum):
    """What is to become of the step at which a run stopped."""

    LOOK = "look"
    """Repeat what failed; of what was under way look what has become."""
    REPEAT = "repeat"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step in the journal.

    Attributes:
        number: Counted from 1.
        detail: What it found or made: an exit code, receipts, what was matched; before its end
            what a later daemon needs to look for it.
        ended_at: None while it is under way.
    """

    number: int
    state: StepState
    detail: Mapping[str, Json]
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the steps of a run have found, for those that follow.

    Attributes:
        panes: The sessions of the playbook's panes, by name.
        values: What was saved, by variable.
        cursors: How far the output of each session was looked at.
    """

    panes: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    cursors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a playbook.

    Attributes:
        document: The whole YAML: what is changed in the file meanwhile does not count.
        variables: Those that were given; the document's own stand behind them.
        reason: Why it stopped; empty while it runs, and when it is done.
        caller: The agent as whom it acts; empty for a person's client.
    """

    run_id: RunId
    name: str
    document: str
    variables: Mapping[str, str]
    state: RunState
    reason: str
    caller: str
    known: Known
    created_at: datetime
    updated_at: datetime
