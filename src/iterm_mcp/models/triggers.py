"""Patterns that are waited for in sessions, and what is done when they come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.models.ids import LockId, SessionId

TriggerId = NewType("TriggerId", str)


class Act(StrEnum):
    """What a trigger does."""

    NOTIFY = "notify"
    """Only tells those who subscribe to triggers, and the log."""
    TEXT = "text"
    """Types text into a session."""
    KEYS = "keys"
    """Presses keys in a session."""
    MESSAGE = "message"
    """Gives a text to an agent, or to a team."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One pattern in one session.

    Attributes:
        pattern: A regular expression, matched line by line.
        to: The session, the agent or the team that the action is for; empty is the session.
        text: What is typed, given, or pressed: keys with spaces between.
        enter: Press Enter after text.
        per_minute: How often it may act; what comes more often is counted alone.
        stopped: Why it does nothing any more; empty while it stands ready.
        lock_id: The lock that it shows to where it types: whose it is, is known to the one who
            set the trigger alone.
    """

    trigger_id: TriggerId
    session_id: SessionId
    pattern: str
    act: Act
    to: str = ""
    text: str = ""
    enter: bool = True
    ignore_case: bool = False
    per_minute: int = 10
    stopped: str = ""
    lock_id: LockId | None = None


@dataclass(frozen=True, slots=True)
class Firing:
    """A trigger that acted, or would have.

    Attributes:
        line: The line that matched.
        problem: Why its action failed; empty when it did not.
    """

    trigger_id: TriggerId
    session_id: SessionId
    line: str
    at: datetime
    problem: str = ""
