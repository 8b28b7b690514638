"""What the engine asks of those who can open sessions and start agents.

Each step may be asked for again with the same attempt, after a kill at any moment: it finds what is
there and goes on. Each either returns or raises; none waits without a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from datetime import datetime

    from iterm_mcp.models.tasks import Outcome, TaskId, TaskResult, TaskSpec


@dataclass(frozen=True, slots=True)
class Order:
    """One attempt that is to be worked on.

    Attributes:
        number: Of the attempt, from 1.
        spec: What is asked for, with values of needed results put in.
        inputs: Results of the tasks that it needs, by the name by which it needs them.
        deadline: When it must have ended; the same after every restart.
        origin: The attempt whose run it goes on with, as it was forked off that; 0 for its own.
    """

    task_id: TaskId
    number: int
    spec: TaskSpec
    inputs: Mapping[str, TaskResult]
    deadline: datetime
    origin: int = 0

    @property
    def attempt_id(self) -> str:
        """Return the name under which everything that it opens is known."""
        return f"{self.task_id}~{self.origin or self.number}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt works.

    Attributes:
        directory: Absolute.
        worktree: The name of its worktree; empty for none.
    """

    directory: str
    worktree: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """What works on an attempt.

    Attributes:
        agent: The agent's name; empty for a command.
        session_id: Empty for an agent without a screen.
        started: What names the run itself: the delivery of the prompt, or the run of the command.
    """

    session_id: str
    agent: str = ""
    started: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended, before anything was held against what was asked for.

    Attributes:
        outcome: ``succeeded`` is only what the command or agent says of itself.
        reason: Why, in a sentence; empty for ``succeeded``.
        question: What a person has to answer before it can go on; then nothing has ended yet.
    """

    outcome: Outcome
    reason: str = ""
    exit_code: int | None = None
    question: str = ""


class Work(Protocol):
    """Does what an attempt consists of, in this order."""

    async def prepare(self, order: Order) -> Place:
        """Make the worktree, or check the directory.

        Raises:
            ItermMcpError: It cannot be had; the attempt has failed.
        """

    async def begin(self, order: Order, place: Place) -> Running:
        """Open the session, start the agent or the command, and tell it what to do.

        Raises:
            ItermMcpError: It cannot be; the attempt has failed.
        """

    async def supervise(
        self, order: Order, place: Place, running: Running, beat: Callable[[], Awaitable[bool]]
    ) -> Ending:
        """Watch until it ends, asks, stalls, goes over a limit or its deadline.

        Args:
            beat: To be called at least every few seconds; false when the attempt is to be ended
                (it was cancelled, or its machine is not trusted any more).
        """

    async def answer(self, order: Order, running: Running, text: str) -> None:
        """Hand on what a person answered.

        Raises:
            ItermMcpError: It cannot be; the question stands.
        """

    async def collect(
        self, order: Order, place: Place, running: Running, ending: Ending
    ) -> TaskResult:
        """Gather result, files, patch, cost and recording, and hold them against what was asked.

        The result's ``problems`` say what was not found to be so.
        """

    async def clean(self, order: Order, place: Place | None, *, outcome: Outcome) -> str:
        """Close all that the attempt opened, whoever opened it and however far it got.

        Its worktree stays while it holds commits or changes that are nowhere else.

        Returns:
            The folder with what was kept of a failure; empty when it did not fail.
        """

    async def forget(self, attempt_ids: Iterable[str]) -> None:
        """Remove what is kept of attempts that have been cleaned up after: results, evidence.

        What was salvaged of a worktree stays where it is.

        Raises:
            ItermMcpError: Something cannot be removed now.
        """
