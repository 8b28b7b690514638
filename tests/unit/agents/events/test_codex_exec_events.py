"""What ``codex exec --json`` prints of a job is told as far as it goes, and each fact once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.events.codex_exec_events import CodexExecEvents, stamp
from iterm_mcp.models.accounts import Change, Outcome
from iterm_mcp.models.events import EventKind, Links, TokenUsage
from iterm_mcp.services.events.accounts import make_account

if TYPE_CHECKING:
    from iterm_mcp.models.events import Event

FOLDER = Path(__file__).parents[3] / "fixtures" / "jobs" / "codex"
LINES = (FOLDER / "exec.jsonl").read_bytes().splitlines()
AT = datetime(2026, 11, 21, 21, tzinfo=UTC)
THREAD = "01a1ffb1-e088-7712-bea2-80b99cc4303c"


def told(*lines: bytes, links: Links | None = None) -> list[Event]:
    reader = CodexExecEvents(AT, links)
    found = reader.read(lines)
    return found + reader.finish()


def printed(*lines: dict[str, Any]) -> list[Event]:
    """Return what some lines of a turn tell, without the beginning of the thread."""
    head: list[dict[str, Any]] = [
        {"type": "thread.started", "thread_id": "T"}, {"type": "turn.started"},
    ]  # fmt: skip
    return told(*(json.dumps(one).encode() for one in [*head, *lines]))[2:]


def item(phase: str, kind: str, **more: object) -> dict[str, Any]:
    return {"type": f"item.{phase}", "item": {"id": "item_0", "type": kind, **more}}


def test_a_recorded_job_makes_its_account() -> None:
    account = make_account(told(*LINES, links=Links(model="gpt-5", agent="worker")))
    assert (account.conversation, account.agent, account.models) == (THREAD, "worker", ("gpt-5",))
    assert [(one.tool, one.outcome) for one in account.calls] == [
        ("apply_patch", Outcome.DONE),
        ("Bash", Outcome.DONE),
        ("Bash", Outcome.FAILED),
        ("spawn_agent", Outcome.DONE),
        ("wait", Outcome.DONE),
        ("Bash", Outcome.DONE),
    ]
    assert {one.path.rpartition("/")[2]: one.change for one in account.files} == {
        "new.txt": Change.CREATED, "old.txt": Change.MODIFIED, "gone.txt": Change.DELETED,
    }  # fmt: skip
    assert [one.error.strip() for one in account.failures] == ["broken"]
    (turn,) = account.turns
    assert (turn.outcome, turn.calls) == (Outcome.DONE, 6)
    (subagent,) = account.subagents
    assert subagent.outcome is Outcome.DONE
    assert account.started_at == datetime(2026, 11, 21, 20, 0, 9, 864000, tzinfo=UTC)


def test_its_tokens_are_those_of_its_own_rollout() -> None:
    books = json.loads((FOLDER / "model.json").read_bytes())
    own = [one["usage"] for one in books if one["who"] != "subagent"]
    usage = make_account(told(*LINES)).spent.usage
    assert usage.total == sum(one["total_tokens"] for one in own)
    assert (usage.output, usage.reasoning) == (960, 320)


def test_commands_are_told_without_the_shell_around_them() -> None:
    started = [one for one in told(*LINES) if one.kind is EventKind.TOOL_STARTED]
    assert [one.subject for one in started if one.payload["tool"] == "Bash"] == [
        "cat old.txt", "echo broken >&2; exit 3", "rm other.txt",
    ]  # fmt: skip
    (odd, _) = printed(item("completed", "command_execution", command="a 'b", status="completed"))
    assert odd.payload["input"] == {"command": "a 'b"}


@given(st.integers(0, len(LINES)))
def test_who_reads_a_stream_that_was_cut_off_and_then_all_of_it_tells_each_fact_once(
    cut: int,
) -> None:
    whole = told(*LINES)
    names = {one.key for one in whole}
    assert len(names) == len(whole)
    assert {one.key for one in told(*LINES[:cut])} <= names


@given(st.sets(st.integers(1, len(LINES) - 1)))
def test_stamps_and_pieces_change_nothing_but_times(cuts: set[int]) -> None:
    reader, found = CodexExecEvents(AT), []
    for index, line in enumerate(LINES):
        if index in cuts:
            found += reader.read([stamp(AT + timedelta(seconds=index))])
        found += reader.read([line, b""])
    assert (reader.skipped, reader.holding) == (0, False)
    assert [(one.key, one.links) for one in found] == [(one.key, one.links) for one in told(*LINES)]


def test_stamps_tell_how_long_things_took() -> None:
    lines = [
        {"type": "thread.started", "thread_id": "T"}, {"type": "turn.started"},
        item("started", "command_execution", command="make", status="in_progress"),
        item("completed", "command_execution", command="make", status="completed"),
        {"type": "turn.completed", "usage": {}},
    ]  # fmt: skip
    stamped = []
    for index, one in enumerate(lines):
        stamped += [stamp(AT + timedelta(seconds=index)), json.dumps(one).encode()]
    seconds = {one.kind: one.duration_seconds for one in told(*stamped)}
    assert (seconds[EventKind.TOOL_ENDED], seconds[EventKind.TURN_ENDED]) == (1.0, 3.0)


def test_streams_in_one_file_are_as_if_each_stood_alone() -> None:
    other = [one.replace(THREAD.encode(), b"another") for one in LINES[:-1]]
    assert told(*other, *LINES) == told(*other) + told(*LINES)
    assert {one.links.conversation for one in told(*other)} == {"another"}


def test_what_two_runs_of_a_thread_did_is_told_apart() -> None:
    again = [one.replace(b"alpha", b"omega") for one in LINES]
    first, second = told(*LINES), told(*again)
    both = {one.key: one for one in [*first, *second]}
    ends = [one for one in both.values() if one.kind is EventKind.TURN_ENDED]
    assert len(ends) == 2
    assert ends[0].links.turn != ends[1].links.turn


def test_a_turn_that_failed_says_why() -> None:
    (log, failed) = printed(
        {"type": "error", "message": "Reconnecting... 1/5"},
        {"type": "turn.failed", "error": {"message": "no such model"}},
    )
    assert (log.kind, log.subject, log.text) == (
        EventKind.LOG_REPORTED, "codex.exec.error", "Reconnecting... 1/5",
    )  # fmt: skip
    assert (failed.kind, failed.payload) == (EventKind.TURN_FAILED, {"error": "no such model"})


def test_calls_of_mcp_searches_and_plans_are_calls() -> None:
    mcp = {"server": "git", "tool": "log", "arguments": {"n": 1}}
    result = {"content": [{"type": "text", "text": "abc"}], "structured_content": None}
    (started, ended) = printed(
        item("started", "mcp_tool_call", status="in_progress", **mcp),
        item("completed", "mcp_tool_call", status="completed", result=result, **mcp),
    )
    assert started.payload == {"tool": "mcp__git__log", "input": {"n": 1}}
    assert (ended.kind, ended.text) == (EventKind.TOOL_ENDED, "abc")
    error = {"message": "denied"}
    (_, failed) = printed(
        item("completed", "mcp_tool_call", status="failed", error=error, server="s", tool="t")
    )
    assert (failed.kind, failed.text) == (EventKind.TOOL_FAILED, "denied")
    (search, _) = printed(item("completed", "web_search", query="zstd"))
    assert search.subject == "zstd"
    steps = [{"text": "one", "completed": False}]
    (plan, _) = printed(
        item("started", "todo_list", items=steps), item("updated", "todo_list", items=[]),
        item("completed", "todo_list", items=steps),
    )  # fmt: skip
    assert plan.payload == {"tool": "update_plan", "input": {"plan": steps}}


def test_a_command_that_was_declined_was_interrupted() -> None:
    (_, failed) = printed(
        item("completed", "command_execution", command="rm -rf /", status="declined")
    )
    assert (failed.payload["interrupted"], failed.text) == (True, "declined")


def test_answers_before_the_last_and_reasoning_are_told_as_they_are() -> None:
    found = printed(
        item("started", "agent_message", text=""),
        item("completed", "reasoning", text="Let me see."),
        item("completed", "agent_message", text="Looking."),
        item("completed", "agent_message", text="Done."),
        {"type": "turn.completed"},
    )
    assert [(one.subject, one.text) for one in found] == [
        ("codex.exec.reasoning", "Let me see."),
        ("codex.exec.agent_message", "Looking."),
        ("", "Done."),
    ]


@pytest.mark.parametrize(
    "line",
    [b"Reading prompt from stdin...", b"[]", b'{"type":"turn.started"}', b'{"thread_id":"T"}',
     b'{"type":"thread.started"}'],
    ids=["no JSON", "no object", "before its thread", "no type", "no thread"],
)  # fmt: skip
def test_what_is_no_line_of_a_stream_is_counted(line: bytes) -> None:
    reader = CodexExecEvents(AT)
    assert (reader.read([line]), reader.skipped) == ([], 1)


@pytest.mark.parametrize(
    "odd",
    [item("completed", "hologram"), item("paused", "web_search"),
     {"type": "item.completed", "item": {"type": "web_search"}}, {"type": "item.started"},
     {"type": "turn.paused"}],
    ids=["kind", "phase", "no id", "no item", "event"],
)  # fmt: skip
def test_what_is_not_known_tells_nothing(odd: dict[str, Any]) -> None:
    assert printed(odd) == []


def test_a_subagent_ends_once_and_broken_states_are_left_out() -> None:
    done = {"S": {"status": "completed", "message": "Stands."}, "broken": "?"}
    wait = item(
        "completed", "collab_tool_call", tool="wait", status="completed", agents_states=done
    )
    found = [one for one in printed(wait, wait) if one.kind is EventKind.SUBAGENT_ENDED]
    assert [(one.links.subagent, one.text) for one in found] == [("S", "Stands.")]


def test_no_more_uses_are_remembered_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iterm_mcp.agents.events.codex_exec_events.REMEMBERED_ITEMS", 1)
    one = item("started", "web_search", query="a")
    two = {**one, "item": {**one["item"], "id": "item_1"}}
    again = item("completed", "web_search", query="a")
    kinds = [event.kind for event in printed(one, two, again)]
    assert kinds == [EventKind.TOOL_STARTED] * 3 + [EventKind.TOOL_ENDED]


def test_an_answer_without_tokens_is_none() -> None:
    found = printed({"type": "turn.completed", "usage": {"input_tokens": 0}})
    assert [one.usage for one in found if one.usage] == []
    (answer, _) = printed({"type": "turn.completed", "usage": {"input_tokens": 3}})
    assert answer.usage == TokenUsage(input=3)
