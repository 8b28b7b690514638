"""What running agents need now and then: their first order, a gate opened, an end to overlong work.

Gates are opened only where an order says so, and only the question whether a directory is trusted:
that one was answered when the agent was started there. Logins and licences are a person's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import structlog

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.observations import ObservationSource
from iterm_mcp.services.agents.limits import AT_REST, Remedy, overdue

if TYPE_CHECKING:
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_lives import Life, Limits
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.services.agents.ends import AgentEnder
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.states.asking import States

log = structlog.get_logger()

BLIND_SECONDS = 15.0
"""After which an agent of which nothing can be seen is told its first order all the same."""


class Teller(Protocol):
    """Hands messages over to agents."""

    async def tell(self, agent: AgentName, text: str, key: str) -> None:
        """Give an agent a text, once for each key.

        Raises:
            ItermMcpError: It could not be handed over; it may be tried again.
        """


class AgentCare:
    """Tends agents that run, one look at a time."""

    def __init__(
        self, states: States, book: LifeBook, ender: AgentEnder, teller: Teller, clock: Clock
    ) -> None:
        self._states = states
        self._book = book
        self._ender = ender
        self._teller = teller
        self._clock = clock
        self._opened: set[str] = set()
        self._interrupted: dict[str, datetime] = {}
        self._told: set[str] = set()

    async def tend(self, life: Life) -> str | None:
        """Do what an agent needs now; return why it must be started again, if it must."""
        limits = life.order.limits
        trusting = life.order.trust == "accept" and life.token not in self._opened
        if not (life.pending or trusting or _any(limits)):
            return None
        view = await self._states.view(life.agent)
        if trusting and view.state is AgentState.GATE and view.details.get("name") == "trust":
            await self._trust(life, view)
        elif life.pending and self._hears(life, view):
            await self._teller.tell(life.agent, life.pending, f"start-{life.trace}-{life.epoch}")
            life = await self._book.save(life, pending="")
        return await self._limit(life, view) if _any(limits) else None

    def _hears(self, life: Life, view: StateView) -> bool:
        """Tell whether an agent can be told something."""
        if view.state in AT_REST:
            return True
        since = life.begun_at or life.ordered_at
        blind = view.state is AgentState.UNKNOWN
        return blind and self._clock.now() - since > timedelta(seconds=BLIND_SECONDS)

    async def _trust(self, life: Life, view: StateView) -> None:
        """Say that the agent's directory is trusted, as its order does; once in a life."""
        self._opened.add(life.token)
        try:
            strokes = find_kind(life.order.kind).answer(view.details, "allow")
        except (InvalidRequestError, NotFoundError) as error:
            log.warning("gate_not_opened", agent=life.agent, error=str(error))
            return
        log.info("gate_opened", agent=life.agent, gate="trust", directory=life.order.directory)
        await self._ender.type(life, strokes)

    async def _limit(self, life: Life, view: StateView) -> str | None:
        now = self._clock.now()
        since = self._interrupted.get(life.agent)
        found = overdue(
            life,
            view,
            await self._last_sign(life),
            now,
            interrupted=since is not None and view.since is not None and since >= view.since,
        )
        if found is None:
            return None
        log.warning("agent_overdue", agent=life.agent, remedy=found.remedy, reason=found.reason)
        match found.remedy:
            case Remedy.STOP:
                await self._ender.stop(life.agent, reason=found.reason)
            case Remedy.INTERRUPT:
                self._interrupted[life.agent] = now
                await self._ender.interrupt(life)
            case Remedy.RESTART:
                return found.reason
            case Remedy.TELL:
                if life.reason != found.reason:
                    await self._book.save(life, reason=found.reason)
        return None

    async def _last_sign(self, life: Life) -> datetime | None:
        """Return when anything that comes from the agent itself was last seen."""
        if not life.order.limits.silent:
            return None
        view = await self._states.view(life.agent)
        signs = (*view.winning, *(one for one, _ in view.losing))
        mine = [one.at for one in signs if one.sighting.source is not ObservationSource.PROCESS]
        return max(mine, default=None)


def _any(limits: Limits) -> bool:
    return bool(limits.idle or limits.turn or limits.total or limits.silent)
