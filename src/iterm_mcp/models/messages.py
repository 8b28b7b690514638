"""Messages for agents, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.deliveries import DeliveryId, Stage
    from iterm_mcp.models.ids import AgentName, SessionId, TeamName


@dataclass(frozen=True, slots=True)
class Cascade:
    """A tree of texts; for each agent the most specific one wins.

    Attributes:
        broadcast: For every agent that no team's or agent's text reaches.
        teams: For a team's members and those of every team below it, unless a deeper team
            or the agent itself has a text of its own.
        agents: For one agent each.
    """

    broadcast: str | None = None
    teams: Mapping[TeamName, str] = field(default_factory=dict)
    agents: Mapping[AgentName, str] = field(default_factory=dict)


class Source(StrEnum):
    """Which level of a cascade gave an agent its text."""

    AGENT = "agent"
    TEAM = "team"
    BROADCAST = "broadcast"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The one text that a cascade holds for an agent, and why.

    Attributes:
        team: The team whose text won, when the source is a team.
    """

    agent: AgentName
    session_id: SessionId
    text: str
    source: Source
    team: TeamName | None = None


class ReceiptState(StrEnum):
    """What became of one delivery.

    ``accepted`` means that it is safe, and waits until the agent can take it; ``written`` that the
    terminal accepted every byte, Enter included; not that the
    agent has read them.
    """

    PLANNED = "planned"
    ACCEPTED = "accepted"
    WRITTEN = "written"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One agent's copy of a message.

    Attributes:
        state: ``planned`` in a dry run; ``refused`` when nothing was typed; ``unknown`` when
            the terminal was lost or silent while typing: it may or may not have arrived.
        reason: Why it was not written, or not yet; empty otherwise.
        at: When the state was reached, in UTC.
        delivery_id: Under which it can be asked for later; None where nothing was accepted.
        stage: How far exactly it has come; None likewise.
        evidence: What proves the stage; empty where our own doing does.
    """

    agent: AgentName
    session_id: SessionId
    text: str
    source: Source
    team: TeamName | None
    state: ReceiptState
    reason: str
    at: datetime
    delivery_id: DeliveryId | None = None
    stage: Stage | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class CascadeResult:
    """The receipts of one cascade, sorted by agent.

    Attributes:
        replayed: True when an earlier cascade with the same idempotency key answered, and
            nothing was typed again.
        unreached: Registered agents for whom the cascade held no text.
    """

    receipts: tuple[Receipt, ...]
    unreached: tuple[AgentName, ...] = ()
    replayed: bool = False
