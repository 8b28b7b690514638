"""Typing and locking as a model does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.input import InputState

if TYPE_CHECKING:
    from tests.unit.tools.conftest import Bench, Caller


async def open_one(caller: Caller) -> SessionId:
    return SessionId((await caller.data("open_session"))["session_id"])


async def test_each_session_gets_its_own_text(caller: Caller, bench: Bench) -> None:
    one, other = await open_one(caller), await open_one(caller)
    answer = await caller.data(
        "send_text", session_id=one, text="a", also={other: "b", "f" * 36: "c"}
    )
    assert [result.get("typed") for result in answer["results"]] == [True, True, None]
    assert answer["results"][2]["code"] == "session_not_found"
    assert (bench.terminal.typed(one), bench.terminal.typed(other)) == ("a\r", "b\r")


async def test_a_session_is_not_given_two_texts(caller: Caller, bench: Bench) -> None:
    one = await open_one(caller)
    refusal = await caller.refusal("send_text", session_id=one, text="a", also={one: "b"})
    assert refusal["code"] == "invalid_request"
    assert "twice" in refusal["error"]
    assert bench.terminal.typed(one) == ""


async def test_a_paste_says_what_became_of_it(caller: Caller, bench: Bench) -> None:
    one = await open_one(caller)
    bench.terminal.shell(one).input = InputState(bracketed_paste=True)
    marked = await caller.data("send_text", session_id=one, text="a\x1b[201~b", paste=True)
    bench.terminal.shell(one).input = InputState()
    long = await caller.data("send_text", session_id=one, text="x" * 2000, paste=True)

    assert marked.pop("cursor")
    assert marked == {
        "typed": True, "session_id": one, "bytes": 8, "bracketed": True, "paste_marks_removed": 1
    }  # fmt: skip
    assert bench.terminal.typed(one).startswith("\x1b[200~a\u241b[201~b\x1b[201~\r")
    assert "1 lines" in long["warning"]


async def test_several_sessions_are_pasted_into(caller: Caller, bench: Bench) -> None:
    one, other = await open_one(caller), await open_one(caller)
    await caller.data("send_text", session_id=one, text="a", also={other: "b"}, paste=True)
    assert (bench.terminal.typed(one), bench.terminal.typed(other)) == ("a\r", "b\r")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("send_text", {"text": "echo answered"}),
        ("send_text", {"text": "echo answered", "paste": True}),
        ("send_keys", {"keys": [*"echo answered", "enter"]}),
    ],
)
async def test_an_answer_that_came_at_once_is_found_from_the_cursor(
    caller: Caller, tool: str, arguments: dict[str, object]
) -> None:
    one = await open_one(caller)
    typed = await caller.data(tool, session_id=one, **arguments)

    waited = await caller.data(
        "wait_for", session_id=one, patterns=["^answered"], since=typed["cursor"]
    )
    late = await caller.data(
        "wait_for", session_id=one, patterns=["^answered"], timeout_seconds=0.02
    )

    assert (waited["matched"], late["matched"]) == (True, False)


async def test_cursor_keys_are_those_that_the_program_asked_for(
    caller: Caller, bench: Bench
) -> None:
    one = await open_one(caller)
    bench.terminal.shell(one).input = InputState(application_cursor=True)
    await caller.data("send_keys", session_id=one, keys=["up"])
    assert bench.terminal.typed(one) == "\x1bOA"


TYPING: dict[str, dict[str, object]] = {
    "send_text": {"text": "true"},
    "send_keys": {"keys": ["enter"]},
    "run_command": {"command": "true"},
    "interrupt_session": {},
}


@pytest.mark.parametrize("tool", TYPING)
async def test_whatever_types_is_held_to_the_lock(caller: Caller, bench: Bench, tool: str) -> None:
    one = await open_one(caller)
    lock = await caller.data("lock_session", session_id=one, owner="ann", note="release")

    refusal = await caller.refusal(tool, session_id=one, **TYPING[tool])
    assert refusal["code"] == "session_locked"
    assert "'ann' (release)" in refusal["error"]
    assert bench.terminal.typed(one) == ""

    await caller.data(tool, session_id=one, lock_id=lock["lock_id"], **TYPING[tool])
    nothing_to_interrupt = tool == "interrupt_session"  # at an empty prompt
    assert bench.terminal.typed(one) or nothing_to_interrupt


@pytest.mark.parametrize("tool", ["close_session", "restart_session"])
async def test_a_locked_session_is_not_ended_by_others(
    caller: Caller, bench: Bench, tool: str
) -> None:
    one = await open_one(caller)
    lock = await caller.data("lock_session", session_id=one)
    refusal = await caller.refusal(tool, session_id=one, confirm=True)
    assert refusal["code"] == "session_locked"
    assert bench.terminal.typed(one) == ""
    await caller.data(tool, session_id=one, lock_id=lock["lock_id"], confirm=True)


async def test_a_message_for_a_locked_session_is_refused_with_the_reason(
    caller: Caller, bench: Bench
) -> None:
    one = await open_one(caller)
    await caller.data("register_agent", name="ben", session_id=one)
    await caller.data("lock_session", session_id=one, owner="ann")
    answer = await caller.data("cascade_message", broadcast="hello")
    (receipt,) = answer["receipts"]
    assert receipt["state"] == "refused"
    assert "locked by 'ann'" in receipt["reason"]
    assert bench.terminal.typed(one) == ""


async def test_a_lock_says_who_what_for_and_until_when(caller: Caller) -> None:
    one = await open_one(caller)
    lock = await caller.data("lock_session", session_id=one, owner="ann", note="release")
    longer = await caller.data(
        "lock_session", session_id=one, lock_id=lock["lock_id"], ttl_seconds=600
    )
    assert lock.pop("lock_id") == longer.pop("lock_id")
    assert lock == {
        "session_id": one, "owner": "ann", "note": "release", "until": "2026-01-01T00:05:00+00:00"
    }  # fmt: skip
    assert longer == lock | {"until": "2026-01-01T00:10:00+00:00"}


async def test_a_lock_is_given_up_or_broken_but_not_both(caller: Caller) -> None:
    one = await open_one(caller)
    lock = await caller.data("lock_session", session_id=one, owner="ann")
    for arguments in ({}, {"lock_id": lock["lock_id"], "break_reason": "why"}):
        refusal = await caller.refusal("unlock_session", session_id=one, **arguments)
        assert refusal["code"] == "invalid_request"
    given_up = await caller.data("unlock_session", session_id=one, lock_id=lock["lock_id"])
    assert given_up == {"unlocked": True, "session_id": one}
    await caller.data("lock_session", session_id=one, owner="ann")
    broken = await caller.data("unlock_session", session_id=one, break_reason="it hangs")
    assert broken == {"unlocked": True, "session_id": one, "owner": "ann"}
    await caller.data("send_text", session_id=one, text="x")
