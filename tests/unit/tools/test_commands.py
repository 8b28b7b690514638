"""Commands, waits and readings as a model calls them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import anyio
import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.commands import CommandId, CommandResult, CommandState, Excerpt
from iterm_mcp.models.ids import SessionId
from iterm_mcp.tools.commands import command_answer, interrupt_answer
from iterm_mcp.tools.progress import progress

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context
    from tests.unit.tools.conftest import Bench, Caller

SECONDS = 5


async def open_one(caller: Caller) -> str:
    return str((await caller.data("open_session"))["session_id"])


async def test_a_command_is_run_and_its_output_named_as_untrusted(caller: Caller) -> None:
    session = await open_one(caller)

    answer = await caller.data("run_command", session_id=session, command="echo one")

    assert (answer["state"], answer["exit_code"], answer["output"]) == ("finished", 0, "one")
    assert answer["untrusted"] == ["output"]
    status = await caller.data("command_status", command_id=answer["command_id"])
    assert status["output"] == "one"


async def test_several_sessions_run_it_at_once_and_each_answers_for_itself(
    caller: Caller,
) -> None:
    sessions = [await open_one(caller), await open_one(caller)]

    answer = await caller.data(
        "run_command", session_ids=[*sessions, sessions[0], "nope"], command="echo x"
    )

    assert [one["session_id"] for one in answer["results"]] == [*sessions, "nope"]
    assert [one.get("output") for one in answer["results"]] == ["x", "x", None]
    assert answer["results"][-1]["code"] == "session_not_found"


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("run_command", {"session_id": "a", "session_ids": ["b"], "command": "x"}, None),
        ("run_command", {"command": "x", "timeout_seconds": 4000}, "bad_arguments"),
        ("command_status", {"command_id": "x", "wait_seconds": 4000}, "bad_arguments"),
        ("read_output", {"session_id": "a", "session_ids": ["b"]}, None),
        ("read_output", {"since": "a.0.0.0000", "head": True}, None),
        ("read_output", {"since": "no cursor"}, "bad_cursor"),
        ("wait_for", {"session_id": "a"}, None),
        ("wait_for", {"session_id": "active", "patterns": ["("]}, "bad_pattern"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    caller: Caller, tool: str, arguments: dict[str, object], code: str | None
) -> None:
    await open_one(caller)

    refusal = await caller.refusal(tool, **arguments)

    assert refusal["code"] == (code or "invalid_request")
    assert refusal["hint"]


async def test_an_interrupt_tells_whether_anything_ran(caller: Caller) -> None:
    session = await open_one(caller)
    nothing = await caller.data("interrupt_session", session_id=session)
    await caller.data("run_command", session_id=session, command="block", timeout_seconds=0)

    ended = await caller.data("interrupt_session", session_id=session)

    assert nothing == {"interrupted": False}
    assert (ended["state"], ended["exit_code"]) == ("finished", 130)


def test_an_interrupt_that_is_ignored_says_what_else_would_end_it() -> None:
    result = CommandResult(CommandId("a.b"), SessionId("s"), CommandState.RUNNING, full_screen=True)

    assert "send_keys" in interrupt_answer(result)["hint"]
    assert "hint" not in interrupt_answer(replace(result, state=CommandState.FINISHED))


async def test_output_of_a_command_that_runs_on_ends_where_its_cursor_says(
    caller: Caller, bench: Bench
) -> None:
    session = await open_one(caller)
    running = await caller.data(
        "run_command", session_id=session, command="block", timeout_seconds=0
    )
    bench.terminal.shell(SessionId(session)).print("served\n")

    waited = await caller.data(
        "wait_for", session_id=session, patterns=["served"], since=running["cursor"]
    )

    assert waited["matched"] is True


async def test_output_is_read_from_a_cursor_filtered_and_searched(
    caller: Caller, bench: Bench
) -> None:
    session = await open_one(caller)
    first = await caller.text("read_output", session_id=session)
    cursor = first.rpartition("cursor: ")[2]
    await bench.terminal.send_text(SessionId(session), "echo needle\recho hay\r")

    new = await caller.text("read_output", session_id=session, since=cursor)
    both = await caller.text("read_output", session_ids=[session, "nope"], since=cursor)
    only = await caller.text("read_output", session_id=session, pattern="^needle", context=0)
    head = await caller.text("read_output", session_id=session, head=True, max_lines=1)
    later = new.rpartition("cursor: ")[2]
    nothing = await caller.text("read_output", session_id=session, since=later)
    found = await caller.text("search_output", pattern="^NEEDLE", context=0)
    missing = await caller.text("search_output", pattern="no such thing")

    assert "\nneedle\n" in new
    assert "needle" in both
    assert "session nope" in both
    assert "1 lines match" in only
    assert "hay" not in only
    assert "more after" in head
    assert "nothing new" in nothing
    assert ": needle" in found
    assert missing == "No line matches in 1 sessions."


async def test_a_wait_tells_what_matched_or_why_not(caller: Caller, bench: Bench) -> None:
    session = await open_one(caller)
    first = await caller.text("read_output", session_id=session)
    cursor = first.rpartition("cursor: ")[2]
    await bench.terminal.send_text(SessionId(session), "echo ready at 80\r")

    found = await caller.data(
        "wait_for", session_id=session, patterns=["^ready at (\\d+)"], since=cursor
    )
    prompt = await caller.data("wait_for", session_id=session, condition="prompt")
    never = await caller.data(
        "wait_for", session_id=session, patterns=["never"], timeout_seconds=0.02
    )

    assert (found["matched"], found["text"], found["groups"]) == (True, "ready at 80", ["80"])
    assert found["untrusted"] == ["text", "groups"]
    assert prompt["condition"] == "prompt"
    assert (never["matched"], never["reason"]) == (False, "the time was up")
    assert "ready at 80" in never["tail"]


def test_an_answer_says_everything_that_is_known() -> None:
    output = Excerpt("x\n" * 30_000, 500, 30_500, lost=3, left_out=100)
    answer = command_answer(
        CommandResult(
            CommandId("c"), SessionId("s"), CommandState.RUNNING, directory="/a\x07",
            output=output, cleared=True, full_screen=True, job="make", waiting_for_input=True,
        )
    )  # fmt: skip

    assert answer["directory"] == "/a"
    assert (answer["cleared"], answer["full_screen"], answer["waiting_for_input"]) == (True,) * 3
    assert (answer["job"], answer["lines_lost"], answer["first_line"]) == ("make", 3, 400)
    assert answer["lines_left_out"] > 100


class Told:
    """A client that counts what it is told."""

    def __init__(self) -> None:
        self.times = anyio.Event()

    async def report_progress(self, seconds: float, *, message: str) -> None:
        assert seconds >= 0
        assert "running" in message
        self.times.set()


async def test_progress_is_told_while_something_goes_on() -> None:
    told = Told()

    with anyio.fail_after(SECONDS):
        async with progress(cast("Context[None, None]", told), "running", every_seconds=0):
            await told.times.wait()
        async with progress(None, "running"):
            pass


async def test_what_fails_meanwhile_fails_as_it_would_alone() -> None:
    with pytest.raises(InvalidRequestError):
        async with progress(cast("Context[None, None]", Told()), "running"):
            raise InvalidRequestError("no")
