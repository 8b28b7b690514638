"""What somebody may want to be told of when it changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iterm_mcp.models.ids import SessionId


class Part(StrEnum):
    """What of a session is looked at."""

    SCREEN = "screen"
    OUTPUT = "output"
    RECORDING = "recording"


@dataclass(frozen=True, slots=True)
class Topic:
    """A part of one session; or, without one, the list of all, the triggers, or the approvals."""

    session_id: SessionId | None = None
    part: Part | None = None
    triggers: bool = False
    approvals: bool = False
