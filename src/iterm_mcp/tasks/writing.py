"""The one place where a task is moved from state to state."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.task_queries import TaskChange
from iterm_mcp.models.tasks import ACTIVE, SETTLED, TASK_MOVES, GraphId, TaskId, TaskState
from iterm_mcp.tasks.codec import time_of
from iterm_mcp.tasks.statements import Record, Statement
from iterm_mcp.tasks.tables import ATTEMPTS, MOVES, TASKS, THIS_ATTEMPT

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from iterm_mcp.models.tasks import Outcome

_TASK = Statement(
    sa.select(TASKS).where(TASKS.c.task_id == sa.bindparam("of_task")).with_for_update()
)
_MOVE = Statement(
    sa.update(TASKS)
    .where(TASKS.c.task_id == sa.bindparam("of_task"), TASKS.c.state == sa.bindparam("before"))
    .returning(*TASKS.c)
)
_RECORD = Statement(sa.insert(MOVES).returning(MOVES.c.move_id))
_STARTED = Statement(sa.select(ATTEMPTS.c.started_at).where(*THIS_ATTEMPT))

MOST_REASON_CHARACTERS = 2000
_CUT = "…"


class IllegalMoveError(RuntimeError):
    """A task was to be moved as no task may be: a bug."""


def new_id(kind: str) -> str:
    """Return an id that is unlike any other."""
    return f"{kind}-{secrets.token_hex(8)}"


def clean(text: str) -> str:
    """Return a text as every database takes it, and no longer than a reason may be."""
    text = text.replace("\0", "").encode("utf-8", "replace").decode()
    if len(text) <= MOST_REASON_CHARACTERS:
        return text
    return text[: MOST_REASON_CHARACTERS - len(_CUT)] + _CUT


@dataclass(slots=True)
class Writer:
    """A transaction in which tasks are moved.

    Attributes:
        now: The same for all that is written in it.
        changes: What has been moved, to be told once it is committed.
    """

    connection: Connection
    now: float
    changes: list[TaskChange] = field(default_factory=list)

    def task(self, task_id: str) -> Record:
        """Return a task's row, which nobody else writes until this is committed.

        Raises:
            NotFoundError: There is no such task.
        """
        row = self.find(task_id)
        if row is None:
            raise NotFoundError("task", task_id, hint="List tasks to see which there are.")
        return row

    def find(self, task_id: str) -> Record | None:
        """Return a task's row as `task` does; None if there is no such task."""
        return _TASK.one_or_none(self.connection, {"of_task": task_id})

    def move(
        self,
        row: Record,
        to: TaskState,
        reason: str = "",
        *,
        attempt: int = 0,
        outcome: Outcome | None = None,
        started: float | None = None,
        **values: object,
    ) -> Record:
        """Bring a task from where it stands in `row` to another state, and write down that it was.

        Args:
            outcome: Of the attempt, where it has ended.
            started: When that was started, where it is at hand.
            values: Of further columns.

        Raises:
            IllegalMoveError: No task may go this way, or it stands elsewhere by now.
        """
        before = TaskState(row.state)
        if to not in TASK_MOVES[before]:
            raise IllegalMoveError(f"task {row.task_id} cannot go from {before} to {to}")
        reason = clean(reason)
        values = {"question": "", **values}
        if to is TaskState.QUEUED:
            values.setdefault("queued_at", self.now)
        if to is not TaskState.DELAYED:
            values.setdefault("not_before", None)
        moved = _MOVE.one_or_none(
            self.connection,
            {
                "of_task": row.task_id,
                "before": before,
                "state": to,
                "reason": reason,
                "settled_at": self.now if to in SETTLED else None,
                **values,
            },
        )
        if moved is None:
            raise IllegalMoveError(f"task {row.task_id} is not {before} any more")
        self.record(row, to, reason, attempt, outcome=outcome, took=self._took(row, to, started))
        return moved

    def record(
        self,
        row: Record,
        state: TaskState,
        reason: str,
        attempt: int = 0,
        *,
        outcome: Outcome | None = None,
        took: float | None = None,
    ) -> None:
        """Write down that a task has come to a state.

        Args:
            outcome, took: See `TaskChange`; they are told alone.
        """
        change_id = _RECORD.scalar(
            self.connection,
            {
                "task_id": row.task_id,
                "state": state,
                "at": self.now,
                "reason": reason,
                "attempt": attempt,
            },
        )
        self.changes.append(
            TaskChange(
                change_id=change_id,
                task_id=TaskId(row.task_id),
                graph=GraphId(row.graph),
                name=row.name,
                kind=row.kind,
                team=row.team,
                state=state,
                at=time_of(self.now),
                reason=reason,
                attempt=attempt,
                outcome=outcome,
                waited_seconds=(
                    max(0.0, self.now - row.queued_at) if state is TaskState.STARTING else None
                ),
                took_seconds=took,
            )
        )

    def _took(self, row: Record, to: TaskState, started: float | None) -> float | None:
        """Return how long ago a task was first started that settles now; None if it never was.

        What came before it was tried anew is another story.
        """
        runs = row.tries + row.losses + (row.state in ACTIVE)
        if to not in SETTLED or not runs:
            return None
        if runs > 1 or started is None:
            first = {"of_task": row.task_id, "of_number": row.attempts - runs + 1}
            started = _STARTED.scalar(self.connection, first)
        return None if started is None else max(0.0, self.now - started)
