"""What makes spans, over a sink that keeps them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.agent_lives import AgentOrder, Desired, Life, Phase
from iterm_mcp.models.deliveries import Delivery, DeliveryId, Move, Policy, Stage
from iterm_mcp.models.event_queries import EventPage
from iterm_mcp.models.events import Event, EventKind, EventNumber, KeptEvent, Links
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.services.traces.messages import trace_of_new
from iterm_mcp.telemetry.trace_context import TraceContext, within
from iterm_mcp.telemetry.tracing import Span, Tracer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.event_queries import EventQuery

START = datetime(2026, 1, 1, tzinfo=UTC)
CLIENT = TraceContext("a" * 32, "b" * 16)
"""In which a client calls."""


class Kept:
    """Keeps spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def take(self, span: Span) -> None:
        self.spans.append(span)

    def named(self, start: str) -> list[Span]:
        return [one for one in self.spans if one.name.startswith(start)]


def tracer(kept: Kept, ratio: float = 1.0, *, arguments: bool = False) -> Tracer:
    return Tracer(kept, ratio, arguments=arguments)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def message(
    traced: Tracer, text: str, *, agent: str = "ada", at: float = 0.0, name: str = "d-1"
) -> Delivery:
    """Return a message that was accepted in the client's trace."""
    with within(CLIENT):
        details = trace_of_new(traced)
    return Delivery(
        DeliveryId(name), AgentName(agent), SessionId("S"), text, Policy.MESSAGE, 0, after(at),
        after(at + 100), (Move(Stage.ACCEPTED, after(at)),), details=details,
    )  # fmt: skip


def event(kind: EventKind, at: float, /, *, text: str = "", **more: Any) -> Event:  # noqa: ANN401
    """Return an event of the agent ada's conversation; what is a link goes there."""
    links = {name: more.pop(name) for name in list(more) if name in Links.__dataclass_fields__}
    links = {"agent": "ada", "kind": "claude", "conversation": "c", "turn": "t1"} | links
    others = {name: more.pop(name) for name in ("usage", "duration_seconds") if name in more}
    key = f"{kind}/{links['conversation']}/{links['turn']}/{links.get('call', '')}/{text}"
    return Event(
        key=more.pop("key", key), at=after(at), kind=kind, source="test", text=text,
        links=Links(**links), payload=more, **others,
    )  # fmt: skip


def life(**more: Any) -> Life:  # noqa: ANN401
    known: dict[str, Any] = {
        "agent": AgentName("ada"), "order": AgentOrder("claude", "/"), "desired": Desired.RUNNING,
        "phase": Phase.RUNNING, "token": "c" * 16, "trace": CLIENT.trace_id, "ordered_at": START,
        "epoch": 1, "begun_at": START,
    }  # fmt: skip
    return Life(**(known | more))


class Past:
    """A store of events."""

    def __init__(self, events: Sequence[Event] = (), error: Exception | None = None) -> None:
        self.events = list(events)
        self.asked = 0
        self._error = error

    async def query(self, query: EventQuery) -> EventPage:
        self.asked += 1
        if self._error is not None:
            raise self._error
        found = [
            KeptEvent(EventNumber(number), START, one)
            for number, one in enumerate(self.events)
            if one.kind in query.kinds and one.links.conversation == query.links.conversation
        ]
        return EventPage(tuple(reversed(found)), "")
