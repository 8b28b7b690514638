"""What waiting hooks ask, and what they are answered."""

from __future__ import annotations

from typing import Any

import pytest

from iterm_mcp.agents.hook_answers import permission_asked

ASKED: dict[str, Any] = {
    "hook_event_name": "PermissionRequest", "session_id": "c1", "cwd": "/app", "tool_name": "Bash",
    "tool_input": {"command": "ls"},
}  # fmt: skip


def test_a_request_for_permission_is_answered_in_the_agents_own_form() -> None:
    asked = permission_asked(ASKED)
    assert asked
    assert (asked.tool, dict(asked.input)) == ("Bash", {"command": "ls"})
    assert (asked.conversation, asked.directory) == ("c1", "/app")
    assert asked.choices == ("allow", "deny")
    assert asked.answer("allow", "not told") == {
        "hookSpecificOutput": {
            "hookEventName": "PermissionRequest",
            "decision": {"behavior": "allow"},
        }
    }
    denied = asked.answer("deny", "no")["hookSpecificOutput"]
    assert denied["decision"] == {"behavior": "deny", "message": "no"}  # type: ignore[index, call-overload]
    quiet = asked.answer("deny")["hookSpecificOutput"]
    assert quiet["decision"] == {"behavior": "deny"}  # type: ignore[index, call-overload]


def test_what_the_agent_would_remember_goes_back_with_always() -> None:
    rule: dict[str, Any] = {"type": "addRules", "rules": [{"toolName": "Bash"}]}
    asked = permission_asked({**ASKED, "permission_suggestions": [rule]})
    assert asked
    assert asked.choices == ("allow", "allow_always", "deny")
    answer = asked.answer("allow_always")["hookSpecificOutput"]
    assert answer["decision"] == {"behavior": "allow", "updatedPermissions": [rule]}  # type: ignore[index, call-overload]


@pytest.mark.parametrize(
    "payload",
    [
        {}, {**ASKED, "hook_event_name": "Stop"}, {**ASKED, "tool_name": 7},
        {**ASKED, "tool_name": "AskUserQuestion"}, {"hook_event_name": None},
    ],
)  # fmt: skip
def test_other_events_and_questions_are_not_decided_by_a_hook(payload: dict[str, Any]) -> None:
    assert permission_asked(payload) is None


def test_odd_fields_are_as_none() -> None:
    odd: dict[str, Any] = {
        "tool_input": "x",
        "cwd": 1,
        "session_id": None,
        "permission_suggestions": "y",
    }
    asked = permission_asked({**ASKED, **odd})
    assert asked
    assert (asked.input, asked.directory, asked.conversation, asked.suggestions) == ({}, "", "", ())


def test_another_spelling_of_the_event_is_the_same_event() -> None:
    asked = permission_asked({**ASKED, "hook_event_name": "permissionRequest"})
    assert asked
    assert asked.event == "permissionRequest"
