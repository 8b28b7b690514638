"""What hooks tell that the recorded jobs have not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.agents.events.codex_hook_events import CodexHookEvents
from iterm_mcp.agents.events.gemini_chat_events import GeminiChatEvents
from iterm_mcp.agents.events.gemini_hook_events import GeminiHookEvents
from iterm_mcp.models.events import EventKind, Links

if TYPE_CHECKING:
    from iterm_mcp.models.events import Event
    from iterm_mcp.models.observations import Json

AT = datetime(2026, 11, 21, tzinfo=UTC)


def codex(event: str, more: dict[str, Json] | None = None, delivery: str = "d") -> list[Event]:
    payload: dict[str, Json] = {
        "hook_event_name": event, "session_id": "t", "turn_id": "u",
        "transcript_path": "/r.jsonl", **(more or {}),
    }  # fmt: skip
    return CodexHookEvents().read(payload, AT, delivery, Links(agent="ann"))


def gemini(event: str, **more: Json) -> list[Event]:
    payload: dict[str, Json] = {"hook_event_name": event, "session_id": "t", **more}
    return GeminiHookEvents().read(payload, AT, "d", Links(agent="ann"))


@pytest.mark.parametrize(
    ("event", "more", "kind"),
    [
        ("SessionStart", {"source": "resume"}, EventKind.CONVERSATION_STARTED),
        ("PermissionRequest", {"tool_name": "Bash"}, EventKind.PERMISSION_REQUESTED),
        ("Interrupt", {}, EventKind.TURN_INTERRUPTED),
        ("SomethingNew", {"note": "hi"}, EventKind.HOOK_FIRED),
    ],
)
def test_codex_hooks_are_told(event: str, more: dict[str, Json], kind: EventKind) -> None:
    (told,) = codex(event, more)
    assert (told.kind, told.links.agent, told.links.kind) == (kind, "ann", "codex")


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("PreCompact", {}),
        ("UserPromptSubmit", {"prompt": " "}),
        ("UserPromptSubmit", {"prompt": "errand", "agent_id": "s"}),
        ("PreToolUse", {}),
        ("PostToolUse", {"tool_use_id": "c"}),
        ("", {}),
    ],
)
def test_codex_hooks_do_not_tell_what_others_tell_better(event: str, more: dict[str, Json]) -> None:
    assert codex(event, more) == []


@pytest.mark.parametrize(
    ("output", "text"), [("out", "out"), ({"content": "out"}, "out"), ({"output": "out"}, "out")]
)
def test_without_a_rollout_a_codex_hook_tells_a_tools_end(output: Json, text: str) -> None:
    (ended,) = codex(
        "PostToolUse", {"transcript_path": None, "tool_use_id": "c", "tool_response": output}
    )
    assert (ended.kind, ended.text) == (EventKind.TOOL_ENDED, text)


@pytest.mark.parametrize(
    ("name", "tool"),
    [("multi_agent_v1wait_agent", "wait_agent"), ("spawn_agent", "spawn_agent"), ("Bash", "Bash")],
)
def test_tools_have_the_names_that_a_rollout_gives_them(name: str, tool: str) -> None:
    (started,) = codex("PreToolUse", {"tool_name": name, "tool_use_id": "c"})
    assert started.payload["tool"] == tool


def test_resumed_conversations_are_as_many_as_were_delivered() -> None:
    keys = {codex("SessionStart", {"source": "resume"}, one)[0].key for one in ("a", "a", "b")}
    assert len(keys) == 2


def test_a_notification_is_the_end_of_the_turn_that_a_hook_tells() -> None:
    payload: dict[str, Json] = {
        "type": "agent-turn-complete", "thread-id": "t", "turn-id": "u",
        "last-assistant-message": "done",
    }  # fmt: skip
    (told,) = CodexHookEvents().read(payload, AT, "n")
    (stopped,) = codex("Stop", {"last_assistant_message": "done"})
    assert (told.key, told.text) == (stopped.key, "done")
    assert CodexHookEvents().read({**payload, "turn-id": ""}, AT, "n") == []


@pytest.mark.parametrize(
    ("event", "more", "kind"),
    [
        ("SessionStart", {"source": "resume"}, EventKind.CONVERSATION_STARTED),
        ("Notification", {"notification_type": "Other"}, EventKind.AGENT_NOTIFIED),
        (
            "Notification",
            {"notification_type": "ToolPermission", "details": {"type": "exec", "command": "ls"}},
            EventKind.PERMISSION_REQUESTED,
        ),
        ("PreCompress", {"trigger": "manual"}, EventKind.HOOK_FIRED),
        ("SomethingNew", {}, EventKind.HOOK_FIRED),
    ],
)
def test_gemini_hooks_are_told(event: str, more: dict[str, Json], kind: EventKind) -> None:
    (told,) = gemini(event, **more)
    assert (told.kind, told.links.agent, told.links.kind, told.at) == (kind, "ann", "gemini", AT)


@pytest.mark.parametrize("event", ["BeforeTool", "AfterModel", ""])
def test_gemini_hooks_do_not_tell_what_its_chat_tells(event: str) -> None:
    assert gemini(event) == []


HEAD = b'{"sessionId": "g", "startTime": "2026-11-21T20:00:00Z"}'


def chat(*lines: bytes, head: bytes = HEAD) -> list[Event]:
    return GeminiChatEvents().read([head, *lines])[1:]


def test_a_chat_that_is_named_is_told_once() -> None:
    named = b'{"$set": {"summary": "A job", "lastUpdated": "2026-11-21T20:00:01Z"}}'
    (told,) = chat(named, named)
    assert told.payload == {"title": "A job"}


def test_an_error_ends_a_turn() -> None:
    (told,) = chat(b'{"id": "1", "timestamp": "2026-11-21T20:00:01Z", "type": "error",'
                   b' "content": "quota exceeded"}')  # fmt: skip
    assert (told.kind, told.text) == (EventKind.TURN_FAILED, "quota exceeded")


def test_what_is_taken_back_was_said() -> None:
    said = b'{"id": "1", "timestamp": "2026-11-21T20:00:01Z", "type": "user", "content": "hi"}'
    assert [one.text for one in chat(said, b'{"$rewindTo": "1"}', said)] == ["hi"]


def test_calls_under_way_have_a_beginning_alone() -> None:
    (told,) = chat(
        b'{"id": "1", "timestamp": "2026-11-21T20:00:01Z", "type": "gemini", "toolCalls":'
        b' [{"id": "c", "name": "run_shell_command", "status": "executing"}]}'
    )
    assert told.kind is EventKind.TOOL_STARTED


def test_a_writer_without_a_diff_changed_nothing_that_is_known() -> None:
    told = chat(
        b'{"id": "1", "timestamp": "2026-11-21T20:00:01Z", "type": "gemini", "toolCalls":'
        b' [{"id": "c", "name": "write_file", "status": "success", "resultDisplay": "ok"}]}'
    )
    assert [one.kind for one in told] == [EventKind.TOOL_STARTED, EventKind.TOOL_ENDED]


def test_torn_lines_of_a_chat_are_counted() -> None:
    reader = GeminiChatEvents()
    lines = [b"{", b"[]", b"", b'{"id": "1", "type": "user"}', b'{"sessionId": "g"}', b'{"id": 1}']
    assert reader.read(lines) == []
    assert reader.skipped == 2
