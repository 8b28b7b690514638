"""The shape of the database, step by step. A step that was released never changes.

``user_version`` counts the steps a file has seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.errors import StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


def create_agents_and_teams(connection: sqlite3.Connection) -> None:
    """Add agents, the forest of teams, and who is a member of what.

    There are no cycles: who changes a team's parent looks first, see `AgentStore.move_team`.
    """
    connection.execute("""
        CREATE TABLE teams (
            name TEXT PRIMARY KEY,
            parent TEXT REFERENCES teams (name) CHECK (parent <> name),
            description TEXT NOT NULL,
            created_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("""
        CREATE TABLE agents (
            name TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            session_id TEXT NOT NULL UNIQUE,
            role TEXT NOT NULL,
            created_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("""
        CREATE TABLE memberships (
            agent TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
            team TEXT NOT NULL REFERENCES teams (name),
            PRIMARY KEY (agent, team)
        ) STRICT, WITHOUT ROWID
    """)


def create_cascades(connection: sqlite3.Connection) -> None:
    """Add the idempotency keys of cascades with the results that answer a repetition."""
    connection.execute("""
        CREATE TABLE cascades (
            idempotency_key TEXT PRIMARY KEY,
            request_hash TEXT NOT NULL,
            result TEXT NOT NULL,
            expires_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("CREATE INDEX cascades_by_expiry ON cascades (expires_at)")


def create_locks(connection: sqlite3.Connection) -> None:
    """Add the locks of sessions, and those that were broken for as long as that matters."""
    connection.execute("""
        CREATE TABLE locks (
            session_id TEXT NOT NULL,
            lock_id TEXT NOT NULL,
            owner TEXT NOT NULL,
            note TEXT NOT NULL,
            lifetime_seconds REAL NOT NULL,
            expires_at TEXT NOT NULL,
            broken_by TEXT,
            broken_reason TEXT,
            broken_at TEXT,
            PRIMARY KEY (session_id, lock_id)
        ) STRICT, WITHOUT ROWID
    """)


def create_layouts(connection: sqlite3.Connection) -> None:
    """Add saved layouts; what they hold is JSON."""
    connection.execute("""
        CREATE TABLE layouts (
            name TEXT PRIMARY KEY,
            content TEXT NOT NULL,
            saved_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)


def create_triggers(connection: sqlite3.Connection) -> None:
    """Add triggers, and the sessions whose output is logged."""
    connection.execute("""
        CREATE TABLE triggers (
            trigger_id TEXT PRIMARY KEY,
            session_id TEXT NOT NULL,
            pattern TEXT NOT NULL,
            act TEXT NOT NULL,
            target TEXT NOT NULL,
            text TEXT NOT NULL,
            enter INTEGER NOT NULL,
            ignore_case INTEGER NOT NULL,
            per_minute INTEGER NOT NULL,
            stopped TEXT NOT NULL
        ) STRICT
    """)
    connection.execute("""
        CREATE TABLE output_logs (
            session_id TEXT PRIMARY KEY,
            cursor TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)


def give_triggers_locks(connection: sqlite3.Connection) -> None:
    """Let a trigger show a lock."""
    connection.execute("ALTER TABLE triggers ADD COLUMN lock_id TEXT")


def create_observations(connection: sqlite3.Connection) -> None:
    """Add the ledger of what was seen of agents, and which life each of them is in.

    It outlasts the agents' own rows: a name that is given anew goes on counting its lives.
    """
    connection.execute("""
        CREATE TABLE observations (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            agent TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            fact TEXT NOT NULL,
            source TEXT NOT NULL,
            value TEXT NOT NULL,
            evidence TEXT NOT NULL,
            at TEXT NOT NULL
        ) STRICT
    """)
    connection.execute("CREATE INDEX observations_by_agent ON observations (agent, number)")
    connection.execute("""
        CREATE TABLE agent_epochs (
            agent TEXT PRIMARY KEY,
            epoch INTEGER NOT NULL,
            begun_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)


def create_deliveries(connection: sqlite3.Connection) -> None:
    """Add messages on their way to agents, and the history of each.

    A sender's key holds once per agent.
    """
    connection.execute("""
        CREATE TABLE deliveries (
            delivery_id TEXT PRIMARY KEY,
            agent TEXT NOT NULL,
            session_id TEXT NOT NULL,
            text TEXT NOT NULL,
            policy TEXT NOT NULL,
            priority INTEGER NOT NULL,
            accepted_at TEXT NOT NULL,
            not_after TEXT NOT NULL,
            sender_key TEXT NOT NULL,
            request_hash TEXT NOT NULL,
            sender TEXT NOT NULL,
            epoch INTEGER,
            details TEXT NOT NULL,
            stage TEXT NOT NULL,
            stage_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("""
        CREATE UNIQUE INDEX deliveries_by_key ON deliveries (agent, sender_key)
        WHERE sender_key <> ''
    """)
    connection.execute("CREATE INDEX deliveries_by_stage ON deliveries (stage, stage_at)")
    connection.execute("CREATE INDEX deliveries_by_agent ON deliveries (agent, accepted_at)")
    connection.execute("""
        CREATE TABLE delivery_moves (
            delivery_id TEXT NOT NULL REFERENCES deliveries (delivery_id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            stage TEXT NOT NULL,
            at TEXT NOT NULL,
            reason TEXT NOT NULL,
            evidence TEXT NOT NULL,
            PRIMARY KEY (delivery_id, number)
        ) STRICT, WITHOUT ROWID
    """)


def create_notes_and_results(connection: sqlite3.Connection) -> None:
    """Add notes with their full-text index, and what agents publish.

    A note's version is its row's number, which SQLite never uses again. A new version is a new
    row, so the index follows with two triggers.
    """
    connection.execute("""
        CREATE TABLE notes (
            version INTEGER PRIMARY KEY AUTOINCREMENT,
            namespace TEXT NOT NULL,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            author TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            UNIQUE (namespace, key)
        ) STRICT
    """)
    connection.execute("""
        CREATE VIRTUAL TABLE notes_text
        USING fts5 (key, value, content = 'notes', content_rowid = 'version')
    """)
    connection.execute("""
        CREATE TRIGGER notes_added AFTER INSERT ON notes BEGIN
            INSERT INTO notes_text (rowid, key, value) VALUES (new.version, new.key, new.value);
        END
    """)
    connection.execute("""
        CREATE TRIGGER notes_removed AFTER DELETE ON notes BEGIN
            INSERT INTO notes_text (notes_text, rowid, key, value)
            VALUES ('delete', old.version, old.key, old.value);
        END
    """)
    connection.execute("""
        CREATE TABLE results (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            author TEXT NOT NULL,
            name TEXT NOT NULL,
            form TEXT NOT NULL,
            content TEXT NOT NULL,
            team TEXT,
            size INTEGER NOT NULL,
            created_at TEXT NOT NULL,
            modified_at TEXT
        ) STRICT
    """)
    connection.execute("CREATE INDEX results_by_author ON results (author, number)")


def create_roles(connection: sqlite3.Connection) -> None:
    """Add what agents of a role may do; it is JSON."""
    connection.execute("""
        CREATE TABLE roles (
            name TEXT PRIMARY KEY,
            content TEXT NOT NULL,
            updated_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)


def create_playbook_runs(connection: sqlite3.Connection) -> None:
    """Add runs of playbooks and the journal of their steps; details are JSON."""
    connection.execute("""
        CREATE TABLE playbook_runs (
            run_id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            document TEXT NOT NULL,
            variables TEXT NOT NULL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL,
            started_by TEXT NOT NULL,
            known TEXT NOT NULL,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("""
        CREATE TABLE playbook_steps (
            run_id TEXT NOT NULL REFERENCES playbook_runs (run_id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            state TEXT NOT NULL,
            detail TEXT NOT NULL,
            started_at TEXT NOT NULL,
            ended_at TEXT,
            PRIMARY KEY (run_id, number)
        ) STRICT, WITHOUT ROWID
    """)


def create_approvals(connection: sqlite3.Connection) -> None:
    """Add what agents asked people, and what was answered; a choice of NULL is none yet."""
    connection.execute("""
        CREATE TABLE approvals (
            approval_id TEXT PRIMARY KEY,
            agent TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            asks TEXT NOT NULL,
            tool TEXT NOT NULL,
            input TEXT NOT NULL,
            text TEXT NOT NULL,
            options TEXT NOT NULL,
            dialog TEXT NOT NULL,
            exact INTEGER NOT NULL,
            asked_at TEXT NOT NULL,
            choice TEXT,
            answered_by TEXT,
            channel TEXT,
            message TEXT,
            answered_at TEXT
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("CREATE INDEX approvals_by_answer ON approvals (answered_at)")


def create_agent_lives(connection: sqlite3.Connection) -> None:
    """Add what agents shall be, and what was found when their processes ended."""
    connection.execute("""
        CREATE TABLE agent_lives (
            agent TEXT PRIMARY KEY,
            desired TEXT NOT NULL,
            phase TEXT NOT NULL,
            life TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)
    connection.execute("""
        CREATE TABLE agent_forensics (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            agent TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            at TEXT NOT NULL,
            crash INTEGER NOT NULL,
            found TEXT NOT NULL
        ) STRICT
    """)
    connection.execute("CREATE INDEX agent_forensics_by_agent ON agent_forensics (agent, number)")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    create_agents_and_teams,
    create_cascades,
    create_locks,
    create_layouts,
    create_triggers,
    give_triggers_locks,
    create_observations,
    create_deliveries,
    create_notes_and_results,
    create_roles,
    create_playbook_runs,
    create_approvals,
    create_agent_lives,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the steps that this file has not seen: all of them, or none.

    Raises:
        StoreError: The file has seen steps that this version does not know.
    """
    if _seen(connection) == len(MIGRATIONS):
        return  # and the file is not even written to
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[_seen(connection) :]:  # another process may just have done it
            step(connection)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _seen(connection: sqlite3.Connection) -> int:
    """Return how many steps the file has seen."""
    (seen,) = connection.execute("PRAGMA user_version").fetchone()
    if seen > len(MIGRATIONS):
        raise StoreError(
            f"the database has schema {seen}, and this version knows {len(MIGRATIONS)}",
            hint="It was written by a newer iterm-mcp: upgrade this one.",
            code="store_too_new",
        )
    return int(seen)
