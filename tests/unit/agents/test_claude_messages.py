"""The messages of stream-json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.account import said_in
from iterm_mcp.agents.claude_messages import (
    message_sightings,
    permission_answer,
    user_message,
)
from iterm_mcp.agents.claude_protocol import ClaudeDriver
from iterm_mcp.models.observations import Fact, ObservationSource

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json

RECORDED = Path(__file__).parents[2] / "fixtures" / "claude" / "streams"
QUESTION: dict[str, Json] = {
    "tool_name": "AskUserQuestion",
    "input": {"questions": [{"question": "Which?", "options": [{"label": "a"}, {"label": "b"}]}]},
}
BASH: dict[str, Json] = {
    "tool_name": "Bash",
    "input": {"command": "make"},
    "permission_suggestions": [{"type": "addRules"}],
}


def told(message: dict[str, Any]) -> list[tuple[Fact, dict[str, Any]]]:
    sightings = message_sightings(message)
    assert all(one.source is ObservationSource.PROTOCOL for one in sightings)
    return [(one.fact, dict(one.value)) for one in sightings]


def heard(name: str) -> list[dict[str, Any]]:
    lines = (RECORDED / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("state", "phase"),
    [("queued", "queued"), ("started", "started"), ("completed", "ended"),
     ("cancelled", "interrupted")],
)  # fmt: skip
def test_every_message_is_followed_by_its_own_id(state: str, phase: str) -> None:
    facts = dict(told({"type": "command_lifecycle", "command_uuid": "u", "state": state}))

    assert facts[Fact.TURN] == {"phase": phase, "message": "u"}


def test_a_request_for_permission_is_a_dialog_with_its_own_id() -> None:
    request = {**BASH, "subtype": "can_use_tool"}

    facts = dict(told({"type": "control_request", "request_id": "r1", "request": request}))

    assert facts[Fact.DIALOG]["id"] == "r1"
    assert facts[Fact.DIALOG]["tool"] == "Bash"
    assert facts[Fact.DIALOG]["options"] == ["allow", "deny", "allow_always"]
    assert facts[Fact.ACTIVITY]["is"] == "waiting"


def test_a_request_that_is_taken_back_stands_no_more() -> None:
    assert dict(told({"type": "control_cancel_request", "request_id": "r1"}))[Fact.DIALOG] == {}


@pytest.mark.parametrize(
    ("error", "what"),
    [("rate_limit", "rate_limited"), ("authentication_failed", "auth_failed"),
     ("overloaded", "overloaded"), ("unknown", "api_retry")],
)  # fmt: skip
def test_a_service_that_refuses_is_said_at_once_with_the_attempt(error: str, what: str) -> None:
    message = {"type": "system", "subtype": "api_retry", "attempt": 2, "max_retries": 9}

    value = dict(told({**message, "error": error}))[Fact.TROUBLE]

    assert (value["what"], value["attempt"], value["of"]) == (what, 2, 9)


def test_an_answer_of_the_model_ends_a_trouble() -> None:
    assert told({"type": "assistant", "message": {"content": []}}) == [(Fact.TROUBLE, {})]
    assert told({"type": "assistant", "parent_tool_use_id": "t", "message": {}}) == []


@pytest.mark.parametrize(
    ("status", "activity"), [("compacting", "compacting"), (None, "busy"), ("requesting", "busy")]
)
def test_compacting_is_told(status: str | None, activity: str) -> None:
    message = {"type": "system", "subtype": "status", "status": status}

    assert told(message) == [(Fact.ACTIVITY, {"is": activity})]


@pytest.mark.parametrize(
    "message",
    [
        {}, {"type": "new"}, {"type": "command_lifecycle", "state": "dreaming"},
        {"type": "system", "subtype": "hook_started"}, {"type": "control_request"},
        {"type": "control_request", "request": {"subtype": "hook_callback"}},
    ],
)  # fmt: skip
def test_other_messages_tell_nothing(message: dict[str, Any]) -> None:
    assert told(message) == []


def answered(request: dict[str, Json], choice: str, message: str = "") -> Any:  # noqa: ANN401
    reply: Any = permission_answer("r1", request, choice, message)
    if reply is None:
        return None
    assert reply["type"] == "control_response"
    assert reply["response"]["request_id"] == "r1"
    return reply["response"]["response"]


def test_a_permission_is_allowed_with_the_input_that_was_asked_for() -> None:
    assert answered(BASH, "allow") == {"behavior": "allow", "updatedInput": {"command": "make"}}


def test_a_permission_for_good_is_what_claude_code_itself_suggests() -> None:
    assert answered(BASH, "allow_always")["updatedPermissions"] == [{"type": "addRules"}]
    assert answered({"tool_name": "X"}, "allow_always")["updatedPermissions"] == []


def test_a_refusal_says_why() -> None:
    assert answered(BASH, "deny", "use just") == {"behavior": "deny", "message": "use just"}
    assert answered(BASH, "deny")["message"]


def test_a_question_is_answered_by_number_text_or_something_else() -> None:
    assert answered(QUESTION, "2")["updatedInput"]["answers"] == {"Which?": "b"}
    assert answered(QUESTION, "a")["updatedInput"]["answers"] == {"Which?": "a"}
    assert answered(QUESTION, "neither")["updatedInput"]["answers"] == {"Which?": "neither"}


def test_what_answers_nothing_is_no_answer() -> None:
    assert answered(BASH, "perhaps") is None
    assert answered({"tool_name": "AskUserQuestion", "input": {}}, "allow") is None


def test_what_it_says_and_does_can_be_shown() -> None:
    content: list[Json] = [
        {"type": "text", "text": "one\ntwo"},
        {"type": "tool_use", "name": "Bash", "input": {"command": "ls"}},
        "torn",
    ]

    assert said_in({"type": "assistant", "message": {"content": content}}) == (
        "one", "two", 'Bash {"command": "ls"}',
    )  # fmt: skip
    assert said_in({"type": "user", "message": {"content": content}}) == ()
    assert said_in({"type": "assistant", "parent_tool_use_id": "t", "message": {}}) == ()


def test_a_message_of_ours_carries_its_id() -> None:
    assert user_message("u1", "hello")["uuid"] == "u1"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["content", "subtype", "input", "tool_name", "questions"]), inner
    ),
    max_leaves=6,
)  # fmt: skip


@given(
    st.sampled_from(["system", "assistant", "result", "control_request", "command_lifecycle"]),
    st.dictionaries(
        st.sampled_from(["message", "request", "subtype", "state", "user_message_uuids",
                         "is_error", "error", "status"]),
        anything | st.sampled_from(["success", "api_retry", "init", "status"]),
    ),
)  # fmt: skip
def test_no_form_of_a_message_raises(kind: str, fields: dict[str, Any]) -> None:
    told({"type": kind, **fields})
    said_in({"type": kind, **fields})


def test_a_real_conversation_is_understood() -> None:
    driver = ClaudeDriver()
    facts = [
        (one.fact, dict(one.value))
        for message in heard("conversation")
        for one in driver.decode(message)
    ]
    turns = [value["phase"] for fact, value in facts if fact is Fact.TURN]
    asked = [value["tool"] for fact, value in facts if fact is Fact.DIALOG and value]

    assert turns[:3] == ["queued", "started", "ended"]
    assert turns.count("ended") == 5
    assert turns.count("interrupted") == 1
    assert asked == ["Bash", "Bash", "AskUserQuestion"]
    assert facts[-2][0] is Fact.DIALOG or facts[-1][0] is Fact.TURN


def test_a_real_one_that_was_refused_by_its_service_says_so() -> None:
    facts = [
        (one.fact, dict(one.value)) for message in heard("refused")
        for one in message_sightings(message)
    ]  # fmt: skip
    troubles = [value.get("what") for fact, value in facts if fact is Fact.TROUBLE]
    failed = [value for fact, value in facts if fact is Fact.TURN and value["phase"] == "failed"]

    assert set(troubles) == {"rate_limited"}
    assert "429" in str(failed[0]["said"])
