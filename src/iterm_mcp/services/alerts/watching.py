"""Looks for what is worth an alert, and settles what is over."""

from __future__ import annotations

import shutil
from collections import deque
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.alerts import AlertKind, Finding, Severity
from iterm_mcp.models.events import EventKind
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.alerts.finding import (
    AlertRules,
    agent_finding,
    disk_finding,
    intake_finding,
)
from iterm_mcp.services.background import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.event_queries import EventStats
    from iterm_mcp.models.events import Event, Kept
    from iterm_mcp.services.alerts.alert_file import AlertSettings
    from iterm_mcp.services.alerts.book import Alerts
    from iterm_mcp.services.events.intake import Registered

log = structlog.get_logger()

EVERY_SECONDS = 5.0
MOST_WAITING = 1000
"""Events that wait to be looked at; the oldest are left out beyond."""

FRESH = timedelta(hours=1)
"""What happened longer ago, and is told only now, is no news."""

_DEAD = frozenset({"refused", "expired", "unknown"})
_NEWS = frozenset(
    {
        EventKind.AGENT_CRASHED, EventKind.AGENT_STARTED, EventKind.TURN_FAILED,
        EventKind.TURN_ENDED, EventKind.PROMPT_SUBMITTED, EventKind.MESSAGE_MOVED,
    }
)  # fmt: skip
_LOOKED_AT = (AlertKind.STUCK, AlertKind.WAITING, AlertKind.QUARANTINED)
_OF_AGENTS = (*_LOOKED_AT, AlertKind.CRASHED, AlertKind.FAILED, AlertKind.DEAD_LETTER)


class Viewed(Protocol):
    """Knows what agents do."""

    async def view(self, agent: AgentName) -> StateView:
        """Return the state that follows now from all that was seen."""


class Dead(Protocol):
    """Knows messages that did not arrive."""

    async def dead(self, agent: AgentName | None = None) -> Sequence[object]:
        """Return them, of an agent."""


class AlertWatch:
    """Raises and settles alerts about agents, messages and the keeping of events.

    Args:
        stats: Tells how the store of events is.
        folder: Whose disk shall have room.
    """

    def __init__(
        self,
        alerts: Alerts,
        agents: Registered,
        states: Viewed,
        dead: Dead,
        stats: Callable[[], EventStats],
        folder: str,
        clock: Clock,
    ) -> None:
        self._alerts = alerts
        self._agents = agents
        self._states = states
        self._dead = dead
        self._stats = stats
        self._folder = folder
        self._clock = clock
        self._begun = clock.now()
        self._heard: dict[str, datetime] = {}
        self._news: deque[Event] = deque(maxlen=MOST_WAITING)
        self.rules = AlertRules()

    def events_kept(self, events: Sequence[Event], kept: Kept) -> None:
        """Note what was taken in."""
        if not kept.new:
            return
        now = self._clock.now()
        for event in events:
            if event.links.agent:
                self._heard[event.links.agent] = now
                if event.kind in _NEWS and now - event.at < FRESH:
                    self._news.append(event)

    def use(self, settings: AlertSettings) -> None:
        """Go by other rules from now on."""
        self.rules = settings.rules
        self._alerts.cooldown = timedelta(seconds=settings.rules.cooldown_seconds)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look every few seconds for the length of the block."""
        async with beside(self._run):
            yield

    async def look(self) -> None:
        """Raise what is wrong now, and settle what is not.

        Raises:
            ItermMcpError: Not everything could be looked at, or be kept.
        """
        registry = await self._agents.load()
        while self._news:
            await self._note(self._news[0])
            self._news.popleft()
        await self._look_at_agents(registry.agents)
        await self._compare((AlertKind.INTAKE,), [intake_finding(self._stats(), self.rules)])
        usage = await to_thread.run_sync(shutil.disk_usage, self._folder)
        await self._compare((AlertKind.DISK,), [disk_finding(usage.free, self._folder, self.rules)])

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except (ItermMcpError, OSError) as error:
                log.warning("alerts_not_looked_for", reason=str(error))
            await anyio.sleep(EVERY_SECONDS)

    async def _look_at_agents(self, agents: Sequence[Agent]) -> None:
        now = self._clock.now()
        found = []
        for agent in agents:
            try:
                view = await self._states.view(agent.name)
            except ItermMcpError as error:  # it was removed meanwhile
                log.debug("agent_not_looked_at", agent=agent.name, reason=str(error))
                continue
            team = str(agent.teams[0]) if agent.teams else ""
            heard = self._heard.get(str(agent.name), self._begun)
            found.append(agent_finding(view, team, heard, now, self.rules))
        await self._compare(_LOOKED_AT, found)
        names = {str(agent.name) for agent in agents}
        self._heard = {name: at for name, at in self._heard.items() if name in names}
        for kind in _OF_AGENTS:
            for name in await self._alerts.open_subjects(kind):
                over = kind is AlertKind.DEAD_LETTER and not await self._dead.dead(AgentName(name))
                if over or name not in names:
                    await self._alerts.settle(kind, name)

    async def _compare(self, kinds: tuple[AlertKind, ...], found: Iterable[Finding | None]) -> None:
        """Raise what was found of some kinds, and settle whatever else is open of them."""
        findings = [one for one in found if one is not None]
        for finding in findings:
            await self._alerts.raise_alert(finding)
        stand = {(one.kind, one.subject) for one in findings}
        for kind in kinds:
            for subject in await self._alerts.open_subjects(kind):
                if (kind, subject) not in stand:
                    await self._alerts.settle(kind, subject)

    async def _note(self, event: Event) -> None:
        name, team = event.links.agent, event.links.team
        raised = self._alerts.raise_alert
        match event.kind:
            case EventKind.AGENT_CRASHED:
                text = f"{name} crashed: {event.text}"
                await raised(Finding(AlertKind.CRASHED, name, Severity.WARNING, text, name, team))
            case EventKind.TURN_FAILED:
                text = f"a turn of {name} failed: {event.text or event.subject}"
                await raised(Finding(AlertKind.FAILED, name, Severity.WARNING, text, name, team))
            case EventKind.MESSAGE_MOVED:
                if event.payload.get("stage") in _DEAD:
                    text = f"a message to {name} was {event.subject}: {event.text}"
                    kind = AlertKind.DEAD_LETTER
                    await raised(Finding(kind, name, Severity.WARNING, text, name, team))
            case EventKind.AGENT_STARTED:
                await self._alerts.settle(AlertKind.CRASHED, name)
                await self._alerts.settle(AlertKind.FAILED, name)
            case _:
                await self._alerts.settle(AlertKind.FAILED, name)
