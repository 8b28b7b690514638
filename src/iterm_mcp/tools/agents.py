"""Tools for agents and teams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.tools import answers, life_answers
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.tool import ADDS, READS, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.models.agents import AgentStatus
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.agents.spares import Spares
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.services.states.adopting import Adopting
    from iterm_mcp.services.states.asking import States

NameArgument = Annotated[str, Field(description="1-64 letters, digits, '.', '_' or '-'; unique.")]


class AgentTools:
    """The tools over `AgentService`."""

    def __init__(
        self,
        agents: AgentService,
        sessions: SessionService,
        states: States,
        adopting: Adopting,
        spares: Spares,
    ) -> None:
        self._agents = agents
        self._sessions = sessions
        self._states = states
        self._adopting = adopting
        self._spares = spares

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(self.register_agent, "Register agent", ADDS, "name agent session worker"),
            ToolRow(self.list_agents, "List agents", READS, "agents teams who is there"),
            ToolRow(self.create_team, "Create team", ADDS, "group agents hierarchy"),
        ]

    async def register_agent(
        self,
        name: NameArgument,
        session_id: Annotated[
            str, Field(description="The session it lives in, or 'active'; one agent a session.")
        ],
        teams: Annotated[list[str], Field(description="Existing teams to join.")] = [],
        role: Annotated[str, Field(description="What it is for, in a few words.")] = "",
        kind: Annotated[
            str | None,
            Field(description="How it is told; if left out, what runs there, else 'shell'."),
        ] = None,
        replace: Annotated[
            bool, Field(description="Take over the name of an agent whose session has ended.")
        ] = False,
    ) -> Json:
        """Give the program in a session a name, so that cascade_message can reach it.

        It starts nothing: open the session and start the program first. The name survives
        restarts and stays bound to the session.
        """
        target = await self._sessions.find(session_id)
        agent = await self._agents.register_agent(
            AgentName(name),
            target,
            kind=kind or await self._adopting.kind_of(target) or "shell",
            teams=[TeamName(team) for team in teams],
            role=role,
            replace=replace,
        )
        return answers.agent(agent, alive=True)

    async def list_agents(
        self,
        team: Annotated[
            str | None, Field(description="Only members of this team and the teams below it.")
        ] = None,
        prewarmed: Annotated[
            bool, Field(description="Tell also of those that wait to be handed out.")
        ] = False,
    ) -> Json:
        """List registered agents with session, teams, role, state and its reason.

        Without a team it also lists all teams and their parents, and as unregistered the agents
        that run in other sessions: register_agent adopts them.
        """
        found = await self._agents.list_agents(None if team is None else TeamName(team))
        answer: Json = {"agents": [await self._described(one) for one in found]}
        if team is None:
            answer["teams"] = [answers.team(one) for one in await self._agents.list_teams()]
            spares = await self._spares.waiting()
            waiting = {one.session_id for one in spares}
            found_too = await self._adopting.strangers()
            strangers = [one for one in found_too if one.session_id not in waiting]
            if prewarmed:
                answer["prewarmed"] = [life_answers.spare(one) for one in spares]
            if strangers:
                answer["unregistered"] = [answers.stranger(one) for one in strangers]
        return answer

    async def _described(self, one: AgentStatus) -> Json:
        told = answers.agent(one.agent, alive=one.alive)
        try:
            return told | answers.state(await self._states.view(one.agent.name))
        except NotFoundError:  # it was removed meanwhile
            return told

    async def create_team(
        self,
        name: NameArgument,
        parent: Annotated[str | None, Field(description="The team above it.")] = None,
        description: Annotated[str, Field(description="What it is for.")] = "",
        members: Annotated[list[str], Field(description="Registered agents that join it.")] = [],
    ) -> Json:
        """Create a team of agents, on its own or below another team.

        What cascade_message says to a team also reaches the teams below it.
        """
        team = await self._agents.create_team(
            TeamName(name),
            parent=None if parent is None else TeamName(parent),
            description=description,
            members=[AgentName(member) for member in members],
        )
        return answers.team(team) | {"members": members}
