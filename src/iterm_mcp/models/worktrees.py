"""Worktrees of git repositories, each made for one piece of work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

WorktreeName = NewType("WorktreeName", str)
"""Unlike any other of the same user's, whatever the repository."""


class WorktreeState(StrEnum):
    """How a worktree stands."""

    CREATING = "creating"
    """It is being made, or was when its maker was killed; then it is made anew."""
    READY = "ready"
    SETUP_FAILED = "setup_failed"
    """It is there, but a command of its set-up failed."""
    CONFLICTED = "conflicted"
    """A merge or a rebase waits in it for somebody to settle conflicts."""
    REMOVING = "removing"
    """It is kept under its salvage reference, and its files go; or its remover was killed."""
    REMOVED = "removed"
    """It is gone; all that was in it is kept under its salvage reference."""


class Joining(StrEnum):
    """How commits of two branches are brought together."""

    MERGE = "merge"
    REBASE = "rebase"
    SQUASH = "squash"


@dataclass(frozen=True, slots=True)
class Worktree:
    """A worktree, as it is written down.

    Attributes:
        repository: The repository's git folder, which all of its worktrees share.
        base_branch: The branch it was made from; empty where it was made from a bare commit.
        base_commit: Where that stood then.
        owner: Whose work it is: an agent, a task or a person.
        problem: What went wrong last; empty when nothing did.
        conflicts: Files in which both sides changed the same lines.
        joining: What waits for those files.
        salvage: The reference that keeps what was in it; empty while it is there.
    """

    name: WorktreeName
    repository: str
    path: str
    branch: str
    base_branch: str
    base_commit: str
    owner: str
    state: WorktreeState
    created_at: datetime
    problem: str = ""
    conflicts: tuple[str, ...] = ()
    joining: Joining | None = None
    salvage: str = ""


@dataclass(frozen=True, slots=True)
class WorktreeFacts:
    """A worktree, as it is found.

    Attributes:
        head: Its commit; empty when it is gone.
        ahead: Commits that its base branch does not have.
        behind: Commits of its base branch that it does not have.
        changed: Files with changes that are in no commit, new ones included.
        merged: Why its commits are safe elsewhere; empty when they are not.
        users: Processes that have their directory in it, as ``pid name``.
        size_bytes: Of its own files; what git shares between worktrees does not count.
        kept_because: Why it is not removed without force; empty when it may be.
    """

    worktree: Worktree
    head: str = ""
    ahead: int = 0
    behind: int = 0
    changed: int = 0
    merged: str = ""
    users: tuple[str, ...] = ()
    size_bytes: int = 0
    kept_because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorktreeTally:
    """How many worktrees there are, and what they take together.

    Attributes:
        states: Of those that are not removed; states without any are left out.
        size_bytes: On the disk, with all that lies between them; it may be minutes old.
    """

    states: Mapping[WorktreeState, int]
    size_bytes: int
