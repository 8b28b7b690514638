"""What tools were given, on their spans, where a user asks for that."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.services.events.redaction import redact_json
from iterm_mcp.telemetry import conventions as names

if TYPE_CHECKING:
    from iterm_mcp.models.events import Event
    from iterm_mcp.models.observations import Json
    from iterm_mcp.telemetry.tracing import Span

MOST_CHARACTERS = 4000


def shown_arguments(given: Json) -> str:
    """Return arguments as JSON without secrets, cut to what a span may hold."""
    text = json.dumps(redact_json(given), ensure_ascii=False, default=str)
    return text[:MOST_CHARACTERS]


def with_arguments(span: Span, event: Event) -> Span:
    """Return the span of a use of a tool with what the tool was given, if the event tells that."""
    given = event.payload.get("input")
    if given is None:
        return span
    return replace(span, attributes={**span.attributes, names.ARGUMENTS: shown_arguments(given)})
