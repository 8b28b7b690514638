"""A locked session refuses strangers by every way in, and its holder by none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client
from tests.unit.tools.conftest import Caller
from tests.unit.tools.watched import open_watched

from iterm_mcp.models.sessions import Program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.tools.watched import Watched

REFUSALS = {"session_locked", "lock_lost"}

WAYS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("send_text", {"text": "true"}),
    ("send_text", {"text": "true", "paste": True, "enter": False}),
    ("send_keys", {"keys": ["enter"]}),
    ("run_command", {"command": "true"}),
    ("interrupt_session", {}),
    ("change_session", {"job": "suspend"}),
    ("change_session", {"job": "resume"}),
    ("manage_triggers", {"action": "add", "pattern": "go", "act": "text", "text": "true"}),
    ("manage_triggers", {"action": "add", "pattern": "go", "act": "keys", "text": "enter"}),
    ("lock_session", {}),
    ("restart_session", {"confirm": True}),
    ("close_session", {"confirm": True, "grace_seconds": 0}),
)
"""What a call that would type, signal or end says besides the session and the lock."""

ELSEWHERE = {
    "run_playbook": "shows no lock: a step in a locked session fails as the tool would",
    "cascade_message": "says in its receipts who refused: below",
    "manage_messages": "sends again as cascade_message does, and shows no lock",
    "answer_approval": "types into a dialog alone, and shows the lock: test_approvals",
    "start_agent": "types nothing: the agent's first order goes with it, or as a message",
    "stop_agent": "ends an agent in the pane that was opened for it",
    "manage_agent": "as stop_agent",
    "unlock_session": "takes a lock away, which may be broken for a reason",
}

HARMLESS = {
    "open_session": "makes a session",
    "split_session": "makes a session beside another",
    "register_agent": "gives a name",
    "create_team": "gives a name",
    "apply_layout": "moves panes, and ends and types nothing",
    "export_layout": "writes down what stands",
    "log_output": "reads",
    "annotate": "keeps texts",
    "manage_notes": "keeps texts",
    "share_result": "keeps texts",
    "move_team": "says who stands where",
    "manage_roles": "says who may do what",
}
"""Tools that do not only look, and reach nothing that runs in a session that stands."""


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    async with open_watched(tmp_path) as opened:
        yield opened


@pytest.fixture
async def caller(watched: Watched) -> AsyncIterator[Caller]:
    async with Client(watched.server) as client:
        yield Caller(client)


async def code_of(caller: Caller, tool: str, arguments: dict[str, Any]) -> str:
    """Return the code that a call is refused with; empty when it is not."""
    result = await caller.raw(tool, **arguments)
    return str((result.structured_content or {}).get("code", "")) if result.is_error else ""


async def test_no_tool_that_changes_something_is_left_out(caller: Caller) -> None:
    tools = (await caller.client.list_tools()).tools
    changing = {
        one.name for one in tools if not (one.annotations and one.annotations.read_only_hint)
    }
    assert changing == {tool for tool, _ in WAYS} | set(ELSEWHERE) | set(HARMLESS)


@pytest.mark.parametrize(("tool", "arguments"), WAYS)
async def test_a_stranger_is_refused_and_the_holder_is_not(
    caller: Caller, watched: Watched, tool: str, arguments: dict[str, Any]
) -> None:
    target = {"session_id": watched.session_id}
    lock_id = (await caller.data("lock_session", **target))["lock_id"]
    typed = watched.terminal.typed(watched.session_id)

    assert await code_of(caller, tool, {**target, **arguments}) == "session_locked"
    guess = {"lock_id": "0123456789abcdef"}
    assert await code_of(caller, tool, {**target, **arguments, **guess}) == "session_locked"
    assert watched.terminal.typed(watched.session_id) == typed

    held = await code_of(caller, tool, {**target, **arguments, "lock_id": lock_id})
    assert held not in REFUSALS


@pytest.mark.parametrize(("tool", "arguments"), WAYS)
async def test_who_shows_a_lock_that_holds_no_more_is_refused_and_told_so(
    caller: Caller, watched: Watched, tool: str, arguments: dict[str, Any]
) -> None:
    target = {"session_id": watched.session_id}
    lock_id = (await caller.data("lock_session", **target, ttl_seconds=60))["lock_id"]
    watched.clock.advance(60)

    assert await code_of(caller, tool, {**target, **arguments, "lock_id": lock_id}) == "lock_lost"


async def test_names_tags_and_looks_are_everybodys(caller: Caller, watched: Watched) -> None:
    await caller.data("lock_session", session_id=watched.session_id)
    answer = await caller.data(
        "change_session", session_id=watched.session_id, name="mine", tags=["ci"], focus=True
    )
    assert answer["changed"] == ["name", "tags", "focus"]


async def agents(caller: Caller, watched: Watched) -> dict[str, str]:
    """Register an agent for the session that is there, and for two more."""
    found = {"ann": str(watched.session_id)}
    for name in ("ben", "cem"):
        found[name] = str((await watched.terminal.open_session(Program())).session_id)
    for name, session_id in found.items():
        await caller.data("register_agent", name=name, session_id=session_id)
    return found


async def receipts(caller: Caller, **arguments: Any) -> dict[str, str]:  # noqa: ANN401
    answer = await caller.data("cascade_message", **arguments)
    return {one["agent"]: one["state"] for one in answer["receipts"]}


async def test_a_cascade_shows_its_lock_to_the_sessions_that_it_holds_alone(
    caller: Caller, watched: Watched
) -> None:
    """One is locked by the sender, one by a stranger, and one by nobody."""
    found = await agents(caller, watched)
    mine = (await caller.data("lock_session", session_id=found["ann"]))["lock_id"]
    theirs = (await caller.data("lock_session", session_id=found["ben"]))["lock_id"]

    sent = {"broadcast": "true"}
    assert await receipts(caller, **sent) == {"ann": "refused", "ben": "refused", "cem": "written"}
    assert await receipts(caller, **sent, lock_id=mine) == {
        "ann": "written", "ben": "refused", "cem": "written"
    }  # fmt: skip
    assert await receipts(caller, **sent, lock_id=theirs) == {
        "ann": "refused", "ben": "written", "cem": "written"
    }  # fmt: skip


async def test_a_cascade_does_not_reach_a_session_whose_lock_its_sender_has_lost(
    caller: Caller, watched: Watched
) -> None:
    found = await agents(caller, watched)
    lock_id = (await caller.data("lock_session", session_id=found["ann"]))["lock_id"]
    await caller.data("unlock_session", session_id=found["ann"], break_reason="it hangs")

    answer = await caller.data("cascade_message", broadcast="true", lock_id=lock_id)

    refused = {one["agent"]: one.get("reason", "") for one in answer["receipts"]}
    assert "it hangs" in refused["ann"]
    assert not refused["ben"]


async def test_a_cascade_with_a_lock_that_never_was_types_nothing(
    caller: Caller, watched: Watched
) -> None:
    found = await agents(caller, watched)

    refusal = await caller.refusal("cascade_message", broadcast="true", lock_id="guessed")

    assert refusal["code"] == "lock_lost"
    assert refusal["hint"]
    assert not any(watched.terminal.typed(one) for one in found.values())  # type: ignore[arg-type]


async def test_lists_and_descriptions_say_who_holds_a_session_and_until_when(
    caller: Caller, watched: Watched
) -> None:
    held = await caller.data(
        "lock_session", session_id=watched.session_id, owner="ann", note="<release>"
    )
    await watched.terminal.open_session(Program())

    locked, free = (await caller.data("list_sessions"))["sessions"]
    described = await caller.data("describe_session", session_id=watched.session_id)

    assert locked["locked"] == described["locked"]
    assert locked["locked"] == {"owner": "ann", "until": held["until"], "note": held["note"]}
    assert "locked" not in free
    assert held["lock_id"] not in str((locked, described))

    watched.clock.advance(300)
    assert "locked" not in (await caller.data("list_sessions"))["sessions"][0]
