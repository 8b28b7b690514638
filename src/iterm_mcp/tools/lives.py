"""Tools that start agents, end them, and see to those that crashed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.models.sessions import Direction
from iterm_mcp.services.agents.ends import GRACE_SECONDS, LONGEST_GRACE_SECONDS
from iterm_mcp.services.agents.placing import Place
from iterm_mcp.tools import life_answers
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.tool import ADDS, ENDS, TYPES, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.services.agents.lifecycle import Lifecycle
    from iterm_mcp.services.sessions.service import SessionService
    from iterm_mcp.services.states.asking import States

AgentArgument = Annotated[str, Field(description="As start_agent returned it.")]

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
                "restart crash quarantine interrupt suspend forensics died orphans processes",
            ),
        ]

    async def _about(self, values: dict[str, Any]) -> str:
        life = await self._lives.book.get(AgentName(values["name"]))
        return f"agent {life.agent}, a {life.order.kind} in {life.order.directory}"

    async def start_agent(
        self,
        kind: Annotated[
            str,
            Field(
                description="claude, codex, gemini, claude-headless … or 'template:' and a name."
            ),
        ],
        name: Annotated[str, Field(description="Else made up.")] = "",
        prompt: Annotated[str, Field(description="Its first order.")] = "",
        directory: Annotated[str, Field(description="Absolute; home if left out.")] = "",
        worktree: Annotated[bool, Field(description="Of its own.")] = False,
        model: Annotated[str, Field(description="Its name.")] = "",
        role: Annotated[str, Field(description="What it is for.")] = "",
        teams: Annotated[list[str], Field(description="Made if missing.")] = [],
        permissions: Annotated[str, Field(description="The kind's own word, as plan.")] = "",
        environment: Annotated[dict[str, str], Field(description="Variables.")] = {},
        trust: Annotated[
            Literal["ask", "accept"] | None,
            Field(description="If it asks of directory or hooks."),
        ] = None,
        beside: Annotated[str, Field(description="Session to split.")] = "",
        side: Annotated[
            Literal["left", "right", "above", "below"] | None,
            Field(description="Of beside; else where readable."),
        ] = None,
    ) -> Json:
        """Start a coding agent in its own pane, registered; after a crash it is started again.

        Returns its state: ready, or what a person must do first (gate).
        """
        order, own_side = await self._lives.templates.order(kind)
        given = {
            "prompt": prompt,
            "directory": directory,
            "worktree": worktree,
            "model": model,
            "role": role,
            "teams": tuple(TeamName(team) for team in teams),
            "permissions": permissions,
            "trust": trust,
        }
        changes: dict[str, Any] = {key: value for key, value in given.items() if value}
        order = replace(order, environment={**order.environment, **environment}, **changes)
        place = Place()
        if beside:
            wanted = own_side if side is None else Direction(side)
            place = Place(await self._sessions.find(beside), wanted)
        started = await self._lives.starter.start(order, name=name, place=place)
        return life_answers.life(started.life, started.view)

    async def stop_agent(
        self,
        name: AgentArgument,
        grace_seconds: Annotated[
            float, Field(ge=0, le=LONGEST_GRACE_SECONDS, description="To leave by itself.")
        ] = GRACE_SECONDS,
        forget: Annotated[bool, Field(description="Free the name.")] = False,
    ) -> Json:
        """End an agent and all that it started, kindly at first; it stays ended."""
        ended = await self._lives.ender.stop(
            AgentName(name), grace_seconds=grace_seconds, forget=forget
        )
        return life_answers.ended(ended)

    async def manage_agent(
        self,
        action: Annotated[
            Literal[
                "restart",
                "release",
                "suspend",
                "resume",
                "interrupt",
                "forensics",
                "orphans",
                "sweep",
            ],
            Field(description="What to do."),
        ],
        name: AgentArgument = "",
    ) -> Json:
        """Restart an agent in its conversation, interrupt its turn, or see how it ended.

        release starts one again that crashed too often.
        orphans lists processes that ended agents left running, sweep ends them; no name needed.
        """
        if action in {"orphans", "sweep"}:
            sweeper = self._lives.sweeper
            swept = await (sweeper.sweep() if action == "sweep" else sweeper.find())
            return {"orphans": [life_answers.orphan(one) for one in swept]}
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
            case "interrupt":
                await self._lives.ender.interrupt_turn(agent)
        life = await self._lives.book.get(agent)
        answer = life_answers.life(life, await self._view(life))
        if action == "forensics":
            found = await self._lives.store.forensics(agent, ENDS_SHOWN)
            answer["ends"] = [life_answers.forensics(one) for one in found]
        return answer

    async def _view(self, life: Life) -> StateView | None:
        """Return an agent's state; None for one that never came so far as to be registered."""
        try:
            return await self._states.view(life.agent)
        except NotFoundError:
            return None
