"""Sessions described, changed, restarted and closed, as a model asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.models.ids import SessionId

if TYPE_CHECKING:
    from tests.unit.tools.conftest import Bench, Caller


async def open_one(caller: Caller, **arguments: object) -> str:
    return str((await caller.data("open_session", **arguments))["session_id"])


async def test_a_session_is_opened_with_all_that_can_be_asked_for(
    caller: Caller, bench: Bench
) -> None:
    opened = await caller.data(
        "open_session", command="vim", args=["a file"], environment={"LANG": "C"}, tags=["edit"],
        columns=100, rows=40, wait_ready=True,
    )  # fmt: skip
    split = await caller.data(
        "split_session", session_id="tag:edit", command="top", args=["-d", "1"], tags=["watch"],
        environment={"N": "1"},
    )  # fmt: skip

    program = bench.terminal.program(SessionId(opened["session_id"]))
    assert opened["ready"] is True
    assert (program.command, program.arguments) == ("vim", ("a file",))
    assert program.environment == {"LANG": "C"}
    (found,) = (await caller.data("list_sessions", match=["tag:watch"]))["sessions"]
    assert found["session_id"] == split["session_id"]
    assert found["tags"] == ["watch"]
    assert bench.terminal.program(SessionId(split["session_id"])).arguments == ("-d", "1")


async def test_a_session_is_described_and_changed(caller: Caller) -> None:
    session_id = await open_one(caller)

    changed = await caller.data(
        "change_session", session_id=session_id, name="new", tags=["x"], badge="b",
        foreground="#ffffff", columns=90, rows=30, focus=True,
    )  # fmt: skip
    found = await caller.data("describe_session", session_id="name:new")

    assert changed == {
        "session_id": session_id, "changed": ["name", "tags", "look", "focus", "size"],
        "columns": 90, "rows": 30,
    }  # fmt: skip
    assert (found["session_id"], found["name"], found["tags"]) == (session_id, "new", ["x"])
    assert (found["columns"], found["rows"]) == (90, 30)
    assert found["prompt"] == "editing"


async def test_a_session_is_restarted_and_closed(caller: Caller, bench: Bench) -> None:
    session_id = await open_one(caller, name="short")
    await caller.data("send_text", session_id=session_id, text="echo once")
    shell = bench.terminal.shell(SessionId(session_id))

    restarted = await caller.data("restart_session", session_id=session_id, confirm=True)
    closed = await caller.data(
        "close_session", session_id=session_id, confirm=True, grace_seconds=0
    )

    assert restarted == {"restarted": True, "session_id": session_id}
    assert shell.typed == "echo once\r"
    assert (closed["closed"], closed["name"]) == (True, "short")
    assert (await caller.data("list_sessions"))["sessions"] == []


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("open_session", {"columns": 80}, "both columns and rows"),
        ("change_session", {"rows": 80}, "both columns and rows"),
        ("change_session", {}, "nothing to change"),
        ("change_session", {"job": "resume"}, "suspended"),
        ("close_session", {"confirm": True, "grace_seconds": 999}, "grace_seconds"),
    ],
)
async def test_what_cannot_be_is_refused(
    caller: Caller, tool: str, arguments: dict[str, object], says: str
) -> None:
    session_id = await open_one(caller)
    if tool != "open_session":
        arguments = arguments | {"session_id": session_id}

    assert says in (await caller.refusal(tool, **arguments))["error"]


async def test_a_person_is_asked_about_a_session_by_what_they_know_it_by(
    caller: Caller, bench: Bench
) -> None:
    await open_one(caller, name="build")
    (row,) = [row for row in bench.rows if row.call.__name__ == "close_session"]
    assert row.about is not None

    assert 'the session "build"' in await row.about({"session_id": "name:build"})
    gone = await row.about({"session_id": "DEADBEEF-0000-4000-8000-000000000000"})
    assert gone == "a session that stands in no window"
