"""How large a conversation's context was over time, and what was handed to others of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.accounts import ContextSize, Handoff
from iterm_mcp.models.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.events import Event

MOST_POINTS = 500
TEXT_CHARACTERS = 300


def context_tokens(event: Event) -> int | None:
    """Return how large the agent's own context is after an event; None where it does not tell."""
    if event.links.subagent:
        return None
    if event.kind is EventKind.MODEL_ANSWERED and event.usage is not None:
        return event.usage.total
    after = event.payload.get("tokens_after")
    if event.kind is EventKind.CONTEXT_COMPACTED and isinstance(after, int) and after > 0:
        return after
    return None


def contexts_of(events: Sequence[Event], most: int = MOST_POINTS) -> tuple[ContextSize, ...]:
    """Return the sizes in the order of time; of more than `most` the largest of each stretch."""
    sizes = [
        ContextSize(one.at, tokens) for one in events if (tokens := context_tokens(one)) is not None
    ]
    if len(sizes) <= most:
        return tuple(sizes)
    last = sizes.pop()
    stretch = -(-len(sizes) // (most - 1))
    parts = (sizes[start : start + stretch] for start in range(0, len(sizes), stretch))
    return (*(max(part, key=lambda one: one.tokens) for part in parts), last)


def handoffs_of(events: Sequence[Event]) -> tuple[Handoff, ...]:
    """Return what was handed to others; events come in the order of time."""
    return tuple(_handoff(one) for one in events if one.kind is EventKind.HANDOFF_MADE)


def _handoff(event: Event) -> Handoff:
    tokens, latency = event.payload.get("context_tokens"), event.payload.get("latency_seconds")
    return Handoff(
        event.at,
        str(event.payload.get("to") or ""),
        str(event.payload.get("means") or ""),
        event.text[:TEXT_CHARACTERS],
        tokens if isinstance(tokens, int) else None,
        float(latency) if isinstance(latency, (int, float)) else 0.0,
    )
