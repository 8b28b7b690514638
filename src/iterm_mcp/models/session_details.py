"""What is known of a session beyond where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iterm_mcp.models.ids import AgentName, SessionId
    from iterm_mcp.models.output import PromptState
    from iterm_mcp.models.sessions import SessionInfo


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What a session says of itself; programs can have a say in all of it.

    Attributes:
        name: What it was called when it was opened or renamed by us; else its own name, which
            its programs may set.
        directory: Where its shell is, or its program; empty when unknown.
        job: The name of the program in the foreground; empty when unknown.
        tags: See `services.sessions.tags`.
    """

    name: str = ""
    directory: str = ""
    job: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session as a list shows it.

    Attributes:
        facts: None when it did not answer in time.
    """

    info: SessionInfo
    facts: SessionFacts | None
    agent: AgentName | None


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A process of a session.

    Attributes:
        command: The words it was started with, joined by spaces; empty when unknown.
        cpu_percent: Of one processor, over the short time it was looked at; None, as below, when
            it may not be known.
        memory_bytes: Resident memory.
        state: The system's word, such as ``running``, ``sleeping`` or ``stopped``.
        age_seconds: Since its start.
    """

    pid: int
    parent: int
    name: str
    command: str = ""
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    state: str = ""
    age_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LastCommand:
    """What was last run at a session's prompt.

    Attributes:
        running: It has not ended yet.
        exit_code: None while it runs, or when unknown.
    """

    command: str
    running: bool
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class SessionDetails:
    """All that can be told of one session without reading what it has printed.

    Attributes:
        prompt: What stands at its last prompt; None when its shell marks none.
        tty: The path of its terminal; empty when unknown.
        created: When it was opened, as the terminal writes it.
        processes: The root first, then its descendants; at most `process_table.MOST`.
        left_out: How many more processes there are.
        recording: The file that its output is being recorded to; None when it is not.
    """

    listed: ListedSession
    last_command: LastCommand | None
    prompt: PromptState | None
    tty: str
    created: str
    alternate_screen: bool
    processes: tuple[ProcessInfo, ...]
    left_out: int
    recording: str | None


@dataclass(frozen=True, slots=True)
class ClosedSession:
    """What a session was when it was closed.

    Attributes:
        killed: It had to be killed, because it had not ended when its grace was over.
        open_seconds: How long its program ran; None when unknown.
        last_lines: The end of what its screen showed.
    """

    session_id: SessionId
    name: str
    killed: bool
    open_seconds: float | None
    last_command: LastCommand | None
    last_lines: tuple[str, ...]
