"""The tables of agents: who they are, what was seen of them, their lives.

Steps of the migrations, which never change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


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


def create_roles(connection: sqlite3.Connection) -> None:
    """Add what agents of a role may do; it is JSON."""
    connection.execute("""
        CREATE TABLE roles (
            name TEXT PRIMARY KEY,
            content TEXT NOT NULL,
            updated_at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
    """)


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
