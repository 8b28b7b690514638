"""What a person reads of a conversation over a protocol."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.account import account_said, account_told, cleaned

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        (
            {"type": "assistant", "message": {"content": [{"type": "text", "text": "a\nb"}]}},
            ["a", "b"],
        ),
        (
            {"type": "control_request", "request": {
                "subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "ls"}}},
            ['? Bash {"command": "ls"}'],
        ),
        ({"type": "control_request", "request": {"subtype": "hook_callback"}}, []),
        ({"type": "result", "is_error": True, "result": "429"}, ["! 429"]),
        ({"type": "result", "is_error": True, "subtype": "error_x"}, ["! error_x"]),
        ({"type": "result", "result": "said before"}, []),
        ({"method": "item/completed", "params": {"item": {"type": "agentMessage", "text": "hi"}}},
         ["hi"]),
        ({"method": "error", "params": {"error": {"message": "oh"}}}, ["! oh"]),
        ({"id": 1, "method": "item/commandExecution/requestApproval", "params": {"command": "ls"}},
         ["? ls"]),
        ({"id": 1, "method": "item/fileChange/requestApproval", "params": {"reason": "why"}},
         ['? "why"']),
        ({"method": "turn/completed", "params": {"turn": {"status": "interrupted"}}},
         ["[the turn was interrupted]"]),
        ({"method": "turn/completed", "params": {"turn": {"status": "completed"}}}, []),
        ({"method": "thread/started"}, []),
    ],
)  # fmt: skip
def test_what_the_agent_says_is_shown(message: Json, lines: list[str]) -> None:
    assert account_said(message) == lines


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        ({"type": "user", "message": {"content": "a\nb"}}, ["", "> a", "> b", ""]),
        ({"type": "user", "message": {"content": [1]}}, ["", "> [1]", ""]),
        ({"id": 1, "method": "turn/start", "params": {"input": [{"text": "go"}]}},
         ["", "> go", ""]),
        ({"type": "control_request", "request": {"subtype": "interrupt"}}, ["[interrupted]"]),
        ({"id": 1, "method": "turn/interrupt", "params": {}}, ["[interrupted]"]),
        ({"type": "control_response", "response": {"response": {"behavior": "deny"}}},
         ["[answered: deny]"]),
        ({"id": 1, "result": {"decision": "accept"}}, ['[answered: {"decision": "accept"}]']),
        ({"type": "control_request", "request": {"subtype": "initialize"}}, []),
        ({"method": "initialized"}, []),
    ],
)  # fmt: skip
def test_what_the_agent_is_told_is_shown(message: Json, lines: list[str]) -> None:
    assert account_told(message) == lines


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "method", "params", "message", "content", "request", "id", "item"]
            )
            | st.text(max_size=4),
            inner,
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["type", "method", "params", "message", "result"]), anything)
)
def test_any_message_is_read_without_harm(message: Json) -> None:
    for line in (*account_said(message), *account_told(message)):
        json.dumps(line)


def test_a_line_commands_no_terminal_and_has_an_end() -> None:
    assert cleaned("a\x1b[31m\u202eb\x9b\tc") == "a\ufffd[31m\ufffdb\ufffd\tc"
    assert len(cleaned("x" * 10_000)) < 2100
