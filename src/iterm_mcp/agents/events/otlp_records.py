"""The records of OTLP as JSON, flat: attributes, times, what they belong to. Pure.

Of every export the attributes of the resource count for all its records, and the record's own go
before them. ``iterm_mcp.session``, ``.agent``, ``.team``, ``.task`` and ``.step`` say whose it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.telling import moment, rows, table, word
from iterm_mcp.models.events import MAX_NAME_CHARACTERS, Links

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

DEPTH = 8
"""Values that are nested deeper are left out."""
KINDS = {"claude_code": "claude", "codex": "codex", "gemini_cli": "gemini"}
"""What the names of records begin with, by what we call the agent's kind."""
SERVICES = (("claude-code", "claude"), ("codex", "codex"), ("gemini-cli", "gemini"))
OURS = "iterm_mcp."
CONVERSATIONS = ("session.id", "conversation.id", "gen_ai.conversation.id")
CALLS = ("tool_use_id", "call_id", "gen_ai.tool.call.id")
MODELS = ("model", "gen_ai.response.model", "gen_ai.request.model")
PERSONAL = re.compile(
    r"(?:user|organization|installation|host|process|os|telemetry\.sdk|auth|config)\..*"
)
"""Names of attributes that tell of a person or a machine, not of what happened."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where records come from: a resource and a scope."""

    resource: Mapping[str, Json]

    @property
    def service(self) -> str:
        """The name of the program."""
        return word(self.resource, "service.name")

    def kind(self, name: str) -> str:
        """Return the kind of the agent that tells a thing by this name; empty if it is none."""
        own = KINDS.get(name.partition(".")[0])
        return own or next((kind for word, kind in SERVICES if self.service.startswith(word)), "")

    def links(self, name: str, attributes: Mapping[str, Json], trace: str = "") -> Links:
        """Return what a record belongs to."""
        all_of = {**self.resource, **attributes}

        def first(*names: str) -> str:
            found = next((text for one in names if (text := word(all_of, one))), "")
            return found[:MAX_NAME_CHARACTERS]

        return Links(
            session=first(f"{OURS}session"),
            agent=first(f"{OURS}agent"),
            team=first(f"{OURS}team"),
            task=first(f"{OURS}task"),
            step=first(f"{OURS}step"),
            kind=self.kind(name),
            conversation=first(*CONVERSATIONS),
            subagent=first("agent_id"),
            turn=first("prompt.id"),
            call=first(*CALLS),
            model=first(*MODELS),
            trace=trace if re.fullmatch(r"[0-9a-f]{32}", trace) else "",
        )


def records(
    body: Mapping[str, Json], resources: str, scopes: str, name: str
) -> Iterator[tuple[Origin, dict[str, Json]]]:
    """Return all records of an export, such as those in ``resourceLogs/scopeLogs/logRecords``."""
    for resource in rows(body, resources):
        origin = Origin(attributes_of(table(resource, "resource")))
        for scope in rows(resource, scopes):
            for record in rows(scope, name):
                yield origin, record


def attributes_of(record: Mapping[str, Json]) -> dict[str, Json]:
    """Return a record's attributes by name; one that comes twice counts as it came last."""
    return {
        key: value_of(table(one, "value"))
        for one in rows(record, "attributes")
        if (key := word(one, "key"))
    }


def told_of(attributes: Mapping[str, Json]) -> dict[str, Json]:
    """Return the attributes that tell what happened."""
    return {
        key: value
        for key, value in attributes.items()
        if not key.startswith(OURS) and PERSONAL.fullmatch(key) is None and value is not None
    }


def value_of(value: Mapping[str, Json], depth: int = 0) -> Json:
    """Return an attribute's value; None for one of no known form."""
    if depth > DEPTH:
        return None
    for name in ("stringValue", "boolValue", "bytesValue"):
        if name in value:
            return value[name]
    if "intValue" in value or "doubleValue" in value:
        return number_of(value.get("intValue", value.get("doubleValue")))
    if "arrayValue" in value:
        found = rows(table(value, "arrayValue"), "values")
        return [value_of(one, depth + 1) for one in found]
    if "kvlistValue" in value:
        pairs = rows(table(value, "kvlistValue"), "values")
        return {word(one, "key"): value_of(table(one, "value"), depth + 1) for one in pairs}
    return None


def number_of(value: Json) -> int | float | None:
    """Return a number, which JSON may hold as a text; None for none and for those without end."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = int(value) if re.fullmatch(r"-?\d{1,20}", value) else float(value)
        except ValueError:
            return None
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else None
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    return None


def time_at(record: Mapping[str, Json], *names: str) -> datetime | None:
    """Return the first time that is told, of those in nanoseconds since 1970."""
    for name in names:
        nanoseconds = number_of(record.get(name))
        if nanoseconds and nanoseconds > 0:
            return moment(nanoseconds / 1e9)
    return None
