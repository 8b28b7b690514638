"""Rules that every tool keeps: what a model reads must be short, strict and complete."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp.types import Tool
    from tests.unit.tools.conftest import Caller

EXPECTED = [
    "list_sessions",
    "open_session",
    "split_session",
    "read_screen",
    "describe_session",
    "change_session",
    "restart_session",
    "close_session",
    "send_text",
    "send_keys",
    "lock_session",
    "unlock_session",
    "run_command",
    "command_status",
    "interrupt_session",
    "wait_for",
    "read_output",
    "search_output",
    "take_screenshot",
    "manage_triggers",
    "log_output",
    "apply_layout",
    "export_layout",
    "register_agent",
    "list_agents",
    "create_team",
    "explain_agent",
    "wait_agents",
    "start_agent",
    "stop_agent",
    "manage_agent",
    "cascade_message",
    "wait_receipts",
    "manage_messages",
    "list_approvals",
    "answer_approval",
    "manage_notes",
    "share_result",
    "read_results",
    "move_team",
    "manage_roles",
    "run_playbook",
    "submit_tasks",
    "list_tasks",
    "show_task",
    "wait_tasks",
    "change_tasks",
    "query_events",
    "session_summary",
    "compare_sessions",
    "cost_report",
    "annotate",
]

CHARACTERS_OF_ALL = 44_000
"""About 10 000 tokens: what a conversation pays whose client is shown the whole list."""


async def tools_of(caller: Caller) -> list[Tool]:
    return (await caller.client.list_tools()).tools


async def test_the_tools_come_in_a_fixed_order(caller: Caller) -> None:
    assert [tool.name for tool in await tools_of(caller)] == EXPECTED


async def test_every_tool_has_a_manual_a_title_and_hints(caller: Caller) -> None:
    for tool in await tools_of(caller):
        assert re.fullmatch(r"[a-z]+_[a-z]+|annotate", tool.name)
        assert tool.title
        assert tool.description
        assert len(tool.description) > 60
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is not None
        assert tool.annotations.open_world_hint is not None


async def test_only_tools_that_change_nothing_say_so(caller: Caller) -> None:
    readers = {
        tool.name
        for tool in await tools_of(caller)
        if tool.annotations and tool.annotations.read_only_hint
    }

    assert readers == {
        "list_sessions", "describe_session", "read_screen", "list_agents", "explain_agent",
        "wait_agents",
        "command_status", "wait_for", "read_output", "search_output",
        "take_screenshot", "read_results", "list_approvals",
        "wait_receipts",
        "list_tasks", "show_task", "wait_tasks",
        "query_events", "session_summary", "compare_sessions", "cost_report",
    }  # fmt: skip


async def test_every_argument_is_described_and_no_other_is_taken(caller: Caller) -> None:
    for tool in await tools_of(caller):
        schema = tool.input_schema
        assert schema["additionalProperties"] is False
        assert not {"anyOf", "oneOf", "allOf"} & set(schema)
        assert "title" not in schema
        for name, argument in schema["properties"].items():
            assert argument.get("description"), f"{tool.name}.{name}"
            assert "title" not in argument


async def test_the_whole_list_is_short(caller: Caller) -> None:
    size = sum(
        len(json.dumps([tool.name, tool.description, tool.input_schema]))
        for tool in await tools_of(caller)
    )

    assert size < CHARACTERS_OF_ALL


async def test_the_instructions_fit_into_every_client(caller: Caller) -> None:
    assert len((caller.client.instructions or "").encode()) <= 2048
