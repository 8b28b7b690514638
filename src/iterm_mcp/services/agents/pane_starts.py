"""Agents that a layout starts: in the panes that it opens for them, all at once.

What they need is found before anything is opened, and their names are theirs by then. A daemon
that dies half-way leaves lives that shall be: the next one goes on with them, and a layout that is
applied again finds them by name.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.errors import ConflictError, ItermMcpError
from iterm_mcp.models.agent_lives import Phase
from iterm_mcp.models.layouts import PaneAgent, PaneStart
from iterm_mcp.services.agents.conversations import LastConversation, last_conversation
from iterm_mcp.services.agents.placing import Place
from iterm_mcp.services.agents.starts import UNDO_SECONDS, WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Container, Sequence

    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.ids import AgentName, SessionId
    from iterm_mcp.models.layouts import AppliedLayout, AppliedPane, Pane
    from iterm_mcp.models.sessions import Program
    from iterm_mcp.services.agents.launches import AgentLauncher
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.agents.restarts import AgentSupervisor
    from iterm_mcp.services.agents.starts import AgentStarter
    from iterm_mcp.services.agents.templates import Templates
    from iterm_mcp.services.states.asking import States

AT_ONCE = 8
"""So many agents are begun at once; each costs a process's start."""

SHELL = "shell"
"""The kind that is not started by its name alone: a pane has a shell anyway."""


@dataclass(slots=True)
class _Cast:
    """An agent that is to live in a pane.

    Attributes:
        life: As it is; drafted if it is `new`.
        place: The session that it has; None when one is to be opened.
    """

    agent: PaneAgent
    life: Life
    new: bool
    place: SessionId | None
    last: LastConversation


log = structlog.get_logger()


class PaneStarts:
    """The agents of one layout, while their turns are held.

    Attributes:
        places: For each pane the session that it takes; None where one is to be opened.
        programs: For each pane what it runs, if that is to keep an agent; else None.
    """

    def __init__(
        self,
        places: Sequence[SessionId | None],
        programs: Sequence[Program | None],
        begin: Callable[[Sequence[SessionId]], Awaitable[list[PaneStart | None]]],
    ) -> None:
        self.places = list(places)
        self.programs = list(programs)
        self.begin = begin


class PaneStarter:
    """Starts the agents of layouts, and starts those again that have ended."""

    def __init__(
        self,
        templates: Templates,
        states: States,
        book: LifeBook,
        launcher: AgentLauncher,
        starter: AgentStarter,
        supervisor: AgentSupervisor,
    ) -> None:
        self._templates = templates
        self._states = states
        self._book = book
        self._launcher = launcher
        self._starter = starter
        self._supervisor = supervisor

    async def resolve(self, pane: Pane) -> Pane:
        """Return a pane whose agent has its order, if it is one to be started.

        It is, unless it is a plain shell, or the pane runs a program of its own or is taken by a
        session that no life of ours stands in: then it is registered alone.

        Raises:
            NotFoundError: There is no such template.
            InvalidRequestError: The template cannot be used.
            ConflictError: The name is that of an agent of another kind.
        """
        agent, program = pane.agent, pane.program
        if agent is None or agent.order is not None or program.command is not None:
            return pane
        life = await self._book.find(agent.name)
        if life is None and (agent.kind == SHELL or pane.session_id is not None):
            return pane
        order, _ = await self._templates.order(agent.kind)
        if life is not None:
            if agent.kind != SHELL and order.kind != life.order.kind:
                raise ConflictError(
                    f"there is an agent {agent.name!r} already, of kind {life.order.kind}",
                    hint="Choose another name, or forget that one with stop_agent.",
                )
            return replace(pane, agent=replace(agent, kind=life.order.kind, order=life.order))
        order = replace(
            order,
            directory=program.directory or order.directory,
            role=agent.role or order.role,
            teams=agent.teams or order.teams,
            prompt=agent.prompt or order.prompt,
            environment={**order.environment, **program.environment},
        )
        agent = PaneAgent(agent.name, order.kind, order.role, order.teams, order=order)
        return replace(pane, agent=agent)

    @asynccontextmanager
    async def preparing(
        self,
        panes: Sequence[Pane],
        places: Sequence[SessionId | None],
        standing: Container[SessionId],
    ) -> AsyncIterator[PaneStarts]:
        """Have the agents of resolved panes for oneself for the block, in which `begin` is called.

        When the block raises, of agents that were new nothing is left.

        Args:
            places: The sessions of agents that live, and those that were named.

        Raises:
            InvalidRequestError: An order makes no sense.
            NotFoundError: No such kind or program.
            ConflictError: A name is taken, or an agent crashed too often to be started again.
        """
        casts: dict[int, _Cast] = {}
        async with AsyncExitStack() as stack:
            wanted = [
                (pane.agent.name, at)
                for at, pane in enumerate(panes)
                if pane.agent is not None and pane.agent.order is not None
            ]
            for name, at in sorted(wanted):  # in this order, so that two layouts never wait in turn
                await stack.enter_async_context(self._book.turn(name))
                cast = await self._cast(panes[at].agent, places[at], standing)
                if cast is not None:
                    casts[at] = cast
            kept: list[AgentName] = []
            try:
                for cast in casts.values():
                    if cast.new:
                        cast.life = await self._starter.keep(cast.life)
                        kept.append(cast.life.agent)
                programs = [
                    await self._program(pane, casts.get(at)) for at, pane in enumerate(panes)
                ]
                found = [
                    places[at] if at not in casts else casts[at].place for at in range(len(panes))
                ]
                yield PaneStarts(found, programs, lambda ids: self._begin(casts, ids))
            except BaseException:
                with anyio.CancelScope(shield=True), anyio.move_on_after(UNDO_SECONDS):
                    for name in kept:
                        if await self._book.find(name) is not None:
                            await self._starter.discard(name)
                raise

    async def settle(self, applied: AppliedLayout) -> AppliedLayout:
        """Return a layout with the states of its started agents, once they show what they wait for.

        Takes `WAIT_SECONDS` at most.
        """
        panes: dict[int, AppliedPane] = dict(enumerate(applied.panes))

        async def look(at: int, pane: AppliedPane, name: AgentName, start: PaneStart) -> None:
            view = await self._starter.settle(name, WAIT_SECONDS)
            panes[at] = replace(pane, start=replace(start, view=view))

        async with anyio.create_task_group() as group:
            for at, pane in enumerate(applied.panes):
                if pane.start is not None and pane.agent is not None and not pane.start.problem:
                    group.start_soon(look, at, pane, pane.agent, pane.start)
        return replace(applied, panes=tuple(panes.values()))

    async def undo(self, agent: AgentName) -> None:
        """End an agent that was new, for a layout that cannot be finished."""
        async with self._book.turn(agent):
            if await self._book.find(agent) is not None:
                await self._starter.discard(agent)

    async def describe(self, agent: Agent) -> PaneAgent:
        """Return an agent as a saved layout has it: with all that it can be started again with."""
        known = PaneAgent(agent.name, agent.kind, agent.role, agent.teams)
        life = await self._book.find(agent.name)
        if life is None or life.session_id != agent.session_id:
            return known
        last = await last_conversation(self._states, life)
        order = replace(life.order, role=agent.role, teams=agent.teams)
        return replace(
            known, order=order, conversation=last.conversation, transcript=last.transcript
        )

    async def _cast(
        self,
        agent: PaneAgent | None,
        place: SessionId | None,
        standing: Container[SessionId],
    ) -> _Cast | None:
        """Return what is to be done for an agent; None when it stands, or is none of ours."""
        if agent is None or agent.order is None:
            return None
        life = await self._book.find(agent.name)
        if life is None:
            if place is not None:
                return None
            last = LastConversation(agent.conversation, agent.transcript)
            life = await self._starter.draft(agent.name, agent.order, last)
            return _Cast(agent, life, new=True, place=None, last=last)
        keeper = await self._launcher.keeper_of(life)
        if keeper is not None and keeper.session_id in standing:
            place = keeper.session_id
        elif place not in {None, life.session_id}:
            return None
        if place is not None and life.phase not in {Phase.ENDED, Phase.CREATING}:
            return _Cast(agent, life, new=False, place=place, last=LastConversation())
        if life.phase is Phase.QUARANTINED:
            raise ConflictError(
                f"agent {agent.name!r} is in quarantine: {life.reason}",
                hint="Release it with manage_agent, or leave it out.",
            )
        last = await last_conversation(self._states, life)
        return _Cast(agent, life, new=False, place=place, last=last)

    async def _program(self, pane: Pane, cast: _Cast | None) -> Program | None:
        """Return what a pane runs that is opened for an agent."""
        if cast is None or cast.place is not None:
            return None
        keeper = await self._launcher.prepare_pane(cast.life)
        return replace(
            keeper,
            name=pane.program.name or keeper.name,
            profile=pane.program.profile,
            tags=pane.program.tags,
            size=pane.program.size,
        )

    async def _begin(
        self, casts: dict[int, _Cast], ids: Sequence[SessionId]
    ) -> list[PaneStart | None]:
        """Begin all agents that do not run, each in its pane; tell what became of each."""
        starts: dict[int, PaneStart] = {}
        limit = anyio.CapacityLimiter(AT_ONCE)

        async def begin(at: int, cast: _Cast) -> None:
            async with limit:
                starts[at] = await self._begun(cast, ids[at])

        async with anyio.create_task_group() as group:
            for at, cast in casts.items():
                if cast.new or cast.life.phase in {Phase.ENDED, Phase.CREATING} or not cast.place:
                    group.start_soon(begin, at, cast)
        return [starts.get(at) for at in range(len(ids))]

    async def _begun(self, cast: _Cast, session_id: SessionId) -> PaneStart:
        life, there = cast.life, await cast.last.is_there()
        place = Place() if cast.place is not None else Place(session_id=session_id)
        try:
            if cast.new:
                await self._starter.begin(life, place)
            elif life.phase is Phase.CREATING:
                await self._supervisor.go_on(life, place)
            else:
                await self._supervisor.revive(life, place)
        except ItermMcpError as error:
            log.warning("pane_agent_not_started", agent=life.agent, reason=str(error))
            return PaneStart(problem=str(error), hint=error.hint)
        return PaneStart(new=cast.new, resumed=there)
