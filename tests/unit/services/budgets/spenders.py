"""What budgets stand on, in tests: kept events, agents, and who acts on them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.models.agents import Registry
from iterm_mcp.models.events import (
    Cost,
    CostBasis,
    Event,
    EventKind,
    EventNumber,
    KeptEvent,
    Links,
    TokenUsage,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from iterm_mcp.models.alerts import Alert
    from iterm_mcp.models.ids import AgentName

NOON = datetime(2026, 1, 7, 12, tzinfo=UTC)


def answer(
    nano: int | None,
    tokens: int = 10,
    *,
    at: datetime = NOON,
    agent: str = "ada",
    team: str = "dev",
    conversation: str = "c1",
    session: str = "S1",
) -> Event:
    """Return an answer of a model; without an amount its cost is unknown."""
    cost = Cost(nano or 0, CostBasis.UNPRICED if nano is None else CostBasis.COMPUTED)
    links = Links(session=session, agent=agent, team=team, conversation=conversation)
    return Event(
        key="one",
        at=at,
        kind=EventKind.MODEL_ANSWERED,
        source="test",
        links=links,
        usage=TokenUsage(input=tokens),
        cost=cost,
    )


class Told:
    """A store of events that are all told at once."""

    def __init__(self) -> None:
        self.kept: list[KeptEvent] = []
        self.closed = False
        self._more = anyio.Event()

    @property
    def newest(self) -> EventNumber:
        return self.kept[-1].number if self.kept else EventNumber(0)

    def keep(self, *events: Event) -> None:
        for one in events:
            self.kept.append(KeptEvent(EventNumber(self.newest + 1), one.at, one))
        self._more.set()

    def close(self) -> None:
        self.closed = True
        self._more.set()

    async def after(self, number: int) -> AsyncGenerator[tuple[KeptEvent, ...], None]:
        while True:
            found = tuple(one for one in self.kept if one.number > number)[:7]
            if found:
                number = found[-1].number
                yield found
                continue
            if self.closed:
                return
            self._more = anyio.Event()
            await self._more.wait()


class Recorded:
    """Takes events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, *events: Event) -> None:
        self.events += events


class TellTale:
    """Is told of alerts."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.news = anyio.Event()

    def __call__(self, alert: Alert) -> None:
        self.alerts.append(alert)
        self.news.set()


class Handler:
    """Holds and ends agents; those that somebody suspended are known.

    Attributes:
        dies: Is raised once the next act was done, as if the daemon died then.
    """

    def __init__(self, suspended: set[str] | None = None) -> None:
        self.done: list[tuple[str, str]] = []
        self.suspended = set() if suspended is None else suspended
        self.error: Exception | None = None
        self.dies: BaseException | None = None
        self.acted = anyio.Event()

    async def is_suspended(self, agent: AgentName) -> bool:
        if self.error is not None:
            raise self.error
        return agent in self.suspended

    async def suspend(self, agent: AgentName, reason: str) -> None:
        assert reason
        self.suspended.add(agent)
        self._do("suspend", agent)

    async def resume(self, agent: AgentName) -> None:
        self.suspended.discard(agent)
        self._do("resume", agent)

    async def interrupt(self, agent: AgentName) -> bool:
        self._do("interrupt", agent)
        return True

    async def stop(self, agent: AgentName, reason: str) -> None:
        assert reason
        self._do("stop", agent)

    def _do(self, what: str, agent: AgentName) -> None:
        if self.error is not None:
            raise self.error
        self.done.append((what, str(agent)))
        self.acted.set()
        dies, self.dies = self.dies, None
        if dies is not None:
            raise dies


class Someone:
    """Knows who our agents are."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = registry or Registry((), ())

    async def load(self) -> Registry:
        return self.registry
