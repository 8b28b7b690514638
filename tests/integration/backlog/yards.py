"""Repositories with work left undone, and a desk that takes tasks."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.worktrees.repositories import commit, git

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.tasks import Attempt, MachineName, Task, TaskId, TaskResult, TaskState
from iterm_mcp.services.backlog.scanning import Look
from iterm_mcp.services.backlog.service import Backlog
from iterm_mcp.services.worktrees.service import Worktrees
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from iterm_mcp.models.tasks import TaskSpec
    from iterm_mcp.store import Store

APP = """\
import os


def parse(text):
    # TODO(bob): handle empty text
    return text.split()


def lock():
    # FIXME: this is not safe
    return "TODO: not a comment"
"""
OTHER = "def other():\n    # HACK: because of Python\n    return 1\n"


class Desk:
    """Takes tasks as the engine does: the same key again is the same task."""

    def __init__(self) -> None:
        self.tasks: dict[TaskId, Task] = {}
        self.asked = 0
        self.killed_after: int | None = None

    async def submit_task(self, spec: TaskSpec, submitter: str) -> Task:
        if self.killed_after is not None and self.asked >= self.killed_after:
            raise KilledError
        self.asked += 1
        for one in self.tasks.values():
            if one.spec.key == spec.key:
                return one
        task_id = TaskId(f"t-{len(self.tasks) + 1}")
        at = FakeClock().now()
        self.tasks[task_id] = Task(
            task_id, len(self.tasks), spec, TaskState.QUEUED, at, submitter=submitter
        )
        return self.tasks[task_id]

    async def get(self, task_id: str) -> Task:
        if TaskId(task_id) not in self.tasks:
            raise NotFoundError("task", task_id)
        return self.tasks[TaskId(task_id)]

    def settle(self, task_id: str, state: TaskState, cost: float | None = None) -> None:
        one = self.tasks[TaskId(task_id)]
        attempt = Attempt(
            1, MachineName("here"), 1, one.created_at, result=TaskResult(cost_usd=cost)
        )
        self.tasks[one.task_id] = replace(one, state=state, attempts=(attempt,))


class KilledError(Exception):
    """The submitter is killed."""


@dataclass
class Yard:
    """A repository, the backlog of it, and where its settings stand."""

    repository: Path
    folder: Path
    clock: FakeClock
    worktrees: Worktrees
    store: Store
    desk: Desk = field(default_factory=Desk)

    @property
    def settings(self) -> Path:
        return self.folder / "backlog.toml"

    @property
    def backlog(self) -> Backlog:
        return Backlog(self.store.backlogs, str(self.settings), self.clock)

    def look(self, *paths: str, commit: str = "HEAD", blame: bool = False) -> Look:
        return Look(str(self.repository), commit, paths, blame)

    def commit(self, name: str, text: str, **who: str) -> str:
        if who:
            return commit_as(self.repository, name, text, **who)
        return commit(self.repository, name, text)

    def git(self, *arguments: str) -> str:
        return git(self.repository, *arguments)


def commit_as(repository: Path, name: str, text: str, author: str, at: str) -> str:
    """Commit a file as somebody else, at some time."""
    Path(repository, name).write_text(text)
    git(repository, "add", "--all")
    environ = {
        **os.environ, "GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": f"{author}@example.com",
        "GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at,
    }  # fmt: skip
    asked = ["git", "-C", str(repository), "commit", "--quiet", "-m", f"Change {name}"]
    subprocess.run(asked, env=environ, check=True, timeout=30)
    return git(repository, "rev-parse", "HEAD")


def make_yard(folder: Path, store: Store, clock: FakeClock) -> Yard:
    repository = folder / "app"
    repository.mkdir()
    git(repository, "init", "--quiet", "--initial-branch=main")
    commit(repository, "app.py", APP)
    worktrees = Worktrees(str(folder / "worktrees"), str(folder / "worktrees.toml"), clock)
    return Yard(repository, folder, clock, worktrees, store)
