"""Commands run in live shells, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from iterm_mcp.models.cursors import Cursor
    from iterm_mcp.models.ids import SessionId

CommandId = NewType("CommandId", str)
"""Names one command in one session for as long as its prompt is kept; survives restarts."""


class CommandState(StrEnum):
    """What has become of a command."""

    RUNNING = "running"
    FINISHED = "finished"
    SESSION_ENDED = "session_ended"
    """The session ended with it, as ``exit`` makes it."""
    UNKNOWN = "unknown"
    """Its end was not seen: the shell shows a prompt again, but gave no exit code."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some of a session's output.

    Attributes:
        text: Whole lines joined by newlines, none at the end; wrapped rows are one line.
        first_line: The absolute number of its first row.
        end_line: One more than that of its last.
        lost: Rows before it that the scrollback no longer holds.
        left_out: Rows before it that are still there and can be read.
        last_width: How many cells of its last row are written.
        last_wrapped: Its last row is full and goes on in another one.
    """

    text: str
    first_line: int
    end_line: int
    lost: int = 0
    left_out: int = 0
    last_width: int = 0
    last_wrapped: bool = False


@dataclass(frozen=True, slots=True)
class CommandResult:
    """A command as it stands.

    Attributes:
        exit_code: None unless it has finished.
        duration_seconds: From its start to its end or until now; None when its start was
            not seen by this daemon.
        directory: Where the session is now: at the end, where the command has left the shell.
        output: What it has printed; None when that cannot be told apart any more.
        cleared: The screen was cleared meanwhile: `output` is what stood there at the end.
        full_screen: It shows a screen of its own, which leaves no output behind.
        job: What runs in the foreground, of a command that runs.
        waiting_for_input: It looks as if it waits for somebody to type.
        cursor: Of one that runs: where `output` ends, and what it prints next begins.
    """

    command_id: CommandId
    session_id: SessionId
    state: CommandState
    command: str = ""
    exit_code: int | None = None
    duration_seconds: float | None = None
    directory: str | None = None
    output: Excerpt | None = None
    cleared: bool = False
    full_screen: bool = False
    job: str | None = None
    waiting_for_input: bool = False
    cursor: Cursor | None = None
