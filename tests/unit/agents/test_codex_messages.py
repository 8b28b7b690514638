"""Messages of Codex's app-server: what they tell, and the answers to its questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.codex_messages import (
    CHANGE,
    COMMAND,
    ELICITATION,
    INPUT,
    PERMISSIONS,
    decode,
    dialog_id,
    dialog_of,
    result_of,
)
from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.observations import Fact, ObservationSource

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json


def told(method: str, **params: Json) -> dict[Fact, dict[str, Json]]:
    return {one.fact: dict(one.value) for one in decode({"method": method, "params": params})}


def asked(method: str, **params: Json) -> dict[str, Json]:
    return {"id": 7, "method": method, "params": params}


@pytest.mark.parametrize(
    ("status", "activity"),
    [
        ({"type": "idle"}, {"is": "idle"}),
        ({"type": "systemError"}, {"is": "idle"}),
        ({"type": "active", "activeFlags": []}, {"is": "busy"}),
        ({"type": "active", "activeFlags": ["waitingOnApproval"]},
         {"is": "waiting", "for": "permission"}),
        ({"type": "active", "activeFlags": ["waitingOnUserInput"]},
         {"is": "waiting", "for": "input needed"}),
    ],
)  # fmt: skip
def test_the_threads_status_is_what_it_does(
    status: dict[str, Json], activity: dict[str, Json]
) -> None:
    seen = told("thread/status/changed", threadId="t", status=status)

    assert seen[Fact.ACTIVITY] == activity
    assert (Fact.DIALOG in seen) is (activity["is"] != "waiting")


def test_an_unknown_status_tells_nothing() -> None:
    assert told("thread/status/changed", status={"type": "notLoaded"}) == {}
    assert told("thread/status/changed") == {}


def test_a_message_starts_with_its_id_and_text() -> None:
    item: dict[str, Json] = {
        "type": "userMessage", "clientId": "m1", "content": [{"type": "text", "text": "go"}]
    }  # fmt: skip

    assert told("item/started", turnId="u", item=item)[Fact.TURN] == {
        "phase": "started", "prompt": "go", "prompt_id": "u", "message": "m1"
    }  # fmt: skip
    assert told("item/completed", turnId="u", item=item) == {}
    assert told("item/started", item={"type": "plan"}) == {}


def test_compaction_is_told_from_start_to_end() -> None:
    item: dict[str, Json] = {"type": "contextCompaction"}

    assert told("item/started", item=item)[Fact.ACTIVITY] == {"is": "compacting"}
    assert told("item/completed", item=item)[Fact.ACTIVITY] == {"is": "busy"}


@pytest.mark.parametrize(
    ("info", "what"),
    [
        ("usageLimitExceeded", "rate_limited"),
        ("unauthorized", "auth_failed"),
        ("serverOverloaded", "overloaded"),
        ({"httpConnectionFailed": {"httpStatusCode": 429}}, "rate_limited"),
        ({"responseStreamDisconnected": {"httpStatusCode": 403}}, "auth_failed"),
        ({"responseStreamDisconnected": {}}, "api_retry"),
        ("other", "api_retry"),
        (None, "api_retry"),
    ],
)
def test_a_failed_turn_tells_its_trouble_before_its_end(info: Json, what: str) -> None:
    error: dict[str, Json] = {"message": "no", "codexErrorInfo": info}
    seen = told("turn/completed", turn={"id": "u", "status": "failed", "error": error})

    assert list(seen) == [Fact.TROUBLE, Fact.TURN, Fact.ACTIVITY]
    assert seen[Fact.TROUBLE] == {"what": what, "text": "no"}
    assert seen[Fact.TURN] == {"phase": "failed", "prompt_id": "u"}
    assert told("error", error=error)[Fact.TROUBLE]["what"] == what


def test_a_turns_start_ends_the_trouble_before_it() -> None:
    seen = told("turn/started", turn={"id": "u", "status": "inProgress"})

    assert seen == {Fact.ACTIVITY: {"is": "busy"}, Fact.TROUBLE: {}}


def test_a_command_is_allowed_for_once_for_the_session_or_not() -> None:
    request = asked(COMMAND, command="make", cwd="/p", reason="to build")

    dialog = dialog_of(request)
    assert (dialog["id"], dialog["tool"], dialog["text"]) == ("7", "Bash", "to build")
    assert dialog["input"] == {"command": "make", "directory": "/p"}
    for choice, decision in (
        ("allow", "accept"), ("allow_always", "acceptForSession"), ("deny", "decline"),
        ("Cancel the turn", "cancel"),
    ):  # fmt: skip
        assert result_of(request, choice) == {"decision": decision}
    human = asked(COMMAND, command="make", kind="humanCommand")
    with pytest.raises(InvalidRequestError):
        result_of(human, "allow_always")


def test_changes_of_files_and_permissions_are_granted_or_not() -> None:
    change = asked(CHANGE, grantRoot="/p")
    more = asked(PERMISSIONS, permissions={"network": {"enabled": True}}, reason="to fetch")

    assert dialog_of(change)["input"] == {"grant_root": "/p"}
    assert dialog_of(asked(CHANGE))["input"] == {}
    assert result_of(change, "allow") == {"decision": "accept"}
    granted = {"network": {"enabled": True}}
    assert result_of(more, "allow") == {"permissions": granted, "scope": "turn"}
    assert result_of(more, "allow_always") == {"permissions": granted, "scope": "session"}
    assert result_of(more, "deny") == {"permissions": {}, "scope": "turn"}


def test_a_server_of_tools_is_answered_by_accepting_or_declining() -> None:
    request = asked(ELICITATION, serverName="db", message="Sure?")

    assert (dialog_of(request)["asks"], dialog_of(request)["text"]) == ("question", "Sure?")
    assert result_of(request, "allow") == {"action": "accept", "content": {}}
    assert result_of(request, "deny") == {"action": "decline"}


def test_a_question_takes_an_option_or_ones_own_words_where_it_may() -> None:
    question: dict[str, Json] = {
        "id": "q", "question": "Which?", "options": [{"label": "A"}, {"label": "B"}]
    }  # fmt: skip
    request = asked(INPUT, questions=[question])
    strict = asked(INPUT, questions=[{**question, "isOther": False}])

    assert result_of(request, "2") == {"answers": {"q": {"answers": ["B"]}}}
    assert result_of(request, "else") == {"answers": {"q": {"answers": ["else"]}}}
    with pytest.raises(InvalidRequestError):
        result_of(strict, "else")


def test_several_questions_are_answered_together() -> None:
    request = asked(INPUT, questions=[{"id": "a", "question": "A?"}, {"id": "b"}])

    assert dialog_of(request)["questions"] == ["a", "b"]
    assert result_of(request, '{"a": "x", "b": 2}') == {
        "answers": {"a": {"answers": ["x"]}, "b": {"answers": ["2"]}}
    }
    for choice in ("x", '{"a": "x"}', "[]"):
        with pytest.raises(InvalidRequestError, match="2 questions"):
            result_of(request, choice)


def test_questions_are_dialogs_by_the_protocol_and_ids_keep_their_type() -> None:
    (seen,) = decode(asked(COMMAND, command="x"))

    assert (seen.fact, seen.source) == (Fact.DIALOG, ObservationSource.PROTOCOL)
    assert dialog_id(1) != dialog_id("1")
    assert told("serverRequest/resolved", requestId=7) == {Fact.DIALOG: {}}
    assert told("thread/started", thread={"id": "t", "path": "/r"})[Fact.CONVERSATION] == {
        "id": "t", "transcript": "/r"
    }  # fmt: skip


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
methods = st.sampled_from(
    [COMMAND, CHANGE, INPUT, "turn/completed", "item/started", "error", "thread/status/changed"]
)
keys = st.sampled_from(["turn", "item", "error", "status", "questions", "params", "thread"])


@given(methods, st.dictionaries(keys, values), st.booleans())
def test_any_message_is_read_without_harm(
    method: str,
    params: dict[str, Json],
    with_id: bool,  # noqa: FBT001
) -> None:
    message: dict[str, Json] = {"method": method, "params": params}
    decode({**message, "id": 1} if with_id else message)
