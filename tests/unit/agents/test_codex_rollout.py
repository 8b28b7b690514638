"""What a real rollout of Codex 0.169 tells, line by line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.agents.screens import FIXTURES

from iterm_mcp.agents.codex_rollout import RolloutReader, codex_home
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

NAME = "rollout-2026-11-21T16-33-29-01a1fef4-a7d6-79d2-b41a-1144a3897c81.jsonl"
LINES = (FIXTURES / "codex" / "rollout.jsonl").read_bytes().splitlines()


def read(lines: list[bytes]) -> list[Sighting]:
    reader = RolloutReader(Path("/sessions", NAME))
    return [one for line in lines for one in reader.read(line)]


def event(**payload: object) -> bytes:
    return json.dumps({"timestamp": "t", "type": "event_msg", "payload": payload}).encode()


def test_each_message_starts_and_each_turn_ends_under_the_same_id() -> None:
    turns = [one.value for one in read(LINES) if one.fact is Fact.TURN]

    begun = [one for one in turns if one["phase"] == "started"]
    assert [str(one["prompt"])[:12] for one in begun[:3]] == [
        "hello [[work", "queued msg", "[[tool exec_"
    ]  # fmt: skip
    assert begun[0]["prompt_id"] == begun[1]["prompt_id"]  # it was steered
    ended = [one for one in turns if one["phase"] != "started"]
    assert [one["phase"] for one in ended] == [
        "ended", "ended", "failed", "interrupted", "ended", "ended", "interrupted"
    ]  # fmt: skip
    assert {one["prompt_id"] for one in ended} == {one["prompt_id"] for one in begun}
    assert all(str(one["at"]).startswith("2026-11-21T16:3") for one in turns)


def test_a_turn_that_failed_at_a_limit_says_so_and_the_next_one_ends_the_trouble() -> None:
    troubles = [one.value for one in read(LINES) if one.fact is Fact.TROUBLE]

    limited = [number for number, one in enumerate(troubles) if one]
    assert len(limited) == 1
    assert troubles[limited[0]]["what"] == "rate_limited"
    assert troubles[limited[0] + 1] == {}


def test_the_conversation_is_known_by_the_files_name_and_its_model() -> None:
    told = [one.value for one in read(LINES) if one.fact is Fact.CONVERSATION]

    assert told[0] == {
        "id": "01a1fef4-a7d6-79d2-b41a-1144a3897c81",
        "transcript": f"/sessions/{NAME}",
        "model": "gpt-5",
    }


def test_it_is_idle_after_a_turn_and_busy_in_it() -> None:
    activity = [one.value["is"] for one in read(LINES) if one.fact is Fact.ACTIVITY]

    assert activity == ["busy", "idle"] * 7


def test_errors_are_told_apart_by_their_codes() -> None:
    for info, what in (
        ("usage_limit_exceeded", "rate_limited"),
        ("unauthorized", "auth_failed"),
        ({"http_connection_failed": {"http_status_code": 401}}, "auth_failed"),
        ({"response_stream_disconnected": {}}, "api_retry"),
        ("server_overloaded", "overloaded"),
        (None, "api_retry"),
    ):
        told = read([event(type="error", message="no", codex_error_info=info)])
        assert (told[0].fact, told[0].value["what"]) == (Fact.TROUBLE, what)
        assert told[1].value["phase"] == "failed"
        again = read([event(type="stream_error", message="no", codex_error_info=info)])
        assert [one.fact for one in again] == [Fact.TROUBLE]


def test_an_older_rollout_tells_messages_too() -> None:
    (told,) = read([event(type="user_message", message="hi")])

    assert told.value == {"phase": "started", "at": "t", "prompt": "hi"}
    assert told.source is ObservationSource.TRANSCRIPT
    (compacted,) = read([event(type="context_compacted")])
    assert compacted.value == {"is": "busy"}


@given(st.binary(max_size=200) | st.sampled_from(LINES).map(lambda line: line[: len(line) // 2]))
def test_torn_and_foreign_lines_tell_nothing_and_never_raise(line: bytes) -> None:
    assert read([line]) == []


def test_lines_of_unknown_forms_tell_nothing() -> None:
    for line in (
        b"[]", b"{}", b'{"type": "event_msg", "payload": []}',
        b'{"type": ["event_msg"], "payload": {}}', event(type=["x"]), event(type="turn_diff"),
        event(type="item_completed", item=None), event(type="item_completed", item={"type": "X"}),
        json.dumps({"type": "turn_context", "payload": {}}).encode(),
    ):  # fmt: skip
        assert read([line]) == []


def test_its_home_is_where_the_environment_says() -> None:
    assert codex_home({"CODEX_HOME": "/c", "HOME": "/h"}) == Path("/c")
    assert codex_home({"CODEX_HOME": "", "HOME": "/h"}) == Path("/h/.codex")
    assert codex_home({}) is None


def test_what_a_former_process_did_last_is_not_what_the_present_one_does() -> None:
    lines = [
        _line("2026-11-21T10:00:00.000Z", type="task_started", turn_id="t1"),
        _line("2026-11-21T10:00:01.000Z", type="task_complete", turn_id="t1"),
        _line("2026-11-21T10:00:02.000Z", type="task_started", turn_id="t2"),
    ]
    resumed = datetime(2026, 11, 21, 10, 0, 1, 500_000, tzinfo=UTC).timestamp()
    reader = RolloutReader(Path("/sessions", NAME), resumed)

    told = [[one.fact for one in reader.read(line)] for line in lines]

    assert told == [[], [Fact.TURN], [Fact.ACTIVITY, Fact.TROUBLE]]
    undated = RolloutReader(Path("/sessions", NAME), resumed).read(
        _line("soon", type="task_started", turn_id="t1")
    )
    assert [one.fact for one in undated] == [Fact.ACTIVITY, Fact.TROUBLE]


def _line(stamp: str, **payload: str) -> bytes:
    return json.dumps({"timestamp": stamp, "type": "event_msg", "payload": payload}).encode()
