"""The registry of agents and teams, seen together with the terminal's sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import anyio

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import (
    ConflictError,
    NotFoundError,
    TerminalTimeoutError,
    TerminalUnavailableError,
)
from iterm_mcp.models.agents import Agent, AgentStatus, Registry, Team
from iterm_mcp.services.deliveries.cascade import ancestry
from iterm_mcp.services.names import check_name, check_note, not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.ids import AgentName, SessionId, TeamName
    from iterm_mcp.store import Store
    from iterm_mcp.terminal.protocol import Terminal

LIVENESS_WAIT_SECONDS = 2.0
"""How long a list of agents may wait for a terminal that is away."""


class RegistryObserver(Protocol):
    """Is told how large the registry is: at the start and after every change."""

    def registry_changed(self, agents: int, teams: int) -> None:
        """Note the numbers of registered agents and teams. Must not raise."""


class SilentRegistryObserver:
    """Notes nothing."""

    def registry_changed(self, agents: int, teams: int) -> None:
        """Do nothing."""


class AgentService:
    """Registers agents and teams, and finds the sessions behind the names.

    Args:
        liveness_wait_seconds: How long `list_agents` waits for the terminal.
    """

    def __init__(
        self,
        terminal: Terminal,
        store: Store,
        clock: Clock,
        observer: RegistryObserver | None = None,
        *,
        liveness_wait_seconds: float = LIVENESS_WAIT_SECONDS,
    ) -> None:
        self._terminal = terminal
        self._agents = store.agents
        self._clock = clock
        self._observer = observer or SilentRegistryObserver()
        self._liveness_wait_seconds = liveness_wait_seconds

    async def register_agent(
        self,
        name: AgentName,
        session_id: SessionId,
        *,
        kind: str = "shell",
        teams: Iterable[TeamName] = (),
        role: str = "",
        replace: bool = False,
    ) -> Agent:
        """Give a name to what runs in a session.

        Args:
            name: 1 to 64 letters, digits, dots, underscores and hyphens.
            session_id: A session that exists and holds no other agent.
            kind: A name from the registry of agent kinds.
            teams: Existing teams to join.
            role: Free text of at most 1000 printable characters.
            replace: Take over the name of an agent whose session has ended, or register the
                agent of this very session anew. The old agent's teams and role are dropped.

        Raises:
            InvalidRequestError: The name or the role cannot be used.
            NotFoundError: No such session, kind or team.
            ConflictError: The name or the session is taken.
        """
        check_name("agent", name)
        check_note("role", role)
        find_kind(kind)
        standing = await self._session_ids()
        if session_id not in standing:
            raise NotFoundError(
                "session", session_id, hint="Call list_sessions to see which there are."
            )
        registry = await self._agents.load()
        known_teams = {team.name for team in registry.teams}
        joined = tuple(sorted(set(teams)))
        for team in joined:
            if team not in known_teams:
                raise not_found("team", team, known_teams)
        former = _find(registry, name)
        if former is not None:
            _check_takeover(former, session_id, standing, replace=replace)
        agent = Agent(name, kind, session_id, joined, role, self._clock.now())
        await self._agents.add_agent(agent, replaces=former.session_id if former else None)
        await self.announce()
        return agent

    async def remove_agent(self, name: AgentName) -> None:
        """Forget an agent. Its session is left alone.

        Raises:
            NotFoundError: No such agent.
        """
        await self.find_agent(name)
        await self._agents.remove_agent(name)
        await self.announce()

    async def find_agent(self, name: AgentName) -> Agent:
        """Return an agent by its name, whether its session stands or not.

        Raises:
            NotFoundError: No such agent; the hint holds the names most like it.
        """
        registry = await self._agents.load()
        agent = _find(registry, name)
        if agent is None:
            raise not_found("agent", name, (one.name for one in registry.agents))
        return agent

    async def find_session(self, name: AgentName) -> SessionId:
        """Return the live session of an agent.

        Raises:
            NotFoundError: No such agent, or (kind ``session``) its session has ended.
        """
        agent = await self.find_agent(name)
        if agent.session_id not in await self._session_ids():
            raise NotFoundError(
                "session",
                agent.session_id,
                hint=f"The session of agent {name!r} has ended: register the agent again "
                "in another one, with replace.",
            )
        return agent.session_id

    async def list_agents(self, team: TeamName | None = None) -> tuple[AgentStatus, ...]:
        """Return the agents, sorted by name, and whether their sessions stand.

        Args:
            team: Only the members of this team and of the teams below it.

        Raises:
            NotFoundError: No such team.
        """
        registry = await self._agents.load()
        agents = registry.agents if team is None else _members(registry, team)
        standing = await self._session_ids_if_known() if agents else frozenset()
        return tuple(
            AgentStatus(agent, None if standing is None else agent.session_id in standing)
            for agent in agents
        )

    async def follow(self, changed: Callable[[], None]) -> None:
        """Call something whenever there are other agents or teams than before, until cancelled."""
        known = await self._agents.load()
        while True:
            await self._agents.wait_changed(known)
            known = await self._agents.load()
            changed()

    async def owners(self) -> dict[SessionId, AgentName]:
        """Return which agent each session belongs to; the terminal is not asked."""
        registry = await self._agents.load()
        return {agent.session_id: agent.name for agent in registry.agents}

    async def ensure_team(
        self, name: TeamName, *, parent: TeamName | None = None, description: str = ""
    ) -> None:
        """Create a team if it is missing; many may ask for the same one at once.

        Raises:
            InvalidRequestError: The name or the description cannot be used.
            NotFoundError: No such parent.
        """
        if name in {team.name for team in (await self._agents.load()).teams}:
            return
        try:
            await self.create_team(name, parent=parent, description=description)
        except ConflictError:  # somebody else was quicker
            if name not in {team.name for team in (await self._agents.load()).teams}:
                raise

    async def create_team(
        self,
        name: TeamName,
        *,
        parent: TeamName | None = None,
        description: str = "",
        members: Iterable[AgentName] = (),
    ) -> Team:
        """Create a team, at the top or under an existing one, and let agents join it.

        Raises:
            InvalidRequestError: The name or the description cannot be used.
            NotFoundError: No such parent, or no such agent.
            ConflictError: The name is taken.
        """
        check_name("team", name)
        check_note("description", description)
        registry = await self._agents.load()
        known_teams = {team.name for team in registry.teams}
        if parent is not None and parent not in known_teams:
            raise not_found("team", parent, known_teams)
        known_agents = {agent.name for agent in registry.agents}
        joining = sorted(set(members))
        for member in joining:
            if member not in known_agents:
                raise not_found("agent", member, known_agents)
        team = Team(name, parent, description, self._clock.now())
        await self._agents.add_team(team, joining)
        await self.announce()
        return team

    async def move_team(self, name: TeamName, parent: TeamName | None) -> Team:
        """Put a team, with all that stands below it, under another one, or at the top.

        Raises:
            NotFoundError: There is no such team, or no such parent.
            ConflictError: The parent stands below the team, or is it: there are no cycles.
        """
        known = {team.name for team in await self.list_teams()}
        for one in (name, parent):
            if one is not None and one not in known:
                raise not_found("team", one, known)
        await self._agents.move_team(name, parent)
        return next(team for team in await self.list_teams() if team.name == name)

    async def list_teams(self) -> tuple[Team, ...]:
        """Return all teams, sorted by name."""
        return (await self._agents.load()).teams

    async def announce(self) -> None:
        """Tell the observer how large the registry is. Call it once at the start."""
        registry = await self._agents.load()
        self._observer.registry_changed(len(registry.agents), len(registry.teams))

    async def _session_ids(self) -> frozenset[SessionId]:
        sessions = await self._terminal.list_sessions()
        return frozenset(session.session_id for session in sessions)

    async def _session_ids_if_known(self) -> frozenset[SessionId] | None:
        """Return the sessions that stand, or None when no terminal tells in time."""
        try:
            with anyio.fail_after(self._liveness_wait_seconds):
                return await self._session_ids()
        except (TimeoutError, TerminalUnavailableError, TerminalTimeoutError):
            return None


def _find(registry: Registry, name: AgentName) -> Agent | None:
    return next((agent for agent in registry.agents if agent.name == name), None)


def _members(registry: Registry, team: TeamName) -> tuple[Agent, ...]:
    """Return the agents of a team and of all teams below it."""
    parents = {one.name: one.parent for one in registry.teams}
    if team not in parents:
        raise not_found("team", team, parents)
    return tuple(
        agent
        for agent in registry.agents
        if any(above == team for own in agent.teams for _, above in ancestry(own, parents))
    )


def _check_takeover(
    former: Agent, session_id: SessionId, standing: frozenset[SessionId], *, replace: bool
) -> None:
    """See that a taken name may be given to this session."""
    gone = former.session_id not in standing
    if replace and (gone or former.session_id == session_id):
        return
    state = "which has ended" if gone else "which is alive"
    hint = (
        "Choose another name, or close that session first and set replace."
        if replace
        else "Choose another name, or set replace to take over the name of an ended agent."
    )
    raise ConflictError(
        f"there is an agent {former.name!r} already, in session {former.session_id}, {state}",
        hint=hint,
    )
