"""What agents export by OpenTelemetry as events. Pure.

Logs become `EventKind.LOG_REPORTED`, numbers `EventKind.METRIC_REPORTED`. An answer that Claude
Code exports with its cost is the metric ``answer.cost``: it names no message, so it cannot be told
to be the answer in the transcript, and would count twice as one; it is reconciled with those.
Tokens of questions that Gemini CLI asks beside its chat are told by nobody else, and are an answer.
What only repeats, piece by piece, what others tell is taken, but not kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.gemini_chat_events import usage_of
from iterm_mcp.agents.events.otlp_records import (
    Origin,
    attributes_of,
    number_of,
    records,
    time_at,
    told_of,
    value_of,
)
from iterm_mcp.agents.events.telling import digest, rows, table, time_of, word
from iterm_mcp.models.events import MAX_NAME_CHARACTERS, Event, EventKind, event_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from iterm_mcp.models.events import Links
    from iterm_mcp.models.observations import Json

SOURCE = "otlp"
ANSWER_COST = "answer.cost"
"""The metric by which an agent says what one answer cost."""
NOISE = frozenset(
    {"codex.websocket_event", "codex.websocket_request", "gemini_cli.hook_call",
     "gemini_cli.api_request", "gen_ai.client.inference.operation.details",
     "claude_code.hook_registered"}
)  # fmt: skip
TEXTS = ("prompt", "response", "error", "error_message", "tool_input", "arguments", "output")
"""What a search looks through, of an event's attributes."""
NUMBERS = ("gauge", "sum")
DISTRIBUTIONS = ("histogram", "exponentialHistogram", "summary")


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export held.

    Attributes:
        rejected: How many records are none, by the letter of OTLP.
    """

    events: tuple[Event, ...]
    rejected: int = 0


def read_logs(body: Mapping[str, Json], at: datetime) -> Exported:
    """Return what an ``ExportLogsServiceRequest`` tells.

    Args:
        at: When it came, for records that name no time.
    """
    found = records(body, "resourceLogs", "scopeLogs", "logRecords")
    return Exported(tuple(event for pair in found for event in _log(*pair, at)))


def _log(origin: Origin, record: Mapping[str, Json], at: datetime) -> Iterator[Event]:
    attributes = attributes_of(record)
    name = _name(record, attributes)
    if not name or name in NOISE:
        return
    if name == "codex.sse_event" and "input_token_count" not in attributes:
        return
    when = (
        time_of(word(attributes, "event.timestamp"))
        or time_at(record, "timeUnixNano", "observedTimeUnixNano")
        or at
    )
    links = origin.links(name, attributes, word(record, "traceId"))
    told = told_of(attributes)
    stamp = str(record.get("timeUnixNano") or "0")
    stamp = stamp if stamp != "0" else str(record.get("observedTimeUnixNano") or when.isoformat())
    texts = [text for one in TEXTS if (text := word(told, one))]
    milliseconds = number_of(told.get("duration_ms"))
    event = Event(
        key=event_key(
            SOURCE, "log", origin.service, links.conversation, name, stamp, digest(attributes)
        ),
        at=when,
        kind=EventKind.LOG_REPORTED,
        source=SOURCE,
        subject=name[:MAX_NAME_CHARACTERS],
        text="\n".join(texts) or word(table(record, "body"), "stringValue"),
        links=links,
        payload={"name": name, "attributes": told},
        duration_seconds=None if milliseconds is None else max(milliseconds, 0) / 1000,
    )
    yield _answer(event, told)


def _name(record: Mapping[str, Json], attributes: Mapping[str, Json]) -> str:
    """Return what happened; Claude Code has the whole name in the body alone."""
    body = value_of(table(record, "body"))
    if isinstance(body, str) and body.startswith("claude_code."):
        return body[:MAX_NAME_CHARACTERS]
    own = word(record, "eventName")
    return (word(attributes, "event.name") or (own if " " not in own else ""))[:MAX_NAME_CHARACTERS]


def _answer(event: Event, told: Mapping[str, Json]) -> Event:
    """Return the event of an answer, if that is what a log tells of."""
    cost = number_of(told.get("cost_usd"))
    if event.subject == "claude_code.api_request" and cost is not None:
        payload: dict[str, Json] = {
            "name": ANSWER_COST, "value": cost, "unit": "USD", "attributes": dict(told),
        }  # fmt: skip
        return replace(event, kind=EventKind.METRIC_REPORTED, subject=ANSWER_COST, payload=payload)
    aside = word(told, "role").startswith("utility_")
    if event.subject == "gemini_cli.api_response" and aside:
        names = {"input": "input", "output": "output", "cached": "cached_content",
                 "thoughts": "thoughts", "tool": "tool"}  # fmt: skip
        tokens = {one: told.get(f"{name}_token_count") for one, name in names.items()}
        payload = {"message": "", "aside": word(told, "role")}
        return replace(
            event, kind=EventKind.MODEL_ANSWERED, subject=event.links.model, payload=payload,
            usage=usage_of(tokens),
        )  # fmt: skip
    return event


def read_metrics(body: Mapping[str, Json], at: datetime) -> Exported:
    """Return what an ``ExportMetricsServiceRequest`` tells, a number an event.

    A sum that grows is told again with every export, and kept when it has changed.
    """
    events: list[Event] = []
    rejected = 0
    for origin, metric in records(body, "resourceMetrics", "scopeMetrics", "metrics"):
        for form in (*NUMBERS, *DISTRIBUTIONS):
            for point in rows(table(metric, form), "dataPoints"):
                event = _point(origin, metric, form, point, at)
                if event is None:
                    rejected += 1
                else:
                    events.append(event)
    return Exported(tuple(events), rejected)


def _point(
    origin: Origin,
    metric: Mapping[str, Json],
    form: str,
    point: Mapping[str, Json],
    at: datetime,
) -> Event | None:
    name = word(metric, "name")[:MAX_NAME_CHARACTERS]
    value = number_of(point.get("asInt", point.get("asDouble")))
    if form in DISTRIBUTIONS:
        value = number_of(point.get("sum", 0))
    if not name or value is None:
        return None
    attributes = attributes_of(point)
    links: Links = origin.links(name, attributes)
    delta = table(metric, form).get("aggregationTemporality") in {
        1,
        "AGGREGATION_TEMPORALITY_DELTA",
    }
    payload: dict[str, Json] = {
        "name": name,
        "value": value,
        "unit": word(metric, "unit"),
        "attributes": told_of(attributes),
        "sum": "delta" if delta else "so_far" if form != "gauge" else "",
    }
    if form in DISTRIBUTIONS:
        payload["count"] = number_of(point.get("count"))
    begun, now = str(point.get("startTimeUnixNano")), str(point.get("timeUnixNano"))
    said = digest(value, payload.get("count"))
    stamp = now if delta or form == "gauge" else f"{begun}={said}"
    return Event(
        key=event_key(
            SOURCE, "metric", origin.service, links.conversation or links.session or links.agent,
            name, digest(attributes), stamp,
        ),
        at=time_at(point, "timeUnixNano") or at,
        kind=EventKind.METRIC_REPORTED,
        source=SOURCE,
        subject=name,
        links=links,
        payload=payload,
    )  # fmt: skip


def read_traces(body: Mapping[str, Json], at: datetime) -> Exported:
    """Return what an ``ExportTraceServiceRequest`` tells of agents' own doings.

    Kept are the spans of Claude Code and those that follow the conventions for models and agents;
    what else a program traces of its insides is not.
    """
    events: list[Event] = []
    rejected = 0
    for origin, span in records(body, "resourceSpans", "scopeSpans", "spans"):
        name, trace, own = word(span, "name"), word(span, "traceId"), word(span, "spanId")
        if not name or not trace or not own:
            rejected += 1
            continue
        attributes = attributes_of(span)
        if not name.startswith("claude_code.") and not any(
            one.startswith("gen_ai.") for one in attributes
        ):
            continue
        events.append(_span(origin, span, attributes, at))
    return Exported(tuple(events), rejected)


def _span(
    origin: Origin, span: Mapping[str, Json], attributes: Mapping[str, Json], at: datetime
) -> Event:
    name, trace = word(span, "name")[:MAX_NAME_CHARACTERS], word(span, "traceId")
    begun, over = time_at(span, "startTimeUnixNano"), time_at(span, "endTimeUnixNano")
    payload: dict[str, Json] = {
        "name": name,
        "span": word(span, "spanId"),
        "parent": word(span, "parentSpanId"),
        "status": word(table(span, "status"), "code") or table(span, "status").get("code"),
        "attributes": told_of(attributes),
    }
    seconds = (over - begun).total_seconds() if begun and over else None
    return Event(
        key=event_key(SOURCE, "span", trace, word(span, "spanId")),
        at=over or begun or at,
        kind=EventKind.LOG_REPORTED,
        source=SOURCE,
        subject=name,
        text=word(table(span, "status"), "message"),
        links=origin.links(name, attributes, trace),
        payload=payload,
        duration_seconds=None if seconds is None else max(seconds, 0.0),
    )
