"""What the lines of a transcript tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.claude_transcript import ClaudeTranscript
from iterm_mcp.models.observations import Fact, ObservationSource

RECORDED = Path(__file__).parents[2] / "fixtures" / "claude" / "transcripts"
AT = "2026-11-21T16:00:00.000Z"


def told(*lines: dict[str, Any]) -> list[tuple[Fact, dict[str, Any]]]:
    sightings = ClaudeTranscript().read(json.dumps(line).encode() for line in lines)
    assert all(one.source is ObservationSource.TRANSCRIPT for one in sightings)
    return [(one.fact, dict(one.value)) for one in sightings]


def turns(*lines: dict[str, Any]) -> list[dict[str, Any]]:
    return [value for fact, value in told(*lines) if fact is Fact.TURN]


def user(content: object, **fields: object) -> dict[str, Any]:
    return {"type": "user", "message": {"role": "user", "content": content}, **fields}


def queue(operation: str, content: str | None = None) -> dict[str, Any]:
    return {"type": "queue-operation", "operation": operation, "content": content}


def test_a_prompt_that_the_agent_works_on_has_started() -> None:
    line = user("mend it", promptId="p1", promptSource="typed", timestamp=AT)

    assert turns(line) == [
        {"phase": "started", "prompt_id": "p1", "prompt": "mend it", "via": "typed", "at": AT}
    ]


def test_a_pasted_prompt_is_unwrapped() -> None:
    text = 'Do:\n\n<pasted_content id="ab">\n1\n2\n3\n4\n</pasted_content id="ab">\n'

    assert turns(user(text))[0]["prompt"] == "Do:\n1\n2\n3\n4"


def test_a_message_that_waits_is_queued_and_the_first_leaves_first() -> None:
    told_turns = turns(
        queue("enqueue", "one"), queue("enqueue", "two"), queue("dequeue"), queue("dequeue")
    )

    assert [(turn["phase"], turn["prompt"]) for turn in told_turns] == [
        ("queued", "one"), ("queued", "two"), ("dequeued", "one"), ("dequeued", "two"),
    ]  # fmt: skip


def test_the_end_of_a_background_task_goes_through_the_queue_untold() -> None:
    own = "<task-notification>done</task-notification>"

    told_turns = turns(
        queue("enqueue", own), queue("enqueue", "mine"), queue("dequeue"),
        user(own, promptSource="system"), queue("dequeue"),
    )  # fmt: skip

    assert [(turn["phase"], turn["prompt"]) for turn in told_turns] == [
        ("queued", "mine"), ("dequeued", "mine"),
    ]  # fmt: skip


def test_what_the_person_took_back_is_not_dequeued() -> None:
    assert [turn["phase"] for turn in turns(
        queue("enqueue", "a"), queue("enqueue", "b"), queue("remove", "a"), queue("dequeue"),
        queue("enqueue", "c"), queue("popAll"), queue("dequeue"),
    )] == ["queued", "queued", "dequeued", "queued"]  # fmt: skip


def test_a_turns_end_is_known_without_any_hook() -> None:
    line = {"type": "system", "subtype": "turn_duration", "durationMs": 1500, "isMeta": False}

    assert told(line) == [
        (Fact.TURN, {"phase": "ended", "seconds": 1.5}),
        (Fact.ACTIVITY, {"is": "idle"}),
        (Fact.DIALOG, {}),
    ]


@pytest.mark.parametrize(
    "why", ["[Request interrupted by user]", "[Request interrupted by user for tool use]"]
)
def test_a_person_who_interrupts_or_refuses_is_seen_though_no_hook_tells(why: str) -> None:
    facts = dict(told(user([{"type": "text", "text": why}])))

    assert facts[Fact.TURN]["phase"] == "interrupted"
    assert facts[Fact.ACTIVITY] == {"is": "idle"}
    assert facts[Fact.DIALOG] == {}


def test_a_service_that_refuses_is_tried_again_and_said_so() -> None:
    line = {
        "type": "system", "subtype": "api_error", "error": {"status": 429}, "retryAttempt": 2,
        "maxRetries": 10,
    }  # fmt: skip

    assert told(line) == [(Fact.TROUBLE, {"what": "rate_limited", "attempt": 2, "of": 10})]
    assert told({**line, "error": {}})[0][1]["what"] == "api_retry"


def test_an_answer_that_is_an_error_of_the_service_fails_the_turn() -> None:
    line = {
        "type": "assistant", "isApiErrorMessage": True, "error": "authentication_failed",
        "message": {"content": [{"type": "text", "text": "Please log in"}]},
    }  # fmt: skip

    assert told(line) == [
        (Fact.TURN, {"phase": "failed"}),
        (Fact.TROUBLE, {"what": "auth_failed", "text": "Please log in"}),
    ]
    assert turns({**line, "error": "invalid_request"}) == [{"phase": "failed"}]


@pytest.mark.parametrize(
    "line",
    [
        user([{"type": "tool_result", "tool_use_id": "t", "content": "x"}]),
        user("a subagent's prompt", isSidechain=True),
        user("<bash-stdout>x</bash-stdout>"),
        user("context", isMeta=True),
        {"type": "assistant", "message": {"content": [{"type": "text", "text": "rate limit"}]}},
        {"type": "summary"},
        {"type": "system", "subtype": "stop_hook_summary"},
        queue("dequeue"),
        queue("enqueue"),
    ],
)
def test_other_lines_tell_nothing(line: dict[str, Any]) -> None:
    assert told(line) == []


def test_lines_that_are_no_json_are_passed_over() -> None:
    reader = ClaudeTranscript()

    found = reader.read([b"{", b"", b"\xff", b"[1]", json.dumps(user("hello")).encode()])

    assert [one.value["prompt"] for one in found if one.fact is Fact.TURN] == ["hello"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["text", "type", "content", "status", "tool_use_id"]), inner, max_size=3
    ),
    max_leaves=6,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["message", "content", "operation", "subtype", "timestamp", "error",
                         "isApiErrorMessage", "promptSource", "durationMs", "retryAttempt"]),
        anything | st.sampled_from(["enqueue", "dequeue", "remove", "turn_duration", "api_error"]),
    ),
    st.sampled_from(["user", "assistant", "system", "queue-operation", "new"]),
)  # fmt: skip
def test_no_form_of_a_line_raises(fields: dict[str, Any], kind: str) -> None:
    told({"type": kind, **fields})


def test_a_real_conversation_is_understood() -> None:
    lines = (RECORDED / "conversation.jsonl").read_bytes().splitlines()

    found = [{**one.value} for one in ClaudeTranscript().read(lines) if one.fact is Fact.TURN]

    told_turns = [(turn["phase"], str(turn.get("prompt", ""))) for turn in found]
    assert told_turns[:8] == [
        ("started", "say hi [[say hi]]"), ("ended", ""), ("started", "first [[work 6]]"),
        ("queued", "second"), ("dequeued", "second"), ("ended", ""), ("started", "second"),
        ("ended", ""),
    ]  # fmt: skip
    assert ("interrupted", "") in told_turns
    assert all("at" in turn for turn in found)
    assert not any("task-notification" in prompt for _, prompt in told_turns)
