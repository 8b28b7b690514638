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
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.agent_launches import Place, check_place
from iterm_mcp.services.agent_names import take_name
from iterm_mcp.services.names import check_name, check_note

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_lives import AgentOrder
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.services.agent_ends import AgentEnder
    from iterm_mcp.services.agent_launches import AgentLauncher
    from iterm_mcp.services.agents import AgentService
    from iterm_mcp.services.life_book import LifeBook
    from iterm_mcp.services.life_files import LifeFiles
    from iterm_mcp.services.states import States

WAIT_SECONDS = 20.0
LONGEST_WAIT_SECONDS = 120.0
UNDO_SECONDS = 15.0

UNSETTLED = frozenset({AgentState.UNKNOWN, AgentState.CREATING, AgentState.STARTING})
"""States in which an agent has not yet shown what it waits for."""

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
    ) -> None:
        self._agents = agents
        self._states = states
        self._book = book
        self._files = files
        self._launcher = launcher
        self._ender = ender
        self._clock = clock

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
            ConflictError: The name is taken.
            AgentError: The program could not be started.
        """
        place = place or Place()
        check_place(place)
        order = await _checked(order)
        plan = await self._launcher.plan(self._new(AgentName("x"), order), resume=False)
        agent = await self._named(order, name)
        life = self._new(agent, order)
        async with self._book.turn(agent):
            pending = "" if plan.takes_prompt else order.prompt
            life = await self._book.save(life, pending=pending)
            try:
                life = await self._launcher.launch(life, place, resume=False)
            except ItermMcpError:
                await self._undo(agent)
                raise
        view = await self._states.wait_for(
            agent,
            lambda one: one.state not in UNSETTLED,
            min(wait_seconds, LONGEST_WAIT_SECONDS),
        )
        return StartedAgent(life, view)

    def _new(self, agent: AgentName, order: AgentOrder) -> Life:
        return Life(
            agent,
            order,
            Desired.RUNNING,
            Phase.CREATING,
            token="",
            trace=secrets.token_hex(16),
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
            raise ConflictError(
                f"there is an agent {name!r} already",
                hint="Choose another name or leave it out; one that has ended is started again "
                "with manage_agent, action restart, and its name given free with action forget.",
            )
        return agent

    async def _undo(self, agent: AgentName) -> None:
        """Leave nothing of a start that failed."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(UNDO_SECONDS):
            life = await self._book.get(agent)
            await self._ender.discard(life)


async def _checked(order: AgentOrder) -> AgentOrder:
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
