"""What a rollout tells that the recorded job has not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.events.codex_calls import diff_lines, tool_of
from iterm_mcp.agents.events.codex_rollout_events import CodexRolloutEvents, usage_of
from iterm_mcp.models.accounts import Outcome
from iterm_mcp.models.events import Event, EventKind, TokenUsage
from iterm_mcp.services.events.accounts import make_account

META = {"type": "session_meta", "payload": {"id": "t1", "cwd": "/w", "cli_version": "0.169.0"}}
RECORDED = Path(__file__).parents[3] / "fixtures" / "codex" / "rollout.jsonl"


def line(entry: dict[str, Any], second: int = 0) -> bytes:
    return json.dumps({"timestamp": f"2026-11-21T20:00:{second:02d}Z", **entry}).encode()


def read(*payloads: dict[str, Any]) -> list[Event]:
    """Read messages of events, after a head; a payload may name the type of its line."""
    reader = CodexRolloutEvents()
    lines = [line(META)]
    for second, payload in enumerate(payloads, 1):
        kind = payload.pop("line", "event_msg")
        lines.append(line({"type": kind, "payload": payload}, second))
    told = reader.read(lines)
    assert reader.skipped == 0
    return told[1:]


def called(name: str, arguments: str = "{}", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"line": "response_item", "type": "function_call", "name": name, "call_id": "c",
            "arguments": arguments, **more}  # fmt: skip


def returned(output: object) -> dict[str, Any]:
    return {"line": "response_item", "type": "function_call_output", "call_id": "c",
            "output": output}  # fmt: skip


def finished(kind: str, **item: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"type": "item_completed", "turn_id": "u", "started_at_ms": 1000,
            "completed_at_ms": 3500, "item": {"type": kind, "id": "c", **item}}  # fmt: skip


def test_a_recorded_afternoon_is_told_with_what_became_of_each_turn() -> None:
    told = CodexRolloutEvents().read(RECORDED.read_bytes().splitlines())
    account = make_account(told)
    outcomes = [one.outcome for one in account.turns]
    assert outcomes.count(Outcome.FAILED) == 1
    assert outcomes.count(Outcome.INTERRUPTED) == 2
    (failed,) = [one for one in told if one.kind is EventKind.TURN_FAILED]
    assert "429" in failed.text
    assert failed.payload["error"] == "response_too_many_failed_attempts"
    assert [one.outcome for one in account.calls] == [
        Outcome.DONE, Outcome.DONE, Outcome.INTERRUPTED,
    ]  # fmt: skip


def test_a_command_that_goes_on_ends_when_it_ends() -> None:
    (started, ended) = read(
        called("exec_command", '{"cmd": "sleep 9"}'),
        returned("Process running with session ID 3"),
        finished("CommandExecution", status="completed", exit_code=0, aggregated_output="out"),
        returned("out"),
    )
    assert started.payload["input"] == {"command": "sleep 9"}
    assert (ended.kind, ended.text, ended.duration_seconds) == (EventKind.TOOL_ENDED, "out", 2.5)


@pytest.mark.parametrize(
    ("item", "error", "interrupted"),
    [
        ({"status": "failed", "aggregated_output": "no", "exit_code": 2}, "no", False),
        ({"status": "failed", "stderr": "bad"}, "bad", False),
        ({"status": "failed", "error": {"message": "lost"}}, "lost", False),
        ({"status": "declined"}, "declined", True),
    ],
)
def test_what_failed_or_was_declined_is_a_failure(
    item: dict[str, Any], error: str, *, interrupted: bool
) -> None:
    _, failed = read(called("exec_command"), finished("CommandExecution", **item))
    assert failed.kind is EventKind.TOOL_FAILED
    assert (failed.text, failed.payload["interrupted"]) == (error, interrupted)


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("unsupported call: x", EventKind.TOOL_FAILED),
        ("Wall time: 1 s\naborted by user", EventKind.TOOL_FAILED),
        ("fine", EventKind.TOOL_ENDED),
        ({"content": "fine", "success": True}, EventKind.TOOL_ENDED),
        ([{"type": "input_text", "text": "fine"}], EventKind.TOOL_ENDED),
    ],
)
def test_what_a_model_was_given_back_ends_a_call_that_nothing_else_ends(
    output: object, kind: EventKind
) -> None:
    _, ended = read(called("view_image"), returned(output))
    assert ended.kind is kind
    assert ended.text


def test_files_that_are_moved_are_two_and_those_of_a_failed_patch_none() -> None:
    change = {"type": "update", "unified_diff": "@@ -1 +1 @@\n-a\n+b\n", "move_path": "/w/new"}
    patch = {"changes": {"/w/old": change, "/w/odd": {"type": "other"}, "/w/none": None}}
    told = read(called("apply_patch"), finished("FileChange", status="completed", **patch))
    files = [(one.subject, one.payload["change"]) for one in told[2:]]
    assert files == [("/w/old", "deleted"), ("/w/new", "created")]
    assert len(read(called("apply_patch"), finished("FileChange", status="failed", **patch))) == 2


def test_mcp_calls_are_named_as_hooks_name_them() -> None:
    started, ended = read(
        called("list_sessions", namespace="mcp__iterm__"),
        finished("McpToolCall", status="completed", result={"content": [{"text": "x"}]}),
    )
    assert started.payload["tool"] == "mcp__iterm__list_sessions"
    assert '"x"' in ended.text


def test_a_model_that_is_changed_is_told_once() -> None:
    told = read(*({"line": "turn_context", "turn_id": "u", "model": one} for one in "aabb"))
    assert [(one.kind, one.subject) for one in told] == [(EventKind.MODEL_SWITCHED, "b")]


def test_a_compaction_tells_how_many_tokens_there_were() -> None:
    usage = {"input_tokens": 90, "output_tokens": 10}
    *_, compacted = read(
        {"line": "token_usage_record", "thread_id": "t1", "response_id": "r", "usage": usage},
        {"line": "compacted", "message": "In short: …"},
    )
    assert compacted.kind is EventKind.CONTEXT_COMPACTED
    assert compacted.payload == {"tokens_before": 100}


def test_limits_are_told_when_they_change() -> None:
    def state(used: float) -> dict[str, Any]:
        limits = {"primary": {"used_percent": used, "window_minutes": 300}, "secondary": None}
        return {"type": "token_count", "info": None, "rate_limits": limits}

    told = read(state(1.5), state(1.5), state(2))
    assert [one.payload["value"] for one in told] == [1.5, 2]
    assert {one.subject for one in told} == {"rate_limit.primary.used"}


def test_answers_of_a_thread_that_was_forked_count_where_they_were_given() -> None:
    usage = {"input_tokens": 1, "output_tokens": 1}
    record = {"line": "token_usage_record", "response_id": "r", "usage": usage}
    assert read({**record, "thread_id": "other"}) == []
    assert read({**record, "thread_id": "t1", "response_id": ""}) == []
    assert read({**record, "thread_id": "t1", "usage": {}}) == []


def test_older_lines_tell_prompts_and_turns() -> None:
    told = read(
        {"type": "task_started", "turn_id": "u", "trace_id": "a" * 32},
        {"type": "user_message", "message": "hello\nyou"},
        {"type": "agent_message", "message": "hi"},
        {"type": "turn_complete", "turn_id": "u", "last_agent_message": "hi"},
        {"type": "error", "message": "lost", "codex_error_info": "unauthorized"},
        {"type": "error", "message": "lost"},
    )
    assert [(one.kind, one.subject) for one in told] == [
        (EventKind.PROMPT_SUBMITTED, "hello"), (EventKind.TURN_ENDED, ""),
        (EventKind.TURN_FAILED, "unauthorized"), (EventKind.TURN_FAILED, "error"),
    ]  # fmt: skip
    assert {one.links.trace for one in told} == {"a" * 32}


def test_torn_lines_are_counted_and_a_file_without_a_head_tells_nothing() -> None:
    reader = CodexRolloutEvents()
    asked = line({"type": "event_msg", "payload": {"type": "user_message", "message": "x"}})
    assert reader.read([b"{", b"[]", b"", asked, b'{"payload": {}}']) == []
    assert reader.skipped == 2


def test_tools_are_named_and_given_what_hooks_say() -> None:
    assert tool_of("shell", "", '{"command": ["bash", "-lc", "ls -l"], "workdir": "/w"}') == (
        "Bash", {"command": "ls -l", "workdir": "/w"},
    )  # fmt: skip
    assert tool_of("shell", "", '{"command": ["ls", "-l"]}')[1] == {"command": "ls -l"}
    assert tool_of("apply_patch", "", "*** Begin") == ("apply_patch", {"input": "*** Begin"})


def test_a_local_shell_is_a_shell() -> None:
    (started,) = read(
        {"line": "response_item", "type": "local_shell_call", "call_id": "c",
         "action": {"type": "exec", "command": ["ls"]}}
    )  # fmt: skip
    assert started.payload["tool"] == "Bash"
    assert started.subject == "ls"


def test_the_head_of_a_diff_is_no_change() -> None:
    assert diff_lines("--- a\n+++ b\n@@ -1 +1,2 @@\n a\n+b\n") == (1, 0)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_every_token_is_counted_once(fresh: int, cached: int, written: int, output: int) -> None:
    counted = usage_of(
        {"input_tokens": fresh + cached + written, "cached_input_tokens": cached,
         "cache_write_input_tokens": written, "output_tokens": output,
         "reasoning_output_tokens": output // 2}
    )  # fmt: skip
    assert counted == TokenUsage(fresh, cached, written, 0, output, output // 2)
    assert counted.total == fresh + cached + written + output


@given(st.binary())
def test_no_bytes_harm(raw: bytes) -> None:
    CodexRolloutEvents().read([line(META), *raw.split(b"\n")])
