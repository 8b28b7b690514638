"""The agents and teams of a layout: checked before anything opens, registered at its end."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import ConflictError, ItermMcpError
from iterm_mcp.models.layouts import SavedTeam
from iterm_mcp.services.names import check_name, check_note

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from iterm_mcp.models.ids import AgentName, SessionId, TeamName
    from iterm_mcp.models.layouts import Pane
    from iterm_mcp.services.agents.service import AgentService

UNDO_SECONDS = 5.0


class LayoutAgents:
    """Finds the agents of a layout, and registers those that are not there."""

    def __init__(self, agents: AgentService) -> None:
        self._agents = agents

    async def places(
        self, panes: Sequence[Pane], standing: Container[SessionId]
    ) -> list[SessionId | None]:
        """Return for each pane the session that it must take: the one named, or its agent's.

        An agent that lives takes its session along, wherever that stands.

        Raises:
            InvalidRequestError: An agent or a team cannot be called so.
            NotFoundError: There is no such kind of agent.
            ConflictError: A session is the home of another agent, or an agent lives elsewhere.
        """
        owners = await self._agents.owners()
        homes = {name: one for one, name in owners.items() if one in standing}
        return [_place(pane, owners, homes) for pane in panes]

    async def register(
        self, placed: Iterable[tuple[Pane, SessionId]], standing: Container[SessionId]
    ) -> None:
        """Register the agents of panes; those that live there already stay as they are.

        Missing teams are created. When one agent cannot be registered, none is.

        Raises:
            ConflictError: An agent took the name or the session in the meantime.
        """
        owners = await self._agents.owners()
        done: list[AgentName] = []
        try:
            for pane, session_id in placed:
                agent = pane.agent
                if agent is None or owners.get(session_id) == agent.name:
                    continue
                former = next((one for one, name in owners.items() if name == agent.name), None)
                await self._create_missing(agent.teams)
                await self._agents.register_agent(
                    agent.name,
                    session_id,
                    kind=agent.kind,
                    teams=agent.teams,
                    role=agent.role,
                    replace=former is not None and former not in standing,
                )
                done.append(agent.name)
        except BaseException:
            with anyio.CancelScope(shield=True), anyio.move_on_after(UNDO_SECONDS):
                for name in done:
                    with suppress(ItermMcpError):
                        await self._agents.remove_agent(name)
            raise

    async def create_teams(self, teams: Iterable[SavedTeam]) -> None:
        """Create those of these teams that are missing, each after the one above it."""
        for team in teams:
            await self._agents.ensure_team(
                team.name, parent=team.parent, description=team.description
            )

    async def _create_missing(self, names: Iterable[TeamName]) -> None:
        await self.create_teams(SavedTeam(name, None, "") for name in names)


def _place(
    pane: Pane, owners: dict[SessionId, AgentName], homes: dict[AgentName, SessionId]
) -> SessionId | None:
    agent = pane.agent
    if agent is None:
        return pane.session_id
    check_name("agent", agent.name)
    check_note("role", agent.role)
    find_kind(agent.kind)
    for team in agent.teams:
        check_name("team", team)
    home = homes.get(agent.name)
    if pane.session_id is None:
        return home
    if home not in {None, pane.session_id}:
        raise ConflictError(
            f"agent {agent.name!r} lives in session {home}, not in {pane.session_id}",
            hint="Leave session_id out to take its session along, or give it another name.",
        )
    owner = owners.get(pane.session_id)
    if owner not in {None, agent.name}:
        raise ConflictError(
            f"session {pane.session_id} is the home of agent {owner!r}",
            hint="Place another session, or leave the agent out.",
        )
    return pane.session_id
