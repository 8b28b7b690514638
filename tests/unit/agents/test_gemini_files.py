"""What Gemini CLI's chats and hooks tell."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.agents.screens import FIXTURES

from iterm_mcp.agents.gemini_chats import CANCELLED, Chat, gemini_home
from iterm_mcp.agents.gemini_hooks import EVENTS, hook_settings, read_event
from iterm_mcp.agents.hook_spool import plain_spool_command
from iterm_mcp.models.observations import Fact, Json, Sighting

LINES = (FIXTURES / "gemini" / "chat.jsonl").read_text("utf-8").splitlines()
PATH = Path("/c/session-1.jsonl")


def read(*messages: object) -> list[Sighting]:
    chat = Chat(PATH)
    return [one for message in messages for one in chat.read(message)]


def values(told: list[Sighting], fact: Fact) -> list[dict[str, Json]]:
    return [dict(one.value) for one in told if one.fact is fact]


def test_a_recorded_chat_tells_who_said_what_and_what_was_interrupted() -> None:
    told = read(*map(json.loads, LINES))

    turns = [(one["phase"], str(one.get("prompt", ""))[:10]) for one in values(told, Fact.TURN)]
    assert turns[:3] == [
        ("started", "[[work 5]]"), ("started", "amid\n\n[[to"), ("interrupted", "")
    ]  # fmt: skip
    assert all(str(one["at"]).startswith("2026-11-21T16:4") for one in values(told, Fact.TURN))
    (conversation,) = values(told, Fact.CONVERSATION)
    assert conversation["transcript"] == str(PATH)


def test_an_answer_is_no_end_of_a_turn() -> None:
    told = read({"id": "1", "type": "gemini", "content": "let me see", "toolCalls": [{}]})

    assert told == []


def test_a_message_that_is_written_again_is_told_once() -> None:
    message = {"id": "1", "type": "user", "content": "hello", "timestamp": "t"}

    assert len(values(read(message, message), Fact.TURN)) == 1


def test_errors_end_a_turn_with_their_reason() -> None:
    told = read({"id": "1", "type": "error", "content": "429: quota exceeded"})

    assert values(told, Fact.TROUBLE)[0]["what"] == "rate_limited"
    assert values(told, Fact.TURN)[0]["phase"] == "failed"
    assert values(told, Fact.ACTIVITY) == [{"is": "idle"}]
    info = read({"id": "2", "type": "info", "content": CANCELLED}, {"id": "3", "type": "info"})
    assert [one.value["is"] for one in info if one.fact is Fact.ACTIVITY] == ["idle"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "content", "text", "$set"]), inner)
    ),
    max_leaves=8,
)


@given(json_values)
def test_any_json_is_read_without_harm(message: object) -> None:
    read(message)


def test_its_home_is_where_the_environment_says() -> None:
    assert gemini_home({"GEMINI_CLI_HOME": "/g", "HOME": "/h"}) == Path("/g/.gemini")
    assert gemini_home({"HOME": "/h"}) == Path("/h/.gemini")
    assert gemini_home({}) is None


def hooked(event: str, **more: Json) -> dict[Fact, dict[str, Json]]:
    return {one.fact: dict(one.value) for one in read_event({"hook_event_name": event, **more})}


def test_hooks_tell_a_turn_from_its_prompt_to_its_end() -> None:
    begun = hooked("BeforeAgent", prompt="go", session_id="s", transcript_path="/t")
    ended = hooked("AfterAgent", prompt="go", prompt_response="done")

    assert begun[Fact.TURN] == {"phase": "started", "prompt": "go"}
    assert begun[Fact.CONVERSATION] == {"id": "s", "transcript": "/t"}
    assert begun[Fact.ACTIVITY] == {"is": "busy"}
    assert ended[Fact.TURN] == {"phase": "ended", "prompt": "go"}
    assert (ended[Fact.ACTIVITY], ended[Fact.DIALOG]) == ({"is": "idle"}, {})


def test_hooks_tell_of_permissions_compression_tools_and_the_end() -> None:
    asked = hooked(
        "Notification", notification_type="ToolPermission", message="May I?",
        details={"type": "exec", "title": "Shell", "command": "make"},
    )  # fmt: skip
    assert asked[Fact.DIALOG] == {
        "asks": "permission", "tool": "exec", "input": {"command": "make"}, "text": "May I?"
    }  # fmt: skip
    assert asked[Fact.ACTIVITY]["is"] == "waiting"
    assert hooked("Notification", notification_type="ToolPermission")[Fact.DIALOG]["tool"] == ""
    assert hooked("PreCompress")[Fact.ACTIVITY] == {"is": "compacting"}
    assert hooked("AfterTool")[Fact.DIALOG] == {}
    assert hooked("SessionEnd", reason="exit") == {Fact.EXIT: {"reason": "exit"}}
    assert hooked("SessionEnd", reason="clear") == hooked("Other") == hooked("Notification") == {}


def test_settings_name_our_command_for_each_event() -> None:
    hooks = json.loads(hook_settings(("/opt/my tool", "hook")))["hooks"]

    assert set(hooks) == set(EVENTS)
    assert hooks["AfterAgent"][0]["hooks"][0]["command"] == "'/opt/my tool' hook"
    spooled = json.loads(hook_settings(("/opt/my tool", "hook"), "/s/spool"))["hooks"]
    lines = {one[0]["hooks"][0]["command"] for one in spooled.values()}
    assert lines == {plain_spool_command("/s/spool", "gemini")}


def test_what_a_former_process_did_is_not_what_this_one_does() -> None:
    chat = Chat(PATH, since=1_800_000_000.0)
    past, present = "2026-11-21T10:00:00.000Z", "2027-11-21T10:00:00.000Z"

    before = chat.read({"id": "1", "type": "info", "content": CANCELLED, "timestamp": past})
    after = chat.read({"id": "2", "type": "info", "content": CANCELLED, "timestamp": present})
    undated = chat.read({"id": "3", "type": "info", "content": CANCELLED})

    assert [one.fact for one in before] == [Fact.TURN]
    assert [one.fact for one in after] == [Fact.TURN, Fact.ACTIVITY]
    assert [one.fact for one in undated] == [Fact.TURN, Fact.ACTIVITY]


def test_a_tools_result_begins_no_turn() -> None:
    result = {"functionResponse": {"name": "run_shell_command", "response": {}}}

    assert read({"id": "1", "type": "user", "content": [result]}) == []


def test_what_is_written_once_more_after_a_cancelled_request_is_told_once() -> None:
    at = "2026-11-21T19:39:14.437Z"
    context = {"type": "user", "content": [{"text": "<session_context>\nToday"}]}
    again = [
        {"id": "2", "type": "info", "content": CANCELLED, "timestamp": at},
        {"id": "3", "timestamp": at, **context},
        {"id": "4", "type": "user", "content": [{"text": "hello"}], "timestamp": at},
        {"$set": {"lastUpdated": at}},
    ]
    first = {"id": "1", "type": "user", "content": "hello", "timestamp": at}
    ended: list[object] = [{"$set": {"messages": []}}]
    later = "2026-11-21T19:39:20.000Z"
    told_next = {"id": "5", "type": "user", "content": "hello", "timestamp": at}

    phases = [
        [one["phase"] for one in values(read(first, *again, *rest), Fact.TURN)]
        for rest in ([], ended, [*ended, told_next], [{**told_next, "timestamp": later}])
    ]

    once = ["started", "interrupted"]
    assert phases == [once, once, [*once, "started"], [*once, "started"]]
