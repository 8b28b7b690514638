"""What is left undone in a repository, as its comments say, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

from iterm_mcp.models.tasks import TaskState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.tasks import TaskId, TaskSpec

MarkId = NewType("MarkId", str)
"""Of one mark in one repository; it stays when lines, or whole files, move."""

FAILED = frozenset({TaskState.DEAD, TaskState.CANCELLED, TaskState.SKIPPED})

BACKLOG = "backlog"
"""The kind of work that the tasks made from marks are."""


class Where(StrEnum):
    """What a word stands in."""

    COMMENT = "comment"
    """A comment, or a text that documents what follows it."""
    TEXT = "text"
    """A file of prose, or in a language that we do not know."""
    STRING = "string"
    CODE = "code"


class Grouping(StrEnum):
    """Which marks one task is about."""

    MARK = "mark"
    """Each has a task of its own."""
    FILE = "file"
    OWNER = "owner"


class Order(StrEnum):
    """Which marks come first."""

    OLDEST = "oldest"
    NEWEST = "newest"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class Mark:
    """A word such as ``TODO``, and what it says.

    Attributes:
        tag: The word itself.
        text: What follows it on its line.
        path: From the top of the repository.
        line: From 1.
        named: Who, or what, is named behind the word: ``TODO(ann)``; empty for nobody.
        before, after: Lines around it.
        function: The first line of what it stands in, as far as that can be seen; or empty.
        content: A digest of what it says, wherever it stands.
        place: A digest of what is next to it.
        author: Who wrote the line; empty when that is not known.
        written_at: When; None when that is not known.
        commit: In which commit; empty when that is not known.
    """

    mark_id: MarkId
    tag: str
    text: str
    path: str
    line: int
    where: Where
    content: str
    place: str
    named: str = ""
    own_line: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    function: str = ""
    author: str = ""
    author_mail: str = ""
    written_at: datetime | None = None
    commit: str = ""

    @property
    def owner(self) -> str:
        """Whose it is: who is named, else who wrote it."""
        return self.named or self.author


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found in one commit of a repository.

    Attributes:
        repository: The git folder that all its worktrees share.
        top: The top of the checkout from which it was asked for.
        skipped: How many files were not looked at, by the reason.
        left_out: Marks beyond the most that are kept.
        unblamed: Marks of which nobody knows who wrote them.
    """

    repository: str
    top: str
    commit: str
    at: datetime
    marks: tuple[Mark, ...]
    files: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    left_out: int = 0
    unblamed: int = 0


@dataclass(frozen=True, slots=True)
class KnownMark:
    """A mark for which there is a task, or is about to be one.

    Attributes:
        key: Of the task; marks of one task have the same.
        task_id: Empty until the task was accepted.
        commit: The commit in which it was found.
    """

    repository: str
    mark_id: MarkId
    content: str
    place: str
    path: str
    tag: str
    text: str
    key: str
    commit: str
    noted_at: datetime
    task_id: TaskId


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task that is about to be asked for.

    Attributes:
        cost_usd: What it will probably cost; None is not known.
    """

    marks: tuple[Mark, ...]
    spec: TaskSpec
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be asked for.

    Attributes:
        tests: Commands that must pass before and after.
        submitted: Marks that have a task already.
        beyond: Marks for which there is no room in this batch, by the limit that keeps them out.
    """

    scan: Scan
    tasks: tuple[PlannedTask, ...]
    tests: tuple[str, ...]
    submitted: int = 0
    beyond: Mapping[str, int] = field(default_factory=dict)

    @property
    def cost_usd(self) -> float | None:
        """What all of it will probably cost; None is not known."""
        costs = [one.cost_usd for one in self.tasks if one.cost_usd is not None]
        return sum(costs) if len(costs) == len(self.tasks) else None


@dataclass(frozen=True, slots=True)
class Baseline:
    """Whether a repository's tests pass before anything is changed.

    Attributes:
        problem: Which command failed, with the end of what it said; empty when all passed.
    """

    repository: str
    commit: str
    commands: tuple[str, ...]
    problem: str
    seconds: float
    at: datetime

    @property
    def passed(self) -> bool:
        """Whether every command ended with 0."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class MarkProgress:
    """How far the task of a mark has come.

    Attributes:
        state: None when its task is not known any more.
        reason: Why it waits, or failed.
        cost_usd: Its share of what the task's attempts cost so far.
        gone: The mark is not in the commit that was last looked at.
    """

    known: KnownMark
    state: TaskState | None
    reason: str = ""
    cost_usd: float | None = None
    gone: bool = False

    @property
    def failed(self) -> bool:
        """Whether its task came to an end without doing it."""
        return self.state in FAILED


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a repository's backlog has come.

    Attributes:
        left: Marks that have no task.
        unpriced: Tasks of which nobody knows what they cost.
    """

    repository: str
    commit: str
    marks: tuple[MarkProgress, ...]
    done: int
    failed: int
    running: int
    waiting: int
    gone: int
    left: int
    cost_usd: float
    unpriced: int
