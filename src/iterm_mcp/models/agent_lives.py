"""What agents shall be, and what became of each of their lives."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from iterm_mcp.models.task_limits import NO_LIMITS, ResourceLimits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.ids import AgentName, SessionId, TeamName


class Desired(StrEnum):
    """What somebody wants an agent to be. It is kept until somebody wants another."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class Phase(StrEnum):
    """Where an agent's life stands, as far as its process goes."""

    CREATING = "creating"
    """Ordered, and not yet seen to run."""
    RUNNING = "running"
    ENDED = "ended"
    """Its process is gone, and it is not to be started again by itself."""
    RESTARTING = "restarting"
    """Its process is gone, and another is started at a set time."""
    QUARANTINED = "quarantined"
    """It crashed too often; only a person's word starts it again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an agent may go on. Seconds; 0 for no limit.

    Attributes:
        idle: Ready or waiting, with nothing to do; then it is stopped.
        turn: One turn; then it is interrupted, and stopped if it goes on all the same.
        total: Its whole life since it was started; then it is stopped.
        silent: Working without any sign of life; then a person is told, and it is started
            anew only where `restart_silent` says so.
    """

    idle: float = 0.0
    turn: float = 0.0
    total: float = 0.0
    silent: float = 0.0
    restart_silent: bool = False


@dataclass(frozen=True, slots=True)
class AgentOrder:
    """All that an agent is started with; the same at every restart.

    Attributes:
        directory: Absolute.
        prompt: Its first order; not repeated in a conversation that goes on.
        resume_prompt: What it is told when its conversation goes on after a crash.
        permissions: The kind's own word; empty for the person's setting.
        environment: What it sees besides the session's.
        keep: Names of variables that are not scrubbed.
        options: More of the program's own arguments.
        trust: ``ask`` leaves the question whether its directory is trusted to a person;
            ``accept`` says yes, and that our own hooks are trusted, and nothing else.
        restart: Start it again after a crash.
        template: The name of the template that it was made of; empty for none.
        resources: What it may take of the machine, with all that it starts.
        worktree: It is given a worktree of its own, made from its directory, when it is first
            started; from then on its directory is there.
    """

    kind: str
    directory: str
    prompt: str = ""
    resume_prompt: str = ""
    model: str = ""
    role: str = ""
    teams: tuple[TeamName, ...] = ()
    permissions: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    trust: str = "ask"
    restart: bool = True
    limits: Limits = field(default_factory=Limits)
    template: str = ""
    worktree: bool = False
    resources: ResourceLimits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class Spare:
    """What makes an agent one that waits to be handed out; nobody has asked for it yet.

    Attributes:
        fingerprint: Of all that its start depended on: who is handed it asks for the same.
        shown: Of its screen when it came to wait; empty before. What differs was touched.
    """

    fingerprint: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Life:
    """An agent that we started, and where it stands.

    Attributes:
        epoch: Which life of the agent; 0 before the first has begun.
        token: Names this life alone; a process that carries another is of an earlier one.
        session_id: The session that was opened for it; None until one is.
        conversation: Under which id it can be resumed; empty while none is known.
        transcript: Where that conversation stood before its first life, when it was restored.
        trace: The trace id under which all its lives are found.
        ordered_at: When it was first ordered, in UTC; `begun_at` is of the present life.
        restart_at: When it is started again; only while `Phase.RESTARTING`.
        pending: What it is still to be told, once it is ready; empty for nothing.
        reason: Why it stands so, in a sentence; empty where nothing is to be said.
        placed: Where its pane went, when it could not go where it was wanted; else empty.
        spare: It waits to be handed out; None for every agent that somebody asked for.
        born: The name that its process and its folder carry, where it was handed out under
            another; empty for its own.
        worktree: The name of the worktree that was made for it; empty for none. It outlives it.
    """

    agent: AgentName
    order: AgentOrder
    desired: Desired
    phase: Phase
    token: str
    trace: str
    ordered_at: datetime
    epoch: int = 0
    session_id: SessionId | None = None
    conversation: str = ""
    transcript: str = ""
    begun_at: datetime | None = None
    restart_at: datetime | None = None
    pending: str = ""
    reason: str = ""
    placed: str = ""
    spare: Spare | None = None
    born: str = ""
    worktree: str = ""

    def is_marked(self, name: str) -> bool:
        """Tell whether a process that carries this name is this agent's."""
        return name in {self.agent, self.born} and bool(name)


@dataclass(frozen=True, slots=True)
class Forensics:
    """What was found when an agent's process was gone.

    Attributes:
        code: Its exit code, or `signal` that ended it; neither when nobody saw it end.
        crash: It counts towards quarantine.
        reason: In a sentence.
        screen: The rows of its screen.
        lines: The last lines that it printed, at most 200; what full-screen programs draw is
            not among them.
        processes: What else of it still ran, as ``pid command``.
    """

    agent: AgentName
    epoch: int
    at: datetime
    reason: str
    crash: bool
    code: int | None = None
    signal: int | None = None
    screen: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
