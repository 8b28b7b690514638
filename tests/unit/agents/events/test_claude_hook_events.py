"""Every hook of Claude Code becomes events, and nothing that it may hand over breaks the reader."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.agents.events.recorded import NOTICED, lines

from iterm_mcp.agents.events.claude_hook_events import (
    HOOKS,
    NOISE,
    UNASKED,
    ClaudeHookEvents,
)
from iterm_mcp.models.events import Event, EventKind, Links

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
FIELDS = (
    "tool_name", "tool_input", "tool_use_id", "tool_response", "duration_ms", "error", "prompt",
    "prompt_id", "agent_id", "agent_type", "source", "reason", "file_path", "event", "trigger",
    "message", "last_assistant_message", "is_interrupt", "model", "from_model", "to_model",
)  # fmt: skip
PAYLOADS = st.fixed_dictionaries(
    {"hook_event_name": st.sampled_from(HOOKS), "session_id": st.just("c-1")},
    optional=dict.fromkeys(FIELDS, JSON),
)
USE: dict[str, Any] = {"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "t-1"}
TOLD: dict[str, tuple[dict[str, Any], EventKind | None, str]] = {
    "SessionStart": ({"source": "resume"}, EventKind.CONVERSATION_STARTED, "resume"),
    "SessionEnd": ({"reason": "logout"}, EventKind.CONVERSATION_ENDED, "logout"),
    "Setup": ({"trigger": "init"}, EventKind.HOOK_FIRED, "Setup"),
    "UserPromptSubmit": ({"prompt": "Do it\nnow"}, EventKind.PROMPT_SUBMITTED, "Do it"),
    "UserPromptExpansion": ({"command_name": "/x"}, EventKind.HOOK_FIRED, "UserPromptExpansion"),
    "PreToolUse": (USE, EventKind.TOOL_STARTED, "ls"),
    "PostToolUse": (USE | {"tool_response": "a"}, EventKind.TOOL_ENDED, "ls"),
    "PostToolUseFailure": (USE | {"error": "no"}, EventKind.TOOL_FAILED, "ls"),
    "PostToolBatch": ({"tool_calls": [USE]}, None, ""),
    "PermissionRequest": (USE, EventKind.PERMISSION_REQUESTED, "ls"),
    "PermissionDenied": (USE | {"reason": "r"}, EventKind.PERMISSION_ANSWERED, "ls"),
    "Notification": ({"notification_type": "idle_prompt"}, EventKind.AGENT_NOTIFIED, "idle_prompt"),
    "Stop": ({"last_assistant_message": "Done."}, EventKind.TURN_ENDED, ""),
    "StopFailure": ({"error": "rate_limit"}, EventKind.TURN_FAILED, "rate_limit"),
    "SubagentStart": ({"agent_type": "Plan"}, EventKind.SUBAGENT_STARTED, "Plan"),
    "SubagentStop": ({"agent_type": "Plan"}, EventKind.SUBAGENT_ENDED, "Plan"),
    "PreCompact": ({"trigger": "auto"}, EventKind.HOOK_FIRED, "PreCompact"),
    "PostCompact": ({"compact_summary": "all"}, EventKind.HOOK_FIRED, "PostCompact"),
    "PreModelSwitch": ({"to_model": "b"}, EventKind.HOOK_FIRED, "PreModelSwitch"),
    "PostModelSwitch": ({"to_model": "b"}, EventKind.MODEL_SWITCHED, "b"),
    "TaskCreated": ({"task_id": "1"}, EventKind.HOOK_FIRED, "TaskCreated"),
    "TaskCompleted": ({"task_id": "1"}, EventKind.HOOK_FIRED, "TaskCompleted"),
    "TeammateIdle": ({"teammate_name": "x"}, EventKind.HOOK_FIRED, "TeammateIdle"),
    "Elicitation": ({"mcp_server_name": "s"}, EventKind.QUESTION_ASKED, "s"),
    "ElicitationResult": ({"action": "accept"}, EventKind.HOOK_FIRED, "ElicitationResult"),
    "ConfigChange": ({"source": "user"}, EventKind.HOOK_FIRED, "ConfigChange"),
    "InstructionsLoaded": ({"file_path": "/C"}, EventKind.HOOK_FIRED, "InstructionsLoaded"),
    "CwdChanged": ({"old_cwd": "/", "new_cwd": "/x"}, EventKind.HOOK_FIRED, "CwdChanged"),
    "DirectoryAdded": ({"directory": "/x"}, EventKind.HOOK_FIRED, "DirectoryAdded"),
    "FileChanged": ({"file_path": "/f", "event": "unlink"}, EventKind.FILE_CHANGED, "/f"),
    "WorktreeCreate": ({"name": "w"}, EventKind.HOOK_FIRED, "WorktreeCreate"),
    "WorktreeRemove": ({"worktree_path": "/w"}, EventKind.HOOK_FIRED, "WorktreeRemove"),
    "MessageDisplay": ({"delta": "…"}, None, ""),
}  # fmt: skip


def read(reader: ClaudeHookEvents, name: str, /, **more: Json) -> list[Event]:
    payload: dict[str, Json] = {
        "hook_event_name": name,
        "session_id": "c-1",
        "prompt_id": "p-1",
        **more,
    }
    return reader.read(payload, NOTICED, "d", Links(agent="ann"))


@pytest.mark.parametrize("name", HOOKS)
def test_what_each_hook_tells(name: str) -> None:
    more, kind, subject = TOLD[name]
    events = read(ClaudeHookEvents(), name, **more)
    assert [(one.kind, one.subject) for one in events] == ([(kind, subject)] if kind else [])
    for one in events:
        assert (one.links.agent, one.links.conversation, one.links.turn) == ("ann", "c-1", "p-1")


def test_all_33_are_known_and_asked_for_but_for_those_that_harm_or_repeat() -> None:
    assert len(HOOKS) == len(set(HOOKS)) == 33
    assert {*NOISE, "WorktreeCreate"} == UNASKED


def test_a_hook_of_tomorrow_is_kept_as_it_is() -> None:
    (event,) = read(ClaudeHookEvents(), "BrandNew", words="of wisdom")
    assert (event.kind, event.text) == (EventKind.HOOK_FIRED, "of wisdom")
    assert event.payload["told"] == {"words": "of wisdom"}


def test_what_is_nobodys_or_nothing_tells_nothing() -> None:
    reader = ClaudeHookEvents()
    assert reader.read({"hook_event_name": "Stop"}, NOTICED, "d") == []
    assert reader.read({"session_id": "c-1"}, NOTICED, "d") == []
    assert read(reader, "UserPromptSubmit", prompt="x", source="system") == []


def test_a_permission_is_asked_for_the_call_that_was_begun() -> None:
    reader = ClaudeHookEvents()
    read(reader, "PreToolUse", **USE)
    asked: dict[str, Any] = {"tool_name": "Bash", "tool_input": {"command": "ls"}}
    (event,) = read(reader, "PermissionRequest", **asked)
    assert event.links.call == "t-1"


def test_the_file_that_somebody_deleted() -> None:
    (event,) = read(ClaudeHookEvents(), "FileChanged", file_path="/f", event="unlink")
    assert (event.payload["change"], event.payload["path"]) == ("deleted", "/f")


def check_twice_is_once(payload: dict[str, Any]) -> None:
    first = ClaudeHookEvents().read(payload, NOTICED, "d")
    again = ClaudeHookEvents().read(payload, NOTICED, "d")
    assert [one.key for one in first] == [one.key for one in again]
    assert len({one.key for one in first}) == len(first)


@given(payload=PAYLOADS)
def test_nothing_that_is_handed_over_raises_and_twice_is_once(payload: dict[str, Any]) -> None:
    check_twice_is_once(payload)


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(max_examples=1000, deadline=None)
@given(payload=PAYLOADS)
def test_nothing_of_much_that_is_handed_over_raises(payload: dict[str, Any]) -> None:
    check_twice_is_once(payload)


@settings(max_examples=50, deadline=None)
@given(order=st.permutations(range(len(lines("hooks.jsonl")))))
def test_hooks_in_any_order_tell_the_same_facts(order: list[int]) -> None:
    """They come from processes that run at the same time."""
    recorded = [json.loads(line) for line in lines("hooks.jsonl")]

    def told(indices: list[int]) -> set[str]:
        reader = ClaudeHookEvents()
        return {
            event.key
            for index in indices
            for event in reader.read(recorded[index], NOTICED, str(index))
        }

    assert told(order) == told(list(range(len(recorded))))
