"""Starting agents: checked first, named, kept in mind, and then begun."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from iterm_mcp.errors import ConflictError, InvalidRequestError, ItermMcpError, shown
from iterm_mcp.models.agent_lives import Desired, Life, Phase
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.agents.beginnings import UNSETTLED, Beginnings
from iterm_mcp.services.agents.names import take_name
from iterm_mcp.services.agents.placing import Place, check_place
from iterm_mcp.services.names import check_name, check_note
from iterm_mcp.services.worktrees.places import check_set_up, directory_in
from iterm_mcp.services.worktrees.service import Wish
from iterm_mcp.telemetry.trace_context import current, new_trace_id

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_lives import AgentOrder
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.services.agents.conversations import LastConversation
    from iterm_mcp.services.agents.ends import AgentEnder
    from iterm_mcp.services.agents.launches import AgentLauncher
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.agents.life_files import LifeFiles
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.agents.spares import Spares
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.services.worktrees.service import Worktrees

WAIT_SECONDS = 20.0
LONGEST_WAIT_SECONDS = 120.0
UNDO_SECONDS = 15.0

TRUST = ("ask", "accept")


@dataclass(frozen=True, slots=True)
class StartedAgent:
    """An agent that was started, and the state in which it was when the wait was over.

    Attributes:
        view: Its state may be a gate that a person must open, or still unknown.
    """

    life: Life
    view: StateView


class AgentStarter:
    """Starts agents under names of their own."""

    def __init__(
        self,
        agents: AgentService,
        states: States,
        book: LifeBook,
        files: LifeFiles,
        launcher: AgentLauncher,
        ender: AgentEnder,
        clock: Clock,
        spares: Spares,
        worktrees: Worktrees | None = None,
        beginnings: Beginnings | None = None,
    ) -> None:
        self._beginnings = beginnings or Beginnings(states, clock)
        self._agents = agents
        self._states = states
        self._book = book
        self._files = files
        self._launcher = launcher
        self._ender = ender
        self._clock = clock
        self._spares = spares
        self._worktrees = worktrees

    async def start(
        self,
        order: AgentOrder,
        *,
        name: str = "",
        place: Place | None = None,
        wait_seconds: float = WAIT_SECONDS,
    ) -> StartedAgent:
        """Start an agent, and wait until it shows what it waits for.

        What is wrong with the order is found before anything is opened. When it cannot be
        started, nothing of it is left. A caller that gives up leaves it starting: the daemon goes
        on with it, also after a crash.

        Args:
            name: Its name; empty for one that nobody has.
            place: Where its pane is opened; None for a window of its own.
            wait_seconds: How long to wait for its first state, at most `LONGEST_WAIT_SECONDS`.

        Raises:
            InvalidRequestError: The order makes no sense, or the installed version cannot do it.
            NotFoundError: No such kind, program, window or session.
            ConflictError: The name is taken, or its worktree could not be made.
            RefusedError: There is no room for its worktree.
            AgentError: The program could not be started.
        """
        beginning = self._beginnings.of(order.kind)
        place = place or Place()
        check_place(place)
        order = await checked(order)
        plan = await self._launcher.plan(self._new(AgentName("x"), order), resume=False)
        agent = await self._named(order, name)
        life = self._new(agent, order)
        async with self._book.turn(agent):
            life = await self._in_worktree(life)
            held = bool(self._launcher.held(life))
            try:
                alone = held or life.worktree
                spare = None if alone else await self._spares.take(life, place)
                if spare is None:
                    pending = "" if plan.takes_prompt else order.prompt
                    life = await self._book.save(life, pending=pending)
                    life = await self._launcher.launch(life, place, resume=False)
            except ItermMcpError:
                beginning.failed()
                await self.discard(agent)
                raise
            life = spare or life
            await beginning.done(life)
        return StartedAgent(life, await self.settle(agent, 0.0 if held else wait_seconds))

    async def draft(self, agent: AgentName, order: AgentOrder, last: LastConversation) -> Life:
        """Return the life of an agent that is to begin in a pane of a layout; nothing is done.

        Args:
            last: What it goes on with, if that is still there.

        Raises:
            InvalidRequestError: The order makes no sense, or the installed version cannot do it.
            NotFoundError: No such kind or program.
        """
        life = self._new(agent, await checked(order))
        there = await last.is_there()
        if there:
            life = replace(life, conversation=last.conversation, transcript=last.transcript)
        plan = await self._launcher.plan(life, resume=there)
        prompt = "" if plan.takes_prompt else order.prompt
        return replace(life, pending=order.resume_prompt if there else prompt)

    async def keep(self, life: Life) -> Life:
        """Keep a drafted life, under its name, before its pane is opened.

        The caller has the agent's turn, and goes on with `begin` or `discard`; a daemon that comes
        after a crash goes on with it too.

        Raises:
            ConflictError: The name is taken, or its worktree could not be made.
            RefusedError: There is no room for its worktree.
        """
        if not await self._files.reserve(life.agent):
            raise _taken(life.agent)
        return await self._book.save(await self._in_worktree(life))

    async def begin(self, life: Life, place: Place) -> Life:
        """Begin a life that was kept; when it cannot be, nothing of it is left.

        Raises:
            AgentError: The program could not be started.
        """
        beginning = self._beginnings.of(life.order.kind)
        try:
            life = await self._launcher.launch(life, place, resume=bool(life.transcript))
        except ItermMcpError:
            beginning.failed()
            await self.discard(life.agent)
            raise
        await beginning.done(life)
        return life

    async def settle(self, agent: AgentName, seconds: float = WAIT_SECONDS) -> StateView:
        """Return an agent's state once it shows what it waits for, or when the time is over."""
        return await self._states.wait_for(
            agent,
            lambda one: one.state not in UNSETTLED,
            min(seconds, LONGEST_WAIT_SECONDS),
        )

    def _new(self, agent: AgentName, order: AgentOrder) -> Life:
        here = current()
        return Life(
            agent,
            order,
            Desired.RUNNING,
            Phase.CREATING,
            token="",
            trace=here.trace_id if here else new_trace_id(),
            ordered_at=self._clock.now(),
        )

    async def _named(self, order: AgentOrder, name: str) -> AgentName:
        """Return the agent's name, reserved among all processes."""
        registered = set((await self._agents.owners()).values())
        lives = {life.agent for life in await self._book.all()}
        if not name:
            return await take_name(
                secrets.SystemRandom(),
                registered | lives,
                self._files.reserve,
                prefix=order.role.split(" ", maxsplit=1)[0],
            )
        check_name("agent", name)
        agent = AgentName(name)
        if agent in registered or agent in lives or not await self._files.reserve(agent):
            raise _taken(agent)
        return agent

    async def _in_worktree(self, life: Life) -> Life:
        """Return a life whose directory is in a worktree of its own, if it was ordered so.

        When that cannot be made, nothing of the start is left.
        """
        if not life.order.worktree or self._worktrees is None:
            return life
        wish = Wish(str(life.agent), life.order.directory, f"agent {life.agent}")
        made = False
        try:
            worktree = await self._worktrees.create(wish)
            check_set_up(worktree)
            directory = await directory_in(worktree, life.order.directory)
            made = True
        finally:
            if not made:  # also when the caller has given up
                await self.discard(life.agent)
                await self._leave_worktree(life.agent)
        order = replace(life.order, directory=directory)
        return replace(life, order=order, worktree=worktree.name)

    async def discard(self, agent: AgentName) -> None:
        """Leave nothing of a start that failed; the caller has the agent's turn."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(UNDO_SECONDS):
            life = await self._book.find(agent)
            if life is None:  # it never came so far as to be kept
                await self._files.remove(agent)
                return
            await self._ender.discard(life)
            if life.worktree:
                await self._leave_worktree(agent)

    async def _leave_worktree(self, agent: AgentName) -> None:
        """Remove an agent's worktree, unless something would be lost by that."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(UNDO_SECONDS):
            if self._worktrees is not None:
                with suppress(ItermMcpError):  # it can be removed later
                    await self._worktrees.remove(str(agent))


def _taken(agent: AgentName) -> ConflictError:
    return ConflictError(
        f"there is an agent {agent!r} already",
        hint="Choose another name or leave it out; one that has ended is started again "
        "with manage_agent, action restart, and its name given free with stop_agent's forget.",
    )


async def checked(order: AgentOrder) -> AgentOrder:
    """Return an order with a directory that is there.

    Raises:
        InvalidRequestError: The order makes no sense.
    """
    check_note("role", order.role)
    for team in order.teams:
        check_name("team", team)
    if order.trust not in TRUST:
        raise InvalidRequestError(
            f"trust is {shown(order.trust)!r}", hint=f"Use one of: {', '.join(TRUST)}."
        )
    directory = Path(order.directory or "~")
    with suppress(RuntimeError):  # there is no such user
        directory = await to_thread.run_sync(directory.expanduser)
    if not directory.is_absolute() or not await to_thread.run_sync(directory.is_dir):
        raise InvalidRequestError(
            f"{shown(str(directory))!r} is no directory",
            hint="Give the absolute path of a directory that is there.",
        )
    return replace(order, directory=str(directory))
