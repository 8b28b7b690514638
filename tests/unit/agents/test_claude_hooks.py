"""What Claude Code's hooks tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.claude_hooks import (
    ASKING,
    EVENTS,
    dialog_id,
    hook_settings,
    hook_sightings,
)
from iterm_mcp.agents.reports import Reports
from iterm_mcp.models.observations import Fact, ObservationSource

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Sighting

COMMON = {"session_id": "c1", "transcript_path": "/t.jsonl", "cwd": "/w", "prompt_id": "p1"}


def seen(event: str, **fields: object) -> dict[Fact, dict[str, Any]]:
    payload: dict[str, Any] = {**COMMON, "hook_event_name": event, **fields}
    sightings = hook_sightings(payload)
    assert all(one.source is ObservationSource.HOOK for one in sightings)
    assert all(event in one.evidence for one in sightings)
    return {one.fact: dict(one.value) for one in sightings}


def test_a_prompt_is_told_as_its_sender_meant_it() -> None:
    pasted = '\n\n<pasted_content id="a8f7">\n1\n2\n3\n4\n</pasted_content id="a8f7">\n'

    told = seen("UserPromptSubmit", prompt=f"Count:{pasted}")

    assert told[Fact.TURN] == {
        "phase": "submitted", "prompt": "Count:\n1\n2\n3\n4", "prompt_id": "p1",
    }  # fmt: skip
    assert told[Fact.ACTIVITY] == {"is": "busy"}


def test_the_end_of_a_background_task_is_no_persons_prompt() -> None:
    told = seen("UserPromptSubmit", prompt="<task-notification>\n<task-id>b</task-id>")

    assert Fact.TURN not in told
    assert told[Fact.ACTIVITY] == {"is": "busy"}


def test_a_permission_says_at_once_what_for_and_not_after_six_seconds() -> None:
    told = seen("PermissionRequest", tool_name="Bash", tool_input={"command": "rm -r x"})

    dialog = told[Fact.DIALOG]
    assert (dialog["asks"], dialog["tool"], dialog["text"]) == ("permission", "Bash", "rm -r x")
    assert dialog["input"] == {"command": "rm -r x"}
    assert told[Fact.ACTIVITY] == {"is": "waiting", "for": "permission prompt"}


def test_the_same_request_has_the_same_id_and_another_has_another() -> None:
    one = dialog_id("c1", "Bash", {"command": "make", "timeout": 1})

    assert one == dialog_id("c1", "Bash", {"timeout": 1, "command": "make"})
    assert one != dialog_id("c1", "Bash", {"command": "make", "timeout": 2})
    assert one != dialog_id("c2", "Bash", {"command": "make", "timeout": 1})


def test_a_question_has_its_choices() -> None:
    question = {
        "question": "Which one?", "header": "Choice", "multiSelect": False,
        "options": [{"label": "left", "description": "l"}, {"label": "right"}],
    }  # fmt: skip

    told = seen(
        "PermissionRequest", tool_name="AskUserQuestion", tool_input={"questions": [question]}
    )

    assert told[Fact.DIALOG]["asks"] == "question"
    assert told[Fact.DIALOG]["options"] == ["left", "right"]
    assert told[Fact.DIALOG]["text"] == "Which one?"
    assert told[Fact.ACTIVITY]["for"] == "input needed"


@pytest.mark.parametrize("several", ["questions", "answers"])
def test_more_than_one_choice_is_left_to_the_person(several: str) -> None:
    one = {"question": "?", "multiSelect": several == "answers", "options": [{"label": "a"}]}
    asked = {"questions": [one, one] if several == "questions" else [one]}

    told = seen("PermissionRequest", tool_name="AskUserQuestion", tool_input=asked)

    assert told[Fact.DIALOG]["options"] == []


def test_the_end_of_a_turn_ends_its_dialogs_and_troubles_too() -> None:
    told = seen("Stop", last_assistant_message="Mended.", background_tasks=[])

    assert told[Fact.TURN] == {"phase": "ended", "prompt_id": "p1", "said": "Mended."}
    assert told[Fact.ACTIVITY] == {"is": "idle"}
    assert told[Fact.BACKGROUND] == {}
    assert told[Fact.DIALOG] == {}
    assert told[Fact.TROUBLE] == {}


def test_a_turn_that_leaves_a_shell_running_says_so() -> None:
    told = seen("Stop", background_tasks=[{"id": "b1", "type": "shell", "status": "running"}])

    assert told[Fact.BACKGROUND] == {"count": 1}


@pytest.mark.parametrize("event", ["Stop", "SubagentStop", "PermissionRequest", "Notification"])
def test_a_subagents_end_is_not_the_agents(event: str) -> None:
    assert seen(event, agent_id="a1", agent_type="explore", last_assistant_message="done") == {}


@pytest.mark.parametrize(
    ("error", "what"),
    [
        ("rate_limit", "rate_limited"), ("authentication_failed", "auth_failed"),
        ("billing_error", "billing"), ("overloaded", "overloaded"),
    ],
)  # fmt: skip
def test_a_failed_turn_says_what_is_wrong(error: str, what: str) -> None:
    told = seen("StopFailure", error=error, error_details="no more")

    assert told[Fact.TROUBLE] == {"what": what, "text": "no more"}
    assert told[Fact.TURN]["phase"] == "failed"
    assert told[Fact.ACTIVITY] == {"is": "idle"}


def test_a_failure_of_one_request_alone_is_no_lasting_trouble() -> None:
    assert seen("StopFailure", error="invalid_request")[Fact.TROUBLE] == {}


@pytest.mark.parametrize(
    ("kind", "fact", "value"),
    [
        ("permission_prompt", Fact.ACTIVITY, {"is": "waiting", "for": "permission prompt"}),
        ("elicitation_dialog", Fact.ACTIVITY, {"is": "waiting", "for": "input needed"}),
        ("idle_prompt", Fact.ACTIVITY, {"is": "idle"}),
        ("quota_auto_resume_fired", Fact.TROUBLE, {}),
        ("quota_auto_resume_stale", Fact.TROUBLE, {"what": "rate_limited", "text": "m"}),
    ],
)
def test_notifications_are_told_apart(kind: str, fact: Fact, value: dict[str, Any]) -> None:
    assert seen("Notification", notification_type=kind, message="m") == {fact: value}


def test_compacting_is_its_own_state_and_goes_back_to_what_was() -> None:
    assert seen("PreCompact", trigger="auto")[Fact.ACTIVITY] == {"is": "compacting"}
    assert seen("PostCompact", trigger="auto")[Fact.ACTIVITY] == {"is": "busy"}
    assert seen("PostCompact", trigger="manual")[Fact.ACTIVITY] == {"is": "idle"}


def test_a_form_of_an_mcp_server_is_a_question() -> None:
    told = seen("Elicitation", mcp_server_name="jira", message="Which?", elicitation_id="e1")

    assert told[Fact.DIALOG]["id"] == "e1"
    assert told[Fact.DIALOG]["asks"] == "question"
    assert seen("ElicitationResult", action="accept")[Fact.DIALOG] == {}


def test_a_start_names_the_conversation_and_shows_that_no_gate_stands() -> None:
    told = seen("SessionStart", source="startup", model="opus")

    assert told[Fact.CONVERSATION] == {"id": "c1", "transcript": "/t.jsonl", "model": "opus"}
    assert told[Fact.GATE] == {}


def test_a_cleared_conversation_is_no_end_of_the_process() -> None:
    assert seen("SessionEnd", reason="prompt_input_exit") == {
        Fact.EXIT: {"reason": "prompt_input_exit"}
    }
    assert seen("SessionEnd", reason="clear") == {}


@pytest.mark.parametrize("event", ["PreToolUse", "MessageDisplay", "Unheard", ""])
def test_other_events_tell_nothing(event: str) -> None:
    assert seen(event, tool_name="Bash") == {}


words = st.text(max_size=20)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)


@given(
    st.sampled_from([*EVENTS, "PreToolUse"]),
    st.dictionaries(
        st.sampled_from(
            ["prompt", "tool_name", "tool_input", "background_tasks", "error", "message",
             "notification_type", "reason", "trigger", "prompt_id", "source", "model"]
        ),
        anything | st.just({"questions": [{"options": [1, {"label": "x"}]}, None]}),
    ),
)  # fmt: skip
def test_no_form_of_a_payload_raises(event: str, fields: dict[str, Any]) -> None:
    found = hook_sightings({**COMMON, "hook_event_name": event, **fields})

    assert all(len(one.evidence) <= 2000 for one in found)


def test_the_settings_ask_for_what_is_understood_and_wait_for_a_persons_answer() -> None:
    hooks = json.loads(hook_settings(["/opt/iterm mcp", "hook", "claude"]))["hooks"]

    assert set(hooks) == set(EVENTS)
    (one,) = hooks["PermissionRequest"][0]["hooks"]
    assert one["command"] == "'/opt/iterm mcp' hook claude"
    assert one["timeout"] >= 3600
    assert hooks["Stop"][0]["hooks"][0]["timeout"] <= 60


def recorded() -> list[tuple[Sighting, ...]]:
    folder = Path(__file__).parents[2] / "fixtures" / "claude" / "hooks"
    lines = (folder / "conversation.jsonl").read_text("utf-8").splitlines()
    return [hook_sightings(json.loads(line)) for line in lines]


def test_what_a_real_ones_hooks_told_is_understood() -> None:
    told = [(one.fact, one.value) for sightings in recorded() for one in sightings]
    turns = [value for fact, value in told if fact is Fact.TURN]
    tools = [value["tool"] for fact, value in told if fact is Fact.DIALOG and value]

    assert [turn["prompt"] for turn in turns if turn["phase"] == "submitted"][:3] == [
        "say hi [[say hi]]", "first [[work 6]]", "second",
    ]  # fmt: skip
    assert {"Bash", "Edit", "Write", "AskUserQuestion"} <= set(tools)
    assert {"count": 1} in [value for fact, value in told if fact is Fact.BACKGROUND]
    assert told[-1] == (Fact.EXIT, {"reason": "prompt_input_exit"})


def test_what_nobody_answers_is_left_in_the_spool() -> None:
    hooks = json.loads(hook_settings(["relay", "claude"], "/s/spool"))["hooks"]
    commands = {event: one["hooks"][0]["command"] for event, (one,) in hooks.items()}
    assert {event for event, line in commands.items() if line == "relay claude"} == {ASKING}
    spooled = {event for event, line in commands.items() if "/s/spool/.hook" in line}
    assert {*EVENTS, "PreToolUse", "PostToolUse", "SubagentStop"} - {ASKING} <= spooled
    assert not {"WorktreeCreate", "MessageDisplay", ASKING} & spooled
    assert set(json.loads(hook_settings(["relay"]))["hooks"]) == set(EVENTS)


def test_what_is_answered_is_asked_over_http_without_a_secret_and_runs_no_program() -> None:
    reports = Reports("http://127.0.0.1:7717", "the-secret")
    settings = hook_settings(["relay", "claude"], "/s/spool", reports)
    assert "relay" not in settings
    assert "the-secret" not in settings + repr(reports)
    left, asked = (one["hooks"][0] for one in json.loads(settings)["hooks"][ASKING])
    assert "/s/spool/.hook" in left["command"]
    assert asked["type"] == "http"
    assert asked["url"] == "http://127.0.0.1:7717/v1/hooks/claude?kept=1"
    assert asked["headers"]["Authorization"] == "Bearer $ITERM_MCP_REPORT_TOKEN"
    used = {value.removeprefix("Bearer ")[1:] for value in asked["headers"].values()}
    assert used == set(asked["allowedEnvVars"])
    assert asked["timeout"] >= 3600
