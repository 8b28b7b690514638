"""Agents, teams and memberships."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import ConflictError, NotFoundError
from iterm_mcp.models.agents import Agent, Registry, Team
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from iterm_mcp.store.database import Database

TEAM_HINT = "Call list_teams to see which there are, or create_team first."
AGENT_HINT = "Call list_agents to see which there are."

# Every agent, by name.
SELECT_AGENTS = "SELECT name, kind, session_id, role, created_at FROM agents ORDER BY name"
# Every direct membership, so that an agent's teams come sorted.
SELECT_MEMBERSHIPS = "SELECT agent, team FROM memberships ORDER BY agent, team"
# Every team, by name.
SELECT_TEAMS = "SELECT name, parent, description, created_at FROM teams ORDER BY name"
# Whether a team exists.
SELECT_TEAM = "SELECT 1 FROM teams WHERE name = ?"
# Whether an agent exists.
SELECT_AGENT = "SELECT 1 FROM agents WHERE name = ?"
# The session that an agent lives in.
SELECT_SESSION_OF_AGENT = "SELECT session_id FROM agents WHERE name = ?"
# The agent that lives in a session.
SELECT_AGENT_OF_SESSION = "SELECT name FROM agents WHERE session_id = ?"
# A new agent.
INSERT_AGENT = (
    "INSERT INTO agents (name, kind, session_id, role, created_at) VALUES (?, ?, ?, ?, ?)"
)
# An agent leaves, and its memberships with it.
DELETE_AGENT = "DELETE FROM agents WHERE name = ?"
# A new team.
INSERT_TEAM = "INSERT INTO teams (name, parent, description, created_at) VALUES (?, ?, ?, ?)"
# A team goes below another one, or to the top.
UPDATE_PARENT = "UPDATE teams SET parent = ? WHERE name = ?"
# An agent joins a team; doing it twice changes nothing.
INSERT_MEMBERSHIP = "INSERT OR IGNORE INTO memberships (agent, team) VALUES (?, ?)"


class AgentStore:
    """The registry. Names are compared exactly, case included.

    What was read is kept, since every list of sessions asks for it: the daemon's lock makes
    this the only process that writes to the file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: Registry | None = None
        self._changed = anyio.Event()

    async def load(self) -> Registry:
        """Return all agents and teams as they stood at one moment, sorted by name."""
        if self._known is None:
            self._known = await self._database.read(_load)
        return self._known

    async def wait_changed(self, known: Registry) -> None:
        """Wait until the registry is another than the one that a caller has."""
        while self._known is known:
            await self._changed.wait()

    async def add_agent(self, agent: Agent, *, replaces: SessionId | None = None) -> None:
        """Add an agent with its memberships.

        Args:
            agent: The agent; its teams must exist.
            replaces: The session of the agent of that name that is to be replaced whole.

        Raises:
            ConflictError: The name is taken by an agent in another session than `replaces`,
                or the session holds another agent.
            NotFoundError: No such team.
        """

        def work(connection: sqlite3.Connection) -> None:
            _check_name_free(connection, agent.name, replaces)
            connection.execute(DELETE_AGENT, (agent.name,))
            _check_session_free(connection, agent.session_id)
            _check_teams(connection, agent.teams)
            connection.execute(
                INSERT_AGENT,
                (agent.name, agent.kind, agent.session_id, agent.role, to_text(agent.created_at)),
            )
            _join(connection, [(agent.name, team) for team in agent.teams])

        await self._change(work)

    async def remove_agent(self, name: AgentName) -> None:
        """Forget an agent and its memberships.

        Raises:
            NotFoundError: No such agent.
        """

        def work(connection: sqlite3.Connection) -> None:
            if not connection.execute(DELETE_AGENT, (name,)).rowcount:
                raise NotFoundError("agent", name, hint=AGENT_HINT)

        await self._change(work)

    async def add_team(self, team: Team, members: Sequence[AgentName] = ()) -> None:
        """Add a team under an existing parent, with members to begin with.

        Raises:
            ConflictError: The name is taken.
            NotFoundError: No such parent, or no such agent.
        """

        def work(connection: sqlite3.Connection) -> None:
            if _exists(connection, SELECT_TEAM, team.name):
                raise ConflictError(
                    f"there is a team {team.name!r} already", hint="Choose another name."
                )
            if team.parent is not None:
                _check_teams(connection, [team.parent])
            for member in members:
                if not _exists(connection, SELECT_AGENT, member):
                    raise NotFoundError("agent", member, hint=AGENT_HINT)
            connection.execute(
                INSERT_TEAM, (team.name, team.parent, team.description, to_text(team.created_at))
            )
            _join(connection, [(member, team.name) for member in members])

        await self._change(work)

    async def move_team(self, name: TeamName, parent: TeamName | None) -> None:
        """Put a team, with all below it, under another one, or at the top.

        Raises:
            NotFoundError: There is no such team, or no such parent.
            ConflictError: The parent is the team itself, or stands below it.
        """

        def work(connection: sqlite3.Connection) -> None:
            _check_teams(connection, [name] if parent is None else [name, parent])
            parents = {team.name: team.parent for team in _load(connection).teams}
            above = parent
            while above is not None:
                if above == name:
                    raise ConflictError(
                        f"team {parent!r} is team {name!r} itself, or stands below it",
                        hint="Move the lower one away first, or choose another parent.",
                        code="team_cycle",
                    )
                above = parents[above]
            connection.execute(UPDATE_PARENT, (parent, name))

        await self._change(work)

    async def _change(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Write, and know the outcome from the same transaction."""

        def change(connection: sqlite3.Connection) -> Registry:
            work(connection)
            return _load(connection)

        try:
            self._known = await self._database.write(change)
        except BaseException:
            self._known = None  # it may have been committed after all
            raise
        finally:
            self._changed.set()
            self._changed = anyio.Event()


def _load(connection: sqlite3.Connection) -> Registry:
    teams_of: defaultdict[str, list[TeamName]] = defaultdict(list)
    for agent, team in connection.execute(SELECT_MEMBERSHIPS):
        teams_of[agent].append(TeamName(team))
    agents = tuple(
        Agent(
            name=AgentName(name),
            kind=kind,
            session_id=SessionId(session_id),
            teams=tuple(teams_of[name]),
            role=role,
            created_at=from_text(created_at),
        )
        for name, kind, session_id, role, created_at in connection.execute(SELECT_AGENTS)
    )
    teams = tuple(
        Team(
            name=TeamName(name),
            parent=None if parent is None else TeamName(parent),
            description=description,
            created_at=from_text(created_at),
        )
        for name, parent, description, created_at in connection.execute(SELECT_TEAMS)
    )
    return Registry(agents, teams)


def _check_name_free(
    connection: sqlite3.Connection, name: AgentName, replaces: SessionId | None
) -> None:
    row = connection.execute(SELECT_SESSION_OF_AGENT, (name,)).fetchone()
    if row is not None and row[0] != replaces:
        raise ConflictError(
            f"there is an agent {name!r} already, in session {row[0]}",
            hint="Choose another name, or close that session first and set replace.",
        )


def _check_session_free(connection: sqlite3.Connection, session_id: SessionId) -> None:
    row = connection.execute(SELECT_AGENT_OF_SESSION, (session_id,)).fetchone()
    if row is not None:
        raise ConflictError(
            f"session {session_id} is the home of agent {row[0]!r}",
            hint="Choose another session: this one stays with its agent until it ends.",
        )


def _check_teams(connection: sqlite3.Connection, teams: Iterable[TeamName]) -> None:
    for team in teams:
        if not _exists(connection, SELECT_TEAM, team):
            raise NotFoundError("team", team, hint=TEAM_HINT)


def _exists(connection: sqlite3.Connection, statement: str, name: str) -> bool:
    return connection.execute(statement, (name,)).fetchone() is not None


def _join(connection: sqlite3.Connection, pairs: list[tuple[AgentName, TeamName]]) -> None:
    connection.executemany(INSERT_MEMBERSHIP, pairs)
