"""Tools that start agents, end them, and see to those that crashed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.agent_lives import AgentOrder
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.models.sessions import Direction
from iterm_mcp.services.agent_ends import GRACE_SECONDS, LONGEST_GRACE_SECONDS
from iterm_mcp.services.agent_launches import Place
from iterm_mcp.services.agent_starts import LONGEST_WAIT_SECONDS, WAIT_SECONDS
from iterm_mcp.tools import life_answers
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.tool import ADDS, ENDS, TYPES, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.services.lifecycle import Lifecycle
    from iterm_mcp.services.sessions import SessionService
    from iterm_mcp.services.states import States

AgentArgument = Annotated[str, Field(description="An agent that start_agent started.")]

DIRECTIONS = {
    "left": Direction.LEFT,
    "right": Direction.RIGHT,
    "above": Direction.ABOVE,
    "below": Direction.BELOW,
}

ENDS_SHOWN = 5


class LifeTools:
    """The tools over `Lifecycle`."""

    def __init__(self, lives: Lifecycle, sessions: SessionService, states: States) -> None:
        self._lives = lives
        self._sessions = sessions
        self._states = states

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(self.start_agent, "Start agent", ADDS, "launch spawn claude codex gemini new"),
            ToolRow(self.stop_agent, "Stop agent", ENDS, "end kill agent", about=self._about),
            ToolRow(
                self.manage_agent,
                "Manage agent",
                TYPES,
                "restart crash quarantine suspend resume forensics why died",
            ),
            ToolRow(self.sweep_orphans, "Sweep orphans", ENDS, "leaked processes clean up memory"),
        ]

    async def _about(self, values: dict[str, Any]) -> str:
        life = await self._lives.book.get(AgentName(values["name"]))
        return f"agent {life.agent}, a {life.order.kind} in {life.order.directory}"

    async def start_agent(
        self,
        kind: Annotated[
            str | None, Field(description="claude, codex, gemini, shell …; or a template.")
        ] = None,
        template: Annotated[str | None, Field(description="Name of a template.")] = None,
        name: Annotated[str, Field(description="Unique; made up if left out.")] = "",
        prompt: Annotated[str, Field(description="Its first order.")] = "",
        directory: Annotated[str, Field(description="Absolute directory to work in.")] = "",
        model: str = "",
        role: str = "",
        teams: Annotated[list[str], Field(description="Created if missing.")] = [],
        permissions: Annotated[
            str, Field(description="The kind's own word, such as plan or acceptEdits.")
        ] = "",
        environment: Annotated[dict[str, str], Field(max_length=100)] = {},
        trust: Annotated[
            Literal["ask", "accept"] | None,
            Field(description="accept says that the directory is trusted, if it asks."),
        ] = None,
        beside: Annotated[
            str | None, Field(description="Session to split; else it gets its own window.")
        ] = None,
        place: Annotated[
            Literal["left", "right", "above", "below"], Field(description="Side of beside.")
        ] = "right",
        wait_seconds: Annotated[
            float, Field(ge=0, le=LONGEST_WAIT_SECONDS, description="For its first state.")
        ] = WAIT_SECONDS,
    ) -> Json:
        """Start a coding agent in a pane of its own, registered, and kept running.

        After a crash it is started again in the same conversation. Its state says whether it is
        ready, or what a person must do first (gate).
        """
        order = await self._order(kind, template)
        given = {
            "prompt": prompt,
            "directory": directory,
            "model": model,
            "role": role,
            "teams": tuple(TeamName(team) for team in teams),
            "permissions": permissions,
            "trust": trust,
        }
        changes: dict[str, Any] = {key: value for key, value in given.items() if value}
        order = replace(order, environment={**order.environment, **environment}, **changes)
        started = await self._lives.starter.start(
            order, name=name, place=await self._place(beside, place), wait_seconds=wait_seconds
        )
        return life_answers.life(started.life, started.view)

    async def stop_agent(
        self,
        name: AgentArgument,
        grace_seconds: Annotated[
            float,
            Field(ge=0, le=LONGEST_GRACE_SECONDS, description="To leave by itself; then signals."),
        ] = GRACE_SECONDS,
        keep_pane: bool = False,
        forget: Annotated[bool, Field(description="Free the name; no restart later.")] = False,
    ) -> Json:
        """End an agent with all that it started, and close its pane; it stays ended."""
        ended = await self._lives.ender.stop(
            AgentName(name), grace_seconds=grace_seconds, keep_pane=keep_pane, forget=forget
        )
        return life_answers.ended(ended)

    async def manage_agent(
        self,
        name: AgentArgument,
        action: Literal["restart", "release", "suspend", "resume", "forensics"],
    ) -> Json:
        """See to an agent: restart it in its conversation, release it from quarantine, or look.

        suspend has it stand still until resume. forensics tells how it ended: code, screen, last
        lines, and what it left running.
        """
        agent = AgentName(name)
        match action:
            case "restart":
                await self._lives.supervisor.restart(agent)
            case "release":
                await self._lives.supervisor.release(agent)
            case "suspend":
                await self._lives.ender.suspend(agent)
            case "resume":
                await self._lives.ender.resume(agent)
        life = await self._lives.book.get(agent)
        answer = life_answers.life(life, await self._states.view(agent))
        if action == "forensics":
            found = await self._lives.store.forensics(agent, ENDS_SHOWN)
            answer["ends"] = [life_answers.forensics(one) for one in found]
        return answer

    async def sweep_orphans(
        self,
        dry_run: Annotated[bool, Field(description="Only list them.")] = True,
    ) -> Json:
        """End processes that stopped or crashed agents left running; others are never touched."""
        sweeper = self._lives.sweeper
        found = await (sweeper.find() if dry_run else sweeper.sweep())
        return {"orphans": [life_answers.orphan(one) for one in found]}

    async def _order(self, kind: str | None, template: str | None) -> AgentOrder:
        if (kind is None) is (template is None):
            names = ", ".join(await self._lives.templates.names())
            raise InvalidRequestError(
                "an agent is started of a kind or of a template: give one of them",
                hint=f"The templates are: {names}.",
            )
        if template is None:
            return AgentOrder(kind=str(kind), directory="")
        return (await self._lives.templates.find(template)).order

    async def _place(self, beside: str | None, side: str) -> Place:
        if beside is None:
            return Place()
        return Place(await self._sessions.find(beside), DIRECTIONS[side])
