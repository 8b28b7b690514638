"""What Codex's hooks and its notify program are told."""

from __future__ import annotations

import tomllib

from iterm_mcp.agents.codex_hooks import EVENTS, hook_settings, read_event
from iterm_mcp.models.observations import Fact, Json, ObservationSource

SUBMITTED: dict[str, Json] = {
    "session_id": "s", "turn_id": "t", "transcript_path": "/r.jsonl", "cwd": "/p",
    "hook_event_name": "UserPromptSubmit", "model": "gpt-5", "permission_mode": "default",
    "prompt": "hello\nsecond line",
}  # fmt: skip


def told(**payload: Json) -> dict[Fact, dict[str, Json]]:
    return {one.fact: dict(one.value) for one in read_event({**SUBMITTED, **payload})}


def test_a_prompt_is_submitted_under_the_id_of_its_turn() -> None:
    seen = told()

    assert seen[Fact.TURN] == {
        "phase": "submitted", "prompt": "hello\nsecond line", "prompt_id": "t"
    }  # fmt: skip
    assert seen[Fact.CONVERSATION] == {"id": "s", "transcript": "/r.jsonl", "model": "gpt-5"}
    assert seen[Fact.ACTIVITY] == {"is": "busy"}


def test_a_turn_ends_by_stop_by_interrupt_or_by_the_notify_program() -> None:
    for event, phase in (("Stop", "ended"), ("Interrupt", "interrupted")):
        seen = told(hook_event_name=event)
        assert seen[Fact.TURN] == {"phase": phase, "prompt_id": "t"}
        assert (seen[Fact.ACTIVITY], seen[Fact.DIALOG]) == ({"is": "idle"}, {})
    notified = read_event({"type": "agent-turn-complete", "turn-id": "t"})
    assert [dict(one.value) for one in notified if one.fact is Fact.TURN] == [
        {"phase": "ended", "prompt_id": "t"}
    ]


def test_a_permission_is_asked_with_tool_and_input_and_gone_with_the_next_event() -> None:
    asked = told(hook_event_name="PermissionRequest", tool_name="Bash", tool_input={"command": "x"})

    assert asked[Fact.DIALOG]["tool"] == "Bash"
    assert asked[Fact.DIALOG]["input"] == {"command": "x"}
    assert asked[Fact.DIALOG]["turn_id"] == "t"
    assert asked[Fact.ACTIVITY] == {"is": "waiting", "for": "permission"}
    assert told(hook_event_name="PostToolUse")[Fact.DIALOG] == {}


def test_starts_compaction_and_ends_are_told_and_the_rest_is_not() -> None:
    assert told(hook_event_name="SessionStart")[Fact.ACTIVITY] == {"is": "idle"}
    assert told(hook_event_name="PreCompact")[Fact.ACTIVITY] == {"is": "compacting"}
    assert told(hook_event_name="PostCompact")[Fact.ACTIVITY] == {"is": "busy"}
    assert told(hook_event_name="SessionEnd", reason="other") == {Fact.EXIT: {"reason": "other"}}
    assert told(hook_event_name="SessionEnd", reason="clear") == {}
    assert told(hook_event_name="SubagentStop") == {}


def test_what_a_subagent_does_says_nothing_of_its_agent() -> None:
    assert told(hook_event_name="Stop", agent_id="a1") == {}


def test_all_of_it_is_by_a_hook() -> None:
    assert {one.source for one in read_event(SUBMITTED)} == {ObservationSource.HOOK}


def test_settings_run_our_command_on_each_event_and_are_toml() -> None:
    words = hook_settings(("/opt/my tool", "hook", 'a"b'))

    assert words[::2] == ("-c",) * (len(EVENTS) + 1)
    values = dict(word.partition("=")[::2] for word in words[1::2])
    assert values["features.hooks"] == "true"
    (hook,) = tomllib.loads(f"v = {values['hooks.Stop']}")["v"][0]["hooks"]
    assert hook["command"] == "'/opt/my tool' hook 'a\"b'"
    assert set(values) == {"features.hooks", *(f"hooks.{event}" for event in EVENTS)}
