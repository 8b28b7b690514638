"""What was seen of an agent: one fact, at one moment, by one source.

Observations are only ever added. What an agent's state is follows from them alone, so it can be
explained, and a recorded ledger of them gives the same states again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.ids import AgentName

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class Fact(StrEnum):
    """What an observation is about, and the keys of its value.

    An empty value says that there is none: no dialog, no trouble. Unknown keys are kept. ``at`` is
    when it was so, ISO 8601, where the source tells that.
    """

    OCCUPANT = "occupant"
    """Who has the session's terminal: ``who`` (agent, shell, multiplexer, in which an agent may
    be, other, nobody), ``pid``, ``started``
    (when the process was started, in the system's own unit), ``command``, ``stopped`` (the
    agent's process is suspended)."""
    ACTIVITY = "activity"
    """``is``: starting, idle, busy, waiting (for a person), shell (idle with a background shell),
    compacting. ``marked`` where a shell's own mark says so, which is no guess; ``early`` where a
    program at its start may ask something yet, though its composer is drawn."""
    GATE = "gate"
    """What stands before its composer: ``name`` (trust, login, theme, resume, update)."""
    DIALOG = "dialog"
    """What it asks a person: ``id``, ``asks`` (permission, question), ``tool``, ``input``,
    ``text``, ``options`` (a list of texts)."""
    COMPOSER = "composer"
    """``holds``: nothing, draft (somebody's text), ghost (a suggestion), ours, pasted; ``text``."""
    TURN = "turn"
    """``phase``: submitted, queued, dequeued, started, ended, interrupted, failed; ``prompt``,
    ``prompt_id``, ``message``."""
    BACKGROUND = "background"
    """``count`` of things that go on after the turn."""
    TROUBLE = "trouble"
    """``what``: rate_limited, auth_failed, api_retry, billing, overloaded; ``attempt``, ``of``,
    ``until``."""
    CONVERSATION = "conversation"
    """``id`` under which it can be resumed, ``transcript`` (a path), ``model``."""
    OUTCOME = "outcome"
    """``is`` (done, failed) as asserted ``by`` a sentinel, exit code, schema or check; ``text``."""
    EXIT = "exit"
    """The process ended: ``code`` or ``signal``, or neither when nobody saw it."""
    LIFE = "life"
    """What we ourselves do with it: ``is`` (creating, restarting, quarantined), ``why``, ``until``;
    empty when it is left to itself."""
    GAP = "gap"
    """Its source could not be asked for a while, ``why``: what it said before of what goes on
    counts for nothing until it says it again."""


class ObservationSource(StrEnum):
    """Who saw it, the most trusted first."""

    PROTOCOL = "protocol"
    """The agent's own protocol: app-server, stream-json."""
    REGISTRY = "registry"
    """The file in which a running agent keeps its status."""
    HOOK = "hook"
    TRANSCRIPT = "transcript"
    TITLE = "title"
    """Terminal sequences: titles, progress, marks of a shell."""
    SCREEN = "screen"
    QUIET = "quiet"
    """Nothing has changed for a while."""
    PROCESS = "process"

    @property
    def rank(self) -> int:
        """0 for the most trusted."""
        return _RANKS[self]


_RANKS = {source: rank for rank, source in enumerate(ObservationSource)}


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one source saw, before it is known of which agent and when.

    Attributes:
        evidence: The raw excerpt it was read from, at most 2000 characters.
    """

    fact: Fact
    value: Mapping[str, Json]
    source: ObservationSource
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """A sighting of an agent.

    Attributes:
        number: Counts up over all observations; 0 until stored.
        agent: Whose it is.
        epoch: Which life of the agent: it grows with every start, so that what a former
            process did is never taken for its successor's.
        at: When it was seen, or happened if the source tells, in UTC.
    """

    agent: AgentName
    epoch: int
    sighting: Sighting
    at: datetime
    number: int = 0
