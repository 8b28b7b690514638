"""Events as JSON, without what is empty. Pure."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.event_queries import LINKS
from iterm_mcp.models.events import TokenUsage

if TYPE_CHECKING:
    from iterm_mcp.models.events import KeptEvent

_USAGE = tuple(one.name for one in fields(TokenUsage))


def event_answer(kept: KeptEvent) -> dict[str, Any]:
    """Return an event; what it does not tell is left out."""
    event = kept.event
    answer: dict[str, Any] = {
        "number": int(kept.number),
        "at": event.at.isoformat(),
        "kept_at": kept.kept_at.isoformat(),
        "kind": event.kind.value,
        "source": event.source,
        "key": event.key,
        "subject": event.subject,
        "text": event.text,
        "links": {name: value for name in LINKS if (value := getattr(event.links, name))},
        "payload": dict(event.payload),
    }
    if event.duration_seconds is not None:
        answer["duration_seconds"] = event.duration_seconds
    if event.usage is not None:
        answer["usage"] = {
            name: value for name in _USAGE if (value := getattr(event.usage, name))
        } | {"total": event.usage.total}
    if event.cost is not None:
        answer["cost"] = {"dollars": event.cost.dollars, "basis": event.cost.basis.value}
    return answer
