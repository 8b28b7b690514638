"""The one way into the event store: placed, priced, without secrets, of a bounded size."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from anyio import to_thread

from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.cutting import cut_event
from iterm_mcp.services.events.redaction import redact_event
from iterm_mcp.services.events.task_links import TaskLinks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterm_mcp.models.agents import Agent, Registry
    from iterm_mcp.models.events import Event, Kept, Links
    from iterm_mcp.services.events.prices import Prices, PriceSource

IN_THREAD = 20
"""So many events at once are looked through in a thread; fewer take less than the way there."""

REMEMBERED_CONVERSATIONS = 10_000

OF_ITS_CONVERSATION = frozenset(
    {EventKind.PERMISSION_REQUESTED, EventKind.PERMISSION_ANSWERED, EventKind.QUESTION_ASKED,
     EventKind.MESSAGE_MOVED, EventKind.HANDOFF_MADE}
)  # fmt: skip
"""What is told of an agent alone, and belongs to the conversation that it was in last."""


class Sink(Protocol):
    """Where events are kept."""

    async def append(self, events: Sequence[Event]) -> Kept:
        """Keep events; when it returns they stand on the disk.

        Raises:
            StoreError: They could not be kept, or not now; see its hint.
        """


class Registered(Protocol):
    """Who our agents are."""

    async def load(self) -> Registry:
        """Return all agents and teams."""


class IntakeObserver(Protocol):
    """Is told what was taken in."""

    def events_kept(self, events: Sequence[Event], kept: Kept) -> None:
        """Note events that are kept, new and repeated ones. Must not raise."""


class EventTraces(Protocol):
    """Knows to which trace each event belongs."""

    async def take(self, events: Sequence[Event]) -> list[Event]:
        """Take note of events that are about to be kept, and return them with their traces."""


class SilentIntakeObserver:
    """Notes nothing."""

    def events_kept(self, events: Sequence[Event], kept: Kept) -> None:
        """Do nothing."""


class EventIntake:
    """Takes events in from every source.

    Args:
        sink: The event store.
        prices: Asked for the cost of answers that come without one.
        agents: Whose sessions and conversations are looked up.

    Attributes:
        tasks: For which task each agent works.
        traces: None where nothing is traced.
    """

    def __init__(
        self,
        sink: Sink,
        prices: PriceSource,
        agents: Registered,
        observer: IntakeObserver | None = None,
    ) -> None:
        self._sink = sink
        self._prices = prices
        self._agents = agents
        self._observer = observer or SilentIntakeObserver()
        self.tasks = TaskLinks()
        self.traces: EventTraces | None = None
        self._homes: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._talks: dict[str, str] = {}

    async def take(self, events: Sequence[Event]) -> Kept:
        """Keep events; when it returns they stand on the disk. The same event twice is kept once.

        Raises:
            StoreError: They could not be kept, or not now: try again later with the same events.
        """
        place = self._placer(await self._agents.load())
        placed = [replace(one, links=place(self._conversing(one))) for one in events]
        if self.traces is not None:
            placed = await self.traces.take(placed)
        if any(one.usage is not None and one.cost is None for one in placed):
            prices = await self._prices.get()
            placed = [_priced(one, prices) for one in placed]
        if len(placed) < IN_THREAD:
            ready = [_prepared(one) for one in placed]
        else:
            ready = await to_thread.run_sync(lambda: [_prepared(one) for one in placed])
        kept = await self._sink.append(ready)
        self._observer.events_kept(ready, kept)
        return kept

    def _placer(self, registry: Registry) -> Callable[[Links], Links]:
        """Return what completes an event's links by the registry, and by what was said before.

        A terminal session tells the agent; a conversation that was once seen with a session or an
        agent tells both.
        """
        by_session = {str(one.session_id).upper(): one for one in registry.agents}
        by_name = {str(one.name): one for one in registry.agents}

        def place(links: Links) -> Links:
            session = links.session.rpartition(":")[2].upper()
            found = by_session.get(session) if session else by_name.get(links.agent)
            if found is None and links.conversation in self._homes and not links.agent:
                name, session = self._homes[links.conversation]
                found = by_name.get(name)
                links = replace(links, agent=name)  # it may be forgotten by now
            agent, session = _names(found, links, session)
            if links.conversation and (agent or session):
                self._remember(links.conversation, (agent, session))
            team = links.team or (str(found.teams[0]) if found and found.teams else "")
            kind = links.kind or (found.kind if found else "")
            task = links.task or self.tasks.of(agent)
            return replace(links, session=session, agent=agent, team=team, kind=kind, task=task)

        return place

    def _conversing(self, event: Event) -> Links:
        links = event.links
        if not links.conversation and event.kind in OF_ITS_CONVERSATION:
            return replace(links, conversation=self._talks.get(links.agent, ""))
        return links

    def _remember(self, conversation: str, home: tuple[str, str]) -> None:
        self._homes[conversation] = home
        if home[0]:
            self._talks[home[0]] = conversation
        self._homes.move_to_end(conversation)
        if len(self._homes) > REMEMBERED_CONVERSATIONS:
            self._homes.popitem(last=False)


def _names(found: Agent | None, links: Links, session: str) -> tuple[str, str]:
    if found is None:
        return links.agent, session
    return str(found.name), session or str(found.session_id)


def _priced(event: Event, prices: Prices) -> Event:
    if event.usage is None or event.cost is not None:
        return event
    speed = event.payload.get("speed")
    fast = speed if isinstance(speed, str) and speed != "standard" else ""
    cost = prices.cost(event.usage, event.links.model, event.links.kind, event.at, speed=fast)
    return replace(event, cost=cost)


def _prepared(event: Event) -> Event:
    return cut_event(redact_event(event))  # in this order: half a secret is not known as one
