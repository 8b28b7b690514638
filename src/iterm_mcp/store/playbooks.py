"""Runs of playbooks, and the journal of their steps."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import NotFoundError, StoreError
from iterm_mcp.models.playbooks import Known, Run, RunId, RunState, StepRecord, StepState
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from iterm_mcp.store.database import Database

RUN_COLUMNS = (
    "run_id, name, document, variables, state, reason, started_by, known, created_at, updated_at"
)

# A new run, or what has become of it.
UPSERT_RUN = f"""
    INSERT INTO playbook_runs ({RUN_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (run_id) DO UPDATE SET state = excluded.state, reason = excluded.reason,
        started_by = excluded.started_by, known = excluded.known, updated_at = excluded.updated_at
"""  # noqa: S608
# One run.
SELECT_RUN = f"SELECT {RUN_COLUMNS} FROM playbook_runs WHERE run_id = ?"  # noqa: S608
# All runs, the newest first.
SELECT_RUNS = f"SELECT {RUN_COLUMNS} FROM playbook_runs ORDER BY created_at DESC"  # noqa: S608
# Runs that are too many, the oldest of those that have come to an end.
DELETE_OLD = """
    DELETE FROM playbook_runs WHERE run_id IN (
        SELECT run_id FROM playbook_runs WHERE state IN ('done', 'failed', 'cancelled')
        ORDER BY created_at DESC LIMIT -1 OFFSET ?
    )
"""
# A step that begins, or has come further.
UPSERT_STEP = """
    INSERT INTO playbook_steps (run_id, number, state, detail, started_at, ended_at)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (run_id, number) DO UPDATE SET state = excluded.state, detail = excluded.detail,
        started_at = excluded.started_at, ended_at = excluded.ended_at
"""
# The journal of a run.
SELECT_STEPS = """
    SELECT number, state, detail, started_at, ended_at FROM playbook_steps WHERE run_id = ?
    ORDER BY number
"""

MOST_RUNS = 200
"""So many runs that have come to an end are kept, the newest."""


class PlaybookStore:
    """What was run, and how far it has come. What is written is safe when a call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, run: Run, *steps: StepRecord) -> None:
        """Keep a run as it stands, and steps of it, at one go."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                UPSERT_RUN,
                (
                    run.run_id, run.name, run.document, json.dumps(dict(run.variables)),
                    run.state, run.reason, run.caller, json.dumps(asdict(run.known)),
                    to_text(run.created_at), to_text(run.updated_at),
                ),
            )  # fmt: skip
            for step in steps:
                ended_at = None if step.ended_at is None else to_text(step.ended_at)
                connection.execute(
                    UPSERT_STEP,
                    (
                        run.run_id, step.number, step.state, json.dumps(dict(step.detail)),
                        to_text(step.started_at), ended_at,
                    ),
                )  # fmt: skip
            connection.execute(DELETE_OLD, (MOST_RUNS,))

        await self._database.write(work)

    async def find(self, run_id: RunId) -> tuple[Run, tuple[StepRecord, ...]]:
        """Return a run with its journal.

        Raises:
            NotFoundError: There is none, or none any more.
            StoreError: It cannot be read.
        """

        def work(connection: sqlite3.Connection) -> tuple[Run, tuple[StepRecord, ...]]:
            row = connection.execute(SELECT_RUN, (run_id,)).fetchone()
            if row is None:
                raise NotFoundError("run", run_id, hint="Ask for the status of all of them.")
            steps = connection.execute(SELECT_STEPS, (run_id,))
            return _run(row), tuple(_step(one) for one in steps)

        return await self._database.read(work)

    async def list(self) -> tuple[Run, ...]:
        """Return all runs, the newest first."""

        def work(connection: sqlite3.Connection) -> tuple[Run, ...]:
            return tuple(_run(row) for row in connection.execute(SELECT_RUNS))

        return await self._database.read(work)


def _run(row: Sequence[Any]) -> Run:
    run_id, name, document, variables, state, reason, caller, known, created_at, updated_at = row
    try:
        return Run(
            run_id=RunId(run_id),
            name=name,
            document=document,
            variables=json.loads(variables),
            state=RunState(state),
            reason=reason,
            caller=caller,
            known=Known(**json.loads(known)),
            created_at=from_text(created_at),
            updated_at=from_text(updated_at),
        )
    except (ValueError, TypeError) as error:
        raise StoreError(f"the run {run_id!r} cannot be read: {error}") from None


def _step(row: Sequence[Any]) -> StepRecord:
    number, state, detail, started_at, ended_at = row
    return StepRecord(
        number,
        StepState(state),
        json.loads(detail),
        from_text(started_at),
        None if ended_at is None else from_text(ended_at),
    )
