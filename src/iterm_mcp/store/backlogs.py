"""Which marks of repositories have tasks, and whether tests passed before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iterm_mcp.models.backlog import Baseline, KnownMark, MarkId
from iterm_mcp.models.tasks import TaskId
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from iterm_mcp.store.database import Database

# A mark that is about to have a task, if it has none.
INSERT_MARK = """
    INSERT INTO backlog_marks (
        repository, mark_id, content, place, path, tag, text, key, commit_id, noted_at, task_id
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
# The task of all marks with a key.
UPDATE_TASK = "UPDATE backlog_marks SET task_id = ? WHERE repository = ? AND key = ?"
# How a mark reads, and what is next to it, where it was found last.
UPDATE_SIGHT = """
    UPDATE backlog_marks SET place = ?, path = ? WHERE repository = ? AND mark_id = ?
"""
# Marks that are to have another task, if they still have that one.
RENEW_MARKS = """
    UPDATE backlog_marks SET key = ?, task_id = '' WHERE repository = ? AND task_id = ?
"""
# All marks of a repository.
SELECT_MARKS = """
    SELECT repository, mark_id, content, place, path, tag, text, key, commit_id, noted_at, task_id
    FROM backlog_marks WHERE repository = ? ORDER BY noted_at, mark_id
"""
# How tests went in a commit; the newest run counts.
UPSERT_BASELINE = """
    INSERT OR REPLACE INTO backlog_baselines (
        repository, commit_id, commands, problem, seconds, at
    ) VALUES (?, ?, ?, ?, ?, ?)
"""
# How they went.
SELECT_BASELINE = """
    SELECT problem, seconds, at FROM backlog_baselines
    WHERE repository = ? AND commit_id = ? AND commands = ?
"""


class BacklogStore:
    """Keeps which marks have tasks, by repository."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def marks(self, repository: str) -> tuple[KnownMark, ...]:
        """Return the marks that have, or are about to have, a task; the oldest first."""

        def work(connection: sqlite3.Connection) -> tuple[KnownMark, ...]:
            return tuple(_mark(*row) for row in connection.execute(SELECT_MARKS, (repository,)))

        return await self._database.read(work)

    async def note(self, marks: Iterable[KnownMark]) -> None:
        """Note marks for which a task is about to be asked for; those that have one keep it."""
        rows = [
            (
                *(one.repository, one.mark_id, one.content, one.place, one.path, one.tag),
                *(one.text, one.key, one.commit, to_text(one.noted_at), one.task_id),
            )
            for one in marks
        ]
        await self._database.write(lambda connection: connection.executemany(INSERT_MARK, rows))

    async def accepted(self, repository: str, tasks: Mapping[str, TaskId]) -> None:
        """Note the tasks that were accepted, by their key."""
        rows = [(task_id, repository, key) for key, task_id in tasks.items()]
        await self._database.write(lambda connection: connection.executemany(UPDATE_TASK, rows))

    async def seen(self, repository: str, sights: Mapping[MarkId, tuple[str, str]]) -> None:
        """Note where marks stand now: the digest of what is next to each, and its path.

        The path of one that is gone is empty.
        """
        rows = [(*sight, repository, mark_id) for mark_id, sight in sights.items()]
        await self._database.write(lambda connection: connection.executemany(UPDATE_SIGHT, rows))

    async def renew(self, repository: str, keys: Mapping[TaskId, str]) -> None:
        """Let the marks of tasks have others, by the keys that these will have."""
        rows = [(key, repository, task_id) for task_id, key in keys.items()]
        await self._database.write(lambda connection: connection.executemany(RENEW_MARKS, rows))

    async def keep_baseline(self, baseline: Baseline) -> None:
        """Note how tests went."""
        values = (
            *(baseline.repository, baseline.commit, json.dumps(baseline.commands)),
            *(baseline.problem, baseline.seconds, to_text(baseline.at)),
        )
        await self._database.write(lambda connection: connection.execute(UPSERT_BASELINE, values))

    async def baseline(
        self, repository: str, commit: str, commands: tuple[str, ...]
    ) -> Baseline | None:
        """Return how tests went in a commit; None when they were not run there."""

        def work(connection: sqlite3.Connection) -> Baseline | None:
            asked = (repository, commit, json.dumps(commands))
            row = connection.execute(SELECT_BASELINE, asked).fetchone()
            if row is None:
                return None
            problem, seconds, at = row
            return Baseline(repository, commit, commands, problem, seconds, from_text(at))

        return await self._database.read(work)


def _mark(
    repository: str,
    mark_id: str,
    content: str,
    place: str,
    path: str,
    tag: str,
    text: str,
    key: str,
    commit: str,
    noted_at: str,
    task_id: str,
) -> KnownMark:
    return KnownMark(
        repository, MarkId(mark_id), content, place, path, tag, text, key, commit,
        from_text(noted_at), TaskId(task_id),
    )  # fmt: skip
