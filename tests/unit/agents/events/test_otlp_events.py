"""What real agents export by OTLP, read as events."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.events.claude_transcript_events import ClaudeTranscriptEvents
from iterm_mcp.agents.events.codex_rollout_events import CodexRolloutEvents
from iterm_mcp.agents.events.otlp_events import ANSWER_COST, read_logs, read_metrics, read_traces
from iterm_mcp.agents.events.otlp_records import number_of, value_of
from iterm_mcp.models.events import EventKind

if TYPE_CHECKING:
    from iterm_mcp.agents.events.otlp_events import Exported
    from iterm_mcp.models.events import Event
    from iterm_mcp.models.observations import Json

JOBS = Path(__file__).parents[3] / "fixtures" / "jobs"
NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)
READERS = {"/v1/logs": read_logs, "/v1/metrics": read_metrics, "/v1/traces": read_traces}
KINDS = ("claude", "codex", "gemini")


def exports(kind: str) -> list[dict[str, Any]]:
    lines = (JOBS / "otlp" / f"{kind}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def read(kind: str, path: str = "") -> list[Event]:
    told: list[Event] = []
    for one in exports(kind):
        if path in {"", one["path"]}:
            found = READERS[one["path"]](one["body"], NOW)
            assert found.rejected == 0
            told += found.events
    return told


def claude_answers() -> list[Event]:
    told: list[Event] = []
    for name in ("transcript", "subagent"):
        reader = ClaudeTranscriptEvents()
        lines = (JOBS / "otlp" / f"claude_{name}.jsonl").read_bytes().splitlines()
        told += reader.read(lines) + reader.finish()
    return [one for one in told if one.usage is not None]


def test_claudes_costs_are_of_the_answers_in_its_transcripts() -> None:
    costs = [one for one in read("claude") if one.subject == ANSWER_COST]
    answers = claude_answers()

    def tokens(event: Event) -> tuple[object, ...]:
        told = event.payload["attributes"]
        assert isinstance(told, dict)
        return tuple(told[f"{one}_tokens"] for one in ("input", "output", "cache_read"))

    assert sorted(map(tokens, costs)) == sorted(
        (one.usage.input, one.usage.output, one.usage.cache_read)
        for one in answers
        if one.usage is not None
    )
    assert {one.links.conversation for one in costs} == {answers[0].links.conversation}
    assert all(one.usage is None and one.cost is None for one in costs)
    assert {one.payload["unit"] for one in costs} == {"USD"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_is_linked_to_whom_the_launcher_named(kind: str) -> None:
    told = read(kind)
    assert told
    assert {(one.links.session, one.links.agent) for one in told} == {("S-1", "worker")}
    assert {one.links.kind for one in told} == {kind}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_told_of_the_person_or_the_machine(kind: str) -> None:
    told = json.dumps([dict(one.payload) for one in read(kind)])
    for name in ("user.id", "installation.id", "process.pid", "host.name", "iterm_mcp."):
        assert f'"{name}' not in told


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_export_twice_is_the_same_events(kind: str) -> None:
    assert {one.key for one in read(kind)} == {one.key for one in [*read(kind), *read(kind)]}


def test_codex_tells_every_answer_of_its_rollouts() -> None:
    logs = [one for one in read("codex", "/v1/logs") if one.subject == "codex.sse_event"]
    told = []
    for one in logs:
        attributes = one.payload["attributes"]
        assert isinstance(attributes, dict)
        told.append((int(str(attributes["input_token_count"])), attributes["cached_token_count"]))
    answers: list[Event] = []
    for name in ("rollout", "subagent"):
        lines = (JOBS / "codex" / f"{name}.jsonl").read_bytes().splitlines()
        answers += [one for one in CodexRolloutEvents().read(lines) if one.usage is not None]
    assert sorted(told) == sorted(
        (one.usage.total - one.usage.output, one.usage.cache_read)
        for one in answers
        if one.usage is not None
    )


def test_gemini_tells_what_its_asides_cost_which_no_chat_does() -> None:
    books = json.loads((JOBS / "gemini" / "model.json").read_bytes())
    (aside,) = [one for one in read("gemini") if one.kind is EventKind.MODEL_ANSWERED]
    assert aside.usage is not None
    assert aside.usage.total == sum(one["usage"]["totalTokenCount"] for one in books["asides"])
    assert aside.payload["aside"] == "utility_router"


def test_calls_are_named_by_the_agents_own_ids() -> None:
    calls = {one.links.call for one in read("claude") if one.subject == "claude_code.tool_result"}
    assert "toolu_agent_0" in calls
    told = [one for one in read("codex", "/v1/logs") if one.subject == "codex.tool_result"]
    assert {"call_agent_2", "call_subagent_0"} <= {one.links.call for one in told}
    assert all(one.duration_seconds is not None for one in told if one.links.call)


def metric(form: str, point: dict[str, Any], **more: int) -> dict[str, Any]:
    told: dict[str, Any] = {"name": "n", "unit": "1", form: {"dataPoints": [point], **more}}
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [told]}]}]}


def test_a_sum_so_far_is_told_again_only_when_it_has_changed() -> None:
    def keys(value: int, time: int, temporality: int) -> str:
        point = {"asInt": str(value), "timeUnixNano": str(time), "startTimeUnixNano": "5"}
        told = read_metrics(metric("sum", point, aggregationTemporality=temporality), NOW)
        return told.events[0].key

    assert keys(3, 10, 2) == keys(3, 20, 2) != keys(4, 20, 2)
    assert keys(3, 10, 1) != keys(3, 20, 1)


@pytest.mark.parametrize("value", [{"asDouble": "NaN"}, {"asInt": "x"}, {"asDouble": 1e999}, {}])
def test_what_is_no_number_is_counted_as_rejected(value: dict[str, Any]) -> None:
    told: Exported = read_metrics(metric("gauge", value), NOW)
    assert (told.events, told.rejected) == ((), 1)


def test_a_distribution_tells_its_sum_and_count() -> None:
    point = {"sum": 12.5, "count": "3", "timeUnixNano": "1795291259011000000"}
    (told,) = read_metrics(metric("histogram", point, aggregationTemporality=1), NOW).events
    assert (told.payload["value"], told.payload["count"]) == (12.5, 3)


def test_spans_of_agents_are_kept_and_those_of_their_insides_are_not() -> None:
    spans = read("claude", "/v1/traces")
    assert {one.subject.partition(".")[0] for one in spans} == {"claude_code"}
    assert all(one.links.trace and one.duration_seconds is not None for one in spans)
    assert read("codex", "/v1/traces") == []
    bad: dict[str, Json] = {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "x"}]}]}]}
    assert read_traces(bad, NOW).rejected == 1


def test_values_of_all_forms_are_read() -> None:
    inner: Json = {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "7"}}]}}
    assert value_of({"arrayValue": {"values": [inner, {"boolValue": True}]}}) == [{"a": 7}, True]
    assert value_of({"doubleValue": 1.5}) == 1.5
    assert value_of({"newValue": 1}) is None
    assert value_of({"stringValue": "x"}, depth=9) is None
    assert value_of({"intValue": True}) is None
    assert number_of(1 << 70) is None


NAMES = st.text() | st.sampled_from(
    ["resourceLogs", "scopeLogs", "logRecords", "resourceMetrics", "scopeMetrics", "metrics",
     "resourceSpans", "scopeSpans", "spans", "attributes", "key", "value", "stringValue", "name",
     "sum", "dataPoints", "asInt", "timeUnixNano", "traceId", "spanId", "arrayValue", "values"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, VALUES, max_size=3), st.sampled_from(sorted(READERS)))
def test_no_body_harms(body: dict[str, Any], path: str) -> None:
    READERS[path](body, NOW)


@given(VALUES, st.sampled_from(["timeUnixNano", "attributes", "body", "eventName", "traceId"]))
def test_no_record_harms(value: object, name: str) -> None:
    record: dict[str, Any] = {
        "eventName": "x",
        "spanId": "1",
        "traceId": "2",
        "name": "gen_ai",
        name: value,
    }
    for resources, scopes, records, reader in (
        ("resourceLogs", "scopeLogs", "logRecords", read_logs),
        ("resourceSpans", "scopeSpans", "spans", read_traces),
    ):
        reader({resources: [{scopes: [{records: [record]}]}]}, NOW)
