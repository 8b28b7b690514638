"""What agents ask people, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Json

ApprovalId = NewType("ApprovalId", str)


class Asks(StrEnum):
    """What is asked."""

    PERMISSION = "permission"
    QUESTION = "question"


class Channel(StrEnum):
    """How an answer reaches the agent."""

    HOOK = "hook"
    """As the result of a hook that waits for it: no keystroke."""
    PROTOCOL = "protocol"
    KEYS = "keys"
    """By the guarded strokes of the agent's kind."""
    PERSON = "person"
    """Somebody answered at the terminal; we only saw that the dialog had gone."""
    NONE = "none"
    """Nobody answered: the agent ended, or was started anew."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; the first one holds.

    Attributes:
        choice: ``allow``, ``deny``, ``allow_always``, an option's text, ``unknown`` when a person
            answered where we could not see it, or ``none`` when nobody did.
        by: Who: a client, a policy's rule, the person at the terminal.
        message: What the agent is told with it.
    """

    choice: str
    by: str
    channel: Channel
    at: datetime
    message: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """A dialog of an agent.

    Attributes:
        epoch: The life of the agent in which it was asked.
        tool: What it wants to use; empty for a question.
        input: The tool's input as the agent gave it.
        text: The question, or what the screen says.
        options: What can be chosen, as far as it is known.
        answer: None while it is open.
        dialog: The id that its source gave it; empty when it gave none.
        exact: The input is the tool's own, as a hook or the protocol told it, and not only what
            could be read from a screen.
    """

    approval_id: ApprovalId
    agent: AgentName
    epoch: int
    asks: Asks
    tool: str
    input: Mapping[str, Json]
    text: str
    options: tuple[str, ...]
    asked_at: datetime
    answer: Answer | None = None
    dialog: str = ""
    exact: bool = False
