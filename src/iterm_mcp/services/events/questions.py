"""Everything that may be asked of events, made once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.services.events.conversations import Conversations
from iterm_mcp.services.events.cost_checking import CostChecks
from iterm_mcp.services.events.costs import Costs
from iterm_mcp.services.events.exporting import Exporter
from iterm_mcp.services.events.history import History

if TYPE_CHECKING:
    from datetime import tzinfo

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.events.intake import Registered
    from iterm_mcp.store.events import EventStore


@dataclass(frozen=True, slots=True)
class EventQuestions:
    """Who answers what."""

    store: EventStore
    conversations: Conversations
    costs: Costs
    history: History
    exporter: Exporter
    clock: Clock


def make_questions(
    store: EventStore,
    clock: Clock,
    zone: tzinfo | None = None,
    agents: Registered | None = None,
) -> EventQuestions:
    """Return what answers from a store.

    Args:
        agents: Tells which teams agents are members of.
        zone: In which days begin and end; this machine's, if left out.
    """
    where = zone or clock.now().astimezone().tzinfo
    assert where is not None  # noqa: S101 - the time is aware
    return EventQuestions(
        store,
        Conversations(store, clock),
        Costs(store, where, CostChecks(store)),
        History(store, clock, where, agents),
        Exporter(store, clock),
        clock,
    )
