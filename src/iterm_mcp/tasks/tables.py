"""The tables in which tasks are written down; the record of truth for all of them.

Times are seconds since 1970. Texts that callers give stand in columns of their own only where they
are searched or counted by; all else is in the JSON of the spec.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
)

VERSION = 1
"""Of the schema; a database with a later one is refused."""

METADATA = MetaData()

# SQLite counts by itself only in a column of exactly this type.
_Number = BigInteger().with_variant(Integer, "sqlite")

VERSIONS = Table("task_schema", METADATA, Column("version", Integer, primary_key=True))

MACHINES = Table(
    "machines",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("labels", Text, nullable=False),
    Column("beat_at", Double, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("draining", Boolean, nullable=False),
    Column("closed", Boolean, nullable=False),  # its last life ended in good order
)

GRAPHS = Table(
    "graphs",
    METADATA,
    Column("graph_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("on_failure", Text, nullable=False),
    Column("key", Text, unique=True),
    Column("submitter", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("compensates", Boolean, nullable=False),  # some task makes another one undone
)

TASKS = Table(
    "tasks",
    METADATA,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("task_id", Text, nullable=False, unique=True),
    Column("graph", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("compensates", Text, nullable=False),
    Column("words", Text, nullable=False),  # name and prompt, lower case, as far as is searched
    Column("key", Text, unique=True),
    Column("spec", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("cancelling", Text, nullable=False),  # who asked it to end, and why
    Column("result", Text),
    Column("submitter", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("queued_at", Double, nullable=False),
    Column("not_before", Double),
    Column("settled_at", Double),
    Column("tries", Integer, nullable=False),  # failed attempts that count against its retries
    Column("losses", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),  # the last one's number
    Column("fork_step", Text, nullable=False),  # the next attempt keeps what came before it
    Index("tasks_by_state", "state", "number"),
    Index("tasks_by_graph", "graph"),
    sqlite_autoincrement=True,
)

TASKS_BY_KIND = Index("tasks_by_kind", TASKS.c.state, TASKS.c.kind)
"""All tasks are counted by it alone, again and again; databases from before it are given it."""

NEEDS = Table(
    "needs",
    METADATA,
    Column("task_id", Text, ForeignKey(TASKS.c.task_id, ondelete="CASCADE"), primary_key=True),
    Column("need", Text, primary_key=True),  # the name by which it is needed
    Column("need_id", Text, nullable=False),
    Index("needs_by_needed", "need_id"),
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("task_id", Text, ForeignKey(TASKS.c.task_id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("origin", Integer, nullable=False),  # whose run it goes on with; its own number usually
    Column("machine", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("deadline", Double, nullable=False),
    Column("place", Text),
    Column("running", Text),
    Column("ending", Text),
    Column("beat_at", Double),
    Column("ended_at", Double),
    Column("outcome", Text),
    Column("reason", Text, nullable=False),
    Column("result", Text),
    Column("evidence", Text, nullable=False),
    Column("crashes", Integer, nullable=False),  # of the engine, since it last went on
    Column("cleaned", Boolean, nullable=False),
    Index("attempts_by_start", "started_at"),
    Index("attempts_by_machine", "machine", "ended_at"),
)

THIS_ATTEMPT = (
    ATTEMPTS.c.task_id == bindparam("of_task"),
    ATTEMPTS.c.number == bindparam("of_number"),
)
"""What an attempt is found by, in statements that are built once."""

MOVES = Table(
    "moves",
    METADATA,
    Column("move_id", _Number, primary_key=True, autoincrement=True),
    Column("task_id", Text, ForeignKey(TASKS.c.task_id, ondelete="CASCADE"), nullable=False),
    Column("state", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Index("moves_by_task", "task_id", "move_id"),
    sqlite_autoincrement=True,
)

ANSWERS = Table(
    "answers",
    METADATA,
    Column("answer_id", _Number, primary_key=True, autoincrement=True),
    Column("task_id", Text, ForeignKey(TASKS.c.task_id, ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("question", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("given_at", Double),
    Index("answers_by_task", "task_id", "attempt"),
    sqlite_autoincrement=True,
)

FORGOTTEN = Table(
    "forgotten",
    METADATA,
    Column("task_id", Text, primary_key=True),  # of one that was purged
    Column("number", Integer, primary_key=True),
    Column("machine", Text, primary_key=True),  # that keeps something of this attempt
    Column("spec", Text),  # where what it opened may be open still
    Index("forgotten_by_machine", "machine", "task_id", "number"),
)

PAUSES = Table(
    "pauses",
    METADATA,
    Column("scope", Text, primary_key=True),
    Column("who", Text, nullable=False),
    Column("at", Double, nullable=False),
)

SCHEDULES = Table(
    "schedules",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("graph", Text, nullable=False),
    Column("cron", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("next_at", Double),
    Column("last_graph", Text, nullable=False),
    Index("schedules_by_time", "next_at"),
)
