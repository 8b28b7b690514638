"""What Codex's hooks and its notify program are told."""

from __future__ import annotations

import tomllib

from iterm_mcp.agents.codex_hooks import EVENTS, hook_settings, hook_trust, read_event
from iterm_mcp.agents.hook_spool import plain_spool_command
from iterm_mcp.models.observations import Fact, Json, ObservationSource

SUBMITTED: dict[str, Json] = {
    "session_id": "s", "turn_id": "t", "transcript_path": "/r.jsonl", "cwd": "/p",
    "hook_event_name": "UserPromptSubmit", "model": "gpt-5", "permission_mode": "default",
    "prompt": "hello\nsecond line",
}  # fmt: skip

RECORDED = {
    "pre_tool_use": "sha256:21f7f8cb38b8cc15",
    "permission_request": "sha256:e058fad04018f2ef",
    "session_end": "sha256:c8c09c710d651e0f",
    "interrupt": "sha256:e694fe9e76d89878",
    "stop": "sha256:002cf86c2c58561e",
}
"""What ``hooks/list`` of Codex 0.169 told of the hooks of one command."""


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


def test_only_the_hook_that_is_answered_runs_our_command_where_there_is_a_spool() -> None:
    command = ("/opt/relay", "codex")
    values = dict(word.partition("=")[::2] for word in hook_settings(command, "/s/spool")[1::2])
    lines = {
        name: tomllib.loads(f"v = {value}")["v"][0]["hooks"][0]["command"]
        for name, value in values.items()
        if name.startswith("hooks.")
    }
    assert lines.pop("hooks.PermissionRequest") == "/opt/relay codex"
    assert set(lines.values()) == {plain_spool_command("/s/spool", "codex")}
    both = [hook_trust(command, spool)[1] for spool in ("", "/s/spool")]
    first, second = (tomllib.loads(one)["hooks"]["state"] for one in both)
    same = [key.split(":")[1] for key in first if first[key] == second[key]]
    assert same == ["permission_request"]


def test_our_hooks_are_vouched_for_by_what_they_run_and_no_others_are() -> None:
    command = ("/opt/py", "-I", "/opt/hook_relay.py", "/tmp/state", "codex")

    flag, value = hook_trust(command)
    trusted = tomllib.loads(value)["hooks"]["state"]

    assert flag == "-c"
    assert len(trusted) == len(EVENTS)
    assert set(trusted) >= {
        f"/<session-flags>/config.toml:{one}:0:0" for one in ("pre_tool_use", "stop", "interrupt")
    }
    assert hook_trust(("/opt/py", "other"))[1] != value


def test_the_hash_of_a_hook_is_the_one_that_codex_writes_down() -> None:
    command = ("/opt/python", "-I", "/opt/hook_relay.py", "/home/ann/state", "codex")

    trusted = tomllib.loads(hook_trust(command)[1])["hooks"]["state"]

    hashes = {key.split(":")[1]: one["trusted_hash"] for key, one in trusted.items()}
    assert {name: hashes[name][:23] for name in RECORDED} == RECORDED
