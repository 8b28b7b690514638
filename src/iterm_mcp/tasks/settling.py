"""An attempt is written down from its claim to its end, by nobody but who holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iterm_mcp.models.tasks import ACTIVE, TASK_MOVES, Outcome, TaskState
from iterm_mcp.tasks.codec import load_spec
from iterm_mcp.tasks.releasing import follow
from iterm_mcp.tasks.retrying import backoff_seconds
from iterm_mcp.tasks.statements import Statement
from iterm_mcp.tasks.submitting import add_tasks
from iterm_mcp.tasks.tables import ATTEMPTS, TASKS, THIS_ATTEMPT
from iterm_mcp.tasks.writing import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.tasks.statements import Record
    from iterm_mcp.tasks.writing import Writer

MOST_LOSSES = 4
"""A task whose attempts were lost so often is dead: it may be what takes machines down."""


_HELD = Statement(sa.select(ATTEMPTS).where(*THIS_ATTEMPT).with_for_update())
_KEEP = Statement(sa.update(ATTEMPTS).where(*THIS_ATTEMPT).returning(*ATTEMPTS.c))
_KEEP_HELD = Statement(
    sa.update(ATTEMPTS)
    .where(
        *THIS_ATTEMPT,
        ATTEMPTS.c.ended_at.is_(None),
        ATTEMPTS.c.machine == sa.bindparam("of_machine"),
        ATTEMPTS.c.epoch == sa.bindparam("of_epoch"),
    )
    .returning(*ATTEMPTS.c)
)
_DUE = Statement(
    sa.select(TASKS)
    .where(TASKS.c.state == TaskState.DELAYED, TASKS.c.not_before <= sa.bindparam("now"))
    .order_by(TASKS.c.not_before)
    .limit(500)
    .with_for_update(skip_locked=True)
)
_NEXT_DUE = Statement(
    sa.select(sa.func.min(TASKS.c.not_before)).where(TASKS.c.state == TaskState.DELAYED)
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Which life of which machine writes; what an attempt was lost by may not write it any more."""

    machine: str
    epoch: int


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt ended, all things considered."""

    outcome: Outcome
    reason: str = ""
    evidence: str = ""


def held(writer: Writer, holder: Holder, task_id: str, number: int) -> Record | None:
    """Return the attempt's row if it still goes on and is the holder's, else None."""
    of = {"of_task": task_id, "of_number": number}
    row = _HELD.one_or_none(writer.connection, of)
    if row is None or row.ended_at is not None:
        return None
    return row if (row.machine, row.epoch) == (holder.machine, holder.epoch) else None


def keep(writer: Writer, task_id: str, number: int, **values: object) -> Record:
    """Write down something of an attempt, and return its row; None if there is none."""
    of = {"of_task": task_id, "of_number": number}
    return _KEEP.one_or_none(writer.connection, of | values)


def keep_held(
    writer: Writer, holder: Holder, task_id: str, number: int, values: Mapping[str, object]
) -> Record | None:
    """Write down something of an attempt, and return its row, if it is `held`; else None."""
    of = {
        "of_task": task_id,
        "of_number": number,
        "of_machine": holder.machine,
        "of_epoch": holder.epoch,
    }
    return _KEEP_HELD.one_or_none(writer.connection, {**of, **values})


def advance(writer: Writer, row: Record, number: int, to: TaskState) -> Record:
    """Bring a task whose attempt goes on to a state, unless it stands there or beyond already."""
    if to in TASK_MOVES[TaskState(row.state)]:
        return writer.move(row, to, attempt=number)
    return row


def settle(writer: Writer, holder: Holder, task_id: str, number: int, end: End) -> None:
    """End an attempt if it is `held`, and bring its task to where that leads.

    Its result is what has been written down as such by then.
    """
    values: dict[str, object] = {
        "ended_at": writer.now,
        "outcome": end.outcome,
        "reason": clean(end.reason),
        "evidence": clean(end.evidence),
    }
    if end.outcome is Outcome.LOST:
        values["result"] = None
    attempt = keep_held(writer, holder, task_id, number, values)
    if attempt is None:
        return
    row = writer.task(task_id)
    if row.state in ACTIVE and row.attempts == number:
        _lead_on(writer, row, end, attempt)


def _lead_on(writer: Writer, row: Record, end: End, attempt: Record) -> None:
    number, result = attempt.number, attempt.result
    outcome = end.outcome
    if row.cancelling and outcome is not Outcome.SUCCEEDED:
        outcome = Outcome.CANCELLED
    if outcome is Outcome.SUCCEEDED:
        if row.state != TaskState.VERIFYING:  # a result that was kept from the attempt before
            row = _verified(writer, row, number)
        settled = writer.move(
            row,
            TaskState.SUCCEEDED,
            attempt=number,
            outcome=end.outcome,
            started=attempt.started_at,
            result=result,
            cancelling="",
        )
    elif outcome is Outcome.CANCELLED:
        reason = row.cancelling or end.reason or "cancelled"
        settled = writer.move(
            row,
            TaskState.CANCELLED,
            reason,
            attempt=number,
            outcome=end.outcome,
            result=result,
            cancelling="",
        )
    elif outcome is Outcome.LOST:
        lost = _lose(writer, row, number, end)
        if lost is None:
            return
        settled = lost
    else:
        dead = _fail(writer, row, number, end, result)
        if dead is None:
            return
        settled = dead
    follow(writer, [settled], add_tasks)


def _verified(writer: Writer, row: Record, number: int) -> Record:
    if row.state == TaskState.STARTING:
        row = writer.move(row, TaskState.RUNNING, attempt=number)
    return writer.move(row, TaskState.VERIFYING, attempt=number)


def _lose(writer: Writer, row: Record, number: int, end: End) -> Record | None:
    losses = row.losses + 1
    if losses < MOST_LOSSES:
        reason = f"attempt {number} was lost: {end.reason}"
        writer.move(
            row, TaskState.QUEUED, reason, attempt=number, outcome=end.outcome, losses=losses
        )
        return None
    reason = f"{losses} attempts were lost with what ran them, the last one: {end.reason}"
    return writer.move(
        row, TaskState.DEAD, reason, attempt=number, outcome=end.outcome, losses=losses
    )


def _fail(writer: Writer, row: Record, number: int, end: End, result: str | None) -> Record | None:
    """Have it tried again later, or return it when it is dead."""
    tries = row.tries + 1
    retry = load_spec(row.spec).retry
    said = f"{end.outcome}: {end.reason}" if end.reason else str(end.outcome)
    if tries >= retry.attempts:
        reason = f"attempt {number} {said}" + (f"; tried {tries} times" if tries > 1 else "")
        return writer.move(
            row,
            TaskState.DEAD,
            reason,
            attempt=number,
            outcome=end.outcome,
            tries=tries,
            result=result,
        )
    wait = backoff_seconds(retry, tries)
    writer.move(
        row,
        TaskState.DELAYED,
        f"attempt {number} {said}; the next one in {wait:g} s",
        attempt=number,
        outcome=end.outcome,
        tries=tries,
        result=result,
        not_before=writer.now + wait,
    )
    return None


def queue_due(writer: Writer) -> int:
    """Queue what was delayed until now; return how many they were."""
    rows = _DUE.all(writer.connection, {"now": writer.now})
    for row in rows:
        writer.move(row, TaskState.QUEUED, row.reason)
    return len(rows)


def next_due(writer: Writer) -> float | None:
    """Return when the next delayed task is due; None when none is delayed."""
    found: float | None = _NEXT_DUE.scalar(writer.connection)
    return found
