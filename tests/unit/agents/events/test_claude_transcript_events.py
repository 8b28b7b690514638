"""Transcripts become events whatever stands in them, in whatever pieces they come."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.agents.events.recorded import NOTICED, lines
from tests.unit.agents.events.test_claude_hook_events import JSON

from iterm_mcp.agents.events.claude_hook_events import ClaudeHookEvents
from iterm_mcp.agents.events.claude_transcript_events import ClaudeTranscriptEvents
from iterm_mcp.models.events import Event, EventKind

FIXTURES = Path(__file__).parents[3] / "fixtures" / "claude"
AT = "2026-11-21T19:00:00Z"
USAGE = {"input_tokens": 1, "output_tokens": 2}


def line(kind: str, **more: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps({"type": kind, "sessionId": "c-1", "timestamp": AT, **more}).encode()


def read(*raw: bytes) -> list[Event]:
    reader = ClaudeTranscriptEvents()
    return reader.read(raw) + reader.finish()


def answer(tokens: int, stop: str | None = None, request: str = "r-1", **more: Any) -> bytes:  # noqa: ANN401
    message: dict[str, Any] = {
        "id": "m-1", "model": "m", "stop_reason": stop, "content": [],
        "usage": USAGE | {"output_tokens": tokens},
    }  # fmt: skip
    return line("assistant", message=message, requestId=request, **more)


def of(kind: EventKind, events: list[Event]) -> list[Event]:
    return [one for one in events if one.kind is kind]


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, len(lines("transcript.jsonl"))), max_size=6))
def test_it_comes_in_any_pieces(cuts: list[int]) -> None:
    whole = lines("transcript.jsonl")
    reader, told = ClaudeTranscriptEvents(), []
    edges = [0, *sorted(cuts), len(whole)]
    for begin, end in itertools.pairwise(edges):
        told += reader.read(whole[begin:end])
    told += reader.finish()
    assert told == read(*whole)


RECORDS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["user", "assistant", "system", "ai-title", "queue-operation", "cost-state", "new"]
        ),
        "sessionId": st.just("c-1"),
    },
    optional={
        name: JSON | st.just(AT)
        for name in (
            "timestamp",
            "message",
            "toolUseResult",
            "subtype",
            "content",
            "promptId",
            "agentId",
            "compactMetadata",
            "aiTitle",
            "operation",
            "startTime",
            "totalCostUSD",
            "totalDuration",
            "durationMs",
            "error",
            "isApiErrorMessage",
            "toolDenialKind",
        )
    },
)


def check_twice_is_the_same(record: dict[str, Any]) -> None:
    raw = json.dumps(record).encode()
    assert [one.key for one in read(raw, raw)] == [one.key for one in read(raw, raw)]


@given(record=RECORDS)
def test_no_line_raises(record: dict[str, Any]) -> None:
    check_twice_is_the_same(record)


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(max_examples=1000, deadline=None)
@given(record=RECORDS)
def test_none_of_many_lines_raises(record: dict[str, Any]) -> None:
    check_twice_is_the_same(record)


@given(raw=st.binary(max_size=60))
def test_what_is_no_line_is_counted(raw: bytes) -> None:
    reader = ClaudeTranscriptEvents()
    assert reader.read([raw, b"[" * 100_000, b"1"]) == []
    assert reader.skipped >= 2


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, len(b"\n".join(lines("transcript.jsonl")))))
def test_a_file_cut_off_anywhere_tells_no_more_than_the_whole(cut: int) -> None:
    whole = b"\n".join(lines("transcript.jsonl"))
    known = {one.key for one in read(*whole.split(b"\n"))}
    assert {one.key for one in read(*whole[:cut].split(b"\n"))} <= known


def test_an_answer_counts_once_with_all_its_tokens() -> None:
    (event,) = of(EventKind.MODEL_ANSWERED, read(answer(1), answer(5), answer(7, "end_turn")))
    assert event.usage is not None
    assert event.usage.output == 7


def test_copies_in_a_fork_are_the_answer_that_was_paid_for() -> None:
    first = of(EventKind.MODEL_ANSWERED, read(answer(7, "end_turn")))
    fork = of(EventKind.MODEL_ANSWERED, read(answer(7, "end_turn", sessionId="c-2")))
    assert [one.key for one in first] == [one.key for one in fork]
    other = of(EventKind.MODEL_ANSWERED, read(answer(7, "end_turn", request="r-2")))
    assert first[0].key != other[0].key


def test_a_compaction_tells_what_it_saved() -> None:
    facts = {"trigger": "auto", "preTokens": 900, "postTokens": 90}
    (event,) = of(
        EventKind.CONTEXT_COMPACTED,
        read(line("system", subtype="compact_boundary", uuid="u", compactMetadata=facts)),
    )
    assert event.payload == {"trigger": "auto", "tokens_before": 900, "tokens_after": 90}


def test_an_interrupt_and_a_denial() -> None:
    interrupted = line("user", uuid="u", message={"content": "[Request interrupted by user]"})
    assert of(EventKind.TURN_INTERRUPTED, read(interrupted))
    use = {"type": "tool_use", "id": "t-1", "name": "Bash", "input": {"command": "rm x"}}
    result = {"type": "tool_result", "tool_use_id": "t-1", "content": "No.", "is_error": True}
    events = read(
        line("assistant", message={"content": [use]}),
        line("user", message={"content": [result]}, toolDenialKind="user-rejected"),
    )
    (denied,) = of(EventKind.PERMISSION_ANSWERED, events)
    assert (denied.subject, denied.payload["by"]) == ("rm x", "person")
    (failed,) = of(EventKind.TOOL_FAILED, events)
    assert failed.payload["interrupted"] is True


def test_git_that_a_command_did() -> None:
    use = {"type": "tool_use", "id": "t-1", "name": "Bash", "input": {"command": "git commit"}}
    result = {"type": "tool_result", "tool_use_id": "t-1", "content": "ok"}
    done = {
        "stdout": "ok",
        "gitOperation": {
            "commit": {"sha": "abc", "kind": "commit"}, "branch": "main",
            "pr": {"number": 7, "url": "https://x/7", "action": "created"},
        },
    }  # fmt: skip
    events = read(
        line("assistant", message={"content": [use]}),
        line("user", message={"content": [result]}, toolUseResult=done),
    )
    (commit,) = of(EventKind.COMMIT_MADE, events)
    assert (commit.subject, commit.payload["branch"]) == ("abc", "main")
    (request,) = of(EventKind.PULL_REQUEST_CHANGED, events)
    assert request.payload["action"] == "created"


@pytest.mark.parametrize("name", ["failed_auth", "failed_overloaded", "failed_rate_limit"])
def test_a_turn_that_fails_is_one_failure_by_hook_and_by_transcript(name: str) -> None:
    hooks, reader = [], ClaudeHookEvents()
    for index, raw in enumerate((FIXTURES / "hooks" / f"{name}.jsonl").read_bytes().splitlines()):
        payload = json.loads(raw)
        hooks += reader.read(payload, NOTICED, str(index))
    written = read(*(FIXTURES / "transcripts" / f"{name}.jsonl").read_bytes().splitlines())
    (by_hook,) = of(EventKind.TURN_FAILED, hooks)
    (by_line,) = of(EventKind.TURN_FAILED, written)
    assert by_hook.key == by_line.key
