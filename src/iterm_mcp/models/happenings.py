"""What a terminal tells of a session, or of all of them, while it is watched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from iterm_mcp.models.output import PromptId


@dataclass(frozen=True, slots=True)
class ScreenChanged:
    """Text or cursor are not what they were. Several changes may come as one."""


@dataclass(frozen=True, slots=True)
class PromptShown:
    """The shell waits for a command."""

    prompt_id: PromptId


@dataclass(frozen=True, slots=True)
class CommandStarted:
    """A command typed at a prompt runs; an empty one when the prompt was left without."""

    prompt_id: PromptId
    command: str


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """A command has ended."""

    prompt_id: PromptId
    exit_status: int


@dataclass(frozen=True, slots=True)
class SequenceReceived:
    """A program has printed a custom control sequence (OSC 1337 ; Custom)."""

    identity: str
    payload: str


@dataclass(frozen=True, slots=True)
class TextTyped:
    """We are about to type this into the session; told only to those who ask for it."""

    text: str


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A person has pressed a key in the session; told only to those who ask. Which is not told."""


@dataclass(frozen=True, slots=True)
class SessionsChanged:
    """A session was opened, or one has ended. Several changes may come as one."""


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session is no more. Nothing comes after it."""


@dataclass(frozen=True, slots=True)
class TerminalLost:
    """The connection is gone, and with it what happens until `TerminalBack`."""


@dataclass(frozen=True, slots=True)
class TerminalBack:
    """The session is watched again: look at it anew, for something may have been missed."""


Happening: TypeAlias = (
    ScreenChanged
    | PromptShown
    | CommandStarted
    | CommandEnded
    | SequenceReceived
    | TextTyped
    | KeyPressed
    | SessionsChanged
    | SessionEnded
    | TerminalLost
    | TerminalBack
)
