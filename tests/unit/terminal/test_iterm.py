"""What each answer of a terminal becomes: a value, or the error that says what to do."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from iterm2 import api_pb2 as wire
from prometheus_client import CollectorRegistry
from tests.unit.terminal.peer import Peer, sessions_response

from iterm_mcp.errors import (
    InvalidRequestError,
    ItermMcpError,
    NotFoundError,
    TerminalRejectedError,
    TerminalTimeoutError,
    TerminalUnavailableError,
)
from iterm_mcp.host.server import STOPPING
from iterm_mcp.models.ids import SessionId, TabId, WindowId
from iterm_mcp.models.sessions import Direction, Program, Size
from iterm_mcp.telemetry import Meter, Metrics
from iterm_mcp.terminal.input import ItermInput
from iterm_mcp.terminal.iterm import ItermTerminal
from iterm_mcp.terminal.link import open_link
from iterm_mcp.terminal.output import ItermOutput
from iterm_mcp.terminal.properties import ItermProperties
from iterm_mcp.terminal.sessions import ItermSessions
from iterm_mcp.terminal.watching import ItermWatching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Call = Callable[[ItermTerminal], Awaitable[object]]

SECONDS = 5
ONE = SessionId("one")
TAB = TabId("tab-1")


class Bench:
    """A terminal over a peer, with what was measured."""

    def __init__(self, peer: Peer, timeout_seconds: float = SECONDS) -> None:
        self.peer = peer
        self.registry = CollectorRegistry()
        self._timeout_seconds = timeout_seconds

    @asynccontextmanager
    async def open(self) -> AsyncIterator[ItermTerminal]:
        meter = Meter(self.registry, "operation", "operations", "operation", "operations")
        peer = self.peer
        with anyio.fail_after(2 * SECONDS):
            async with open_link(peer.find, Metrics(), SECONDS, connect=peer.connect) as link:
                yield ItermTerminal(link, meter, self._timeout_seconds)

    def count(self, operation: str, outcome: str) -> float | None:
        labels = {"operation": operation, "outcome": outcome}
        return self.registry.get_sample_value("operations_total", labels)

    def in_flight(self, operation: str) -> float | None:
        return self.registry.get_sample_value("operations_in_flight", {"operation": operation})


def operations() -> list[str]:
    """Return everything that is measured."""
    return [
        one
        for part in (ItermSessions, ItermInput, ItermOutput, ItermProperties, ItermWatching)
        for one in part.operations
    ]


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
def bench(peer: Peer) -> Bench:
    return Bench(peer)


def answer(**fields: object) -> wire.ServerOriginatedMessage:
    return wire.ServerOriginatedMessage(**fields)  # type: ignore[arg-type]


def created(status: str = "OK") -> wire.ServerOriginatedMessage:
    number = wire.CreateTabResponse.Status.Value(status)
    return answer(
        create_tab_response=wire.CreateTabResponse(
            status=number, session_id="new", window_id="window-1", tab_id=7
        )
    )


def split(status: str = "OK") -> wire.ServerOriginatedMessage:
    number = wire.SplitPaneResponse.Status.Value(status)
    return answer(split_pane_response=wire.SplitPaneResponse(status=number, session_id=["new"]))


def closed(*statuses: str) -> wire.ServerOriginatedMessage:
    numbers = [wire.CloseResponse.Status.Value(status) for status in statuses]
    return answer(close_response=wire.CloseResponse(statuses=numbers))


def variables(*values: str) -> wire.ServerOriginatedMessage:
    return answer(variable_response=wire.VariableResponse(values=values))


def property_set(status: str = "OK") -> wire.ServerOriginatedMessage:
    number = wire.SetPropertyResponse.Status.Value(status)
    return answer(set_property_response=wire.SetPropertyResponse(status=number))


def buffer(status: str = "OK") -> wire.ServerOriginatedMessage:
    response = wire.GetBufferResponse(status=wire.GetBufferResponse.Status.Value(status))
    response.contents.add(text="$ ls")
    return answer(get_buffer_response=response)


def failed(reason: str) -> wire.ServerOriginatedMessage:
    response = wire.InvokeFunctionResponse()
    response.error.error_reason = reason
    return answer(invoke_function_response=response)


def laid_out(status: str) -> wire.ServerOriginatedMessage:
    number = wire.SetTabLayoutResponse.Status.Value(status)
    return answer(set_tab_layout_response=wire.SetTabLayoutResponse(status=number))


GONE_TEXT = answer(
    send_text_response=wire.SendTextResponse(status=wire.SendTextResponse.Status.SESSION_NOT_FOUND)
)
GONE_ACTIVE = answer(
    activate_response=wire.ActivateResponse(status=wire.ActivateResponse.Status.BAD_IDENTIFIER)
)
OPEN: Call = lambda it: it.open_session(Program(profile="Red"), window_id=WindowId("w9"))  # noqa: E731
SPLIT: Call = lambda it: it.split_session(ONE, Direction.RIGHT, Program(profile="Red"))  # noqa: E731
READ: Call = lambda it: it.read_screen(ONE)  # noqa: E731
NAME: Call = lambda it: it.rename_session(ONE, "work")  # noqa: E731
SIZE: Call = lambda it: it.resize_sessions(TAB, {ONE: Size(10, 5)})  # noqa: E731
GRID: Call = lambda it: it.resize_session(ONE, Size(100, 40))  # noqa: E731
CLOSE: Call = lambda it: it.close_session(ONE)  # noqa: E731


@pytest.mark.parametrize(
    ("call", "answers", "kind", "words"),
    [
        (OPEN, {"create_tab": created("INVALID_WINDOW_ID")}, NotFoundError, "no window 'w9'"),
        (OPEN, {"create_tab": created("INVALID_PROFILE_NAME")}, NotFoundError, "no profile 'Red'"),
        (OPEN, {"create_tab": created("MISSING_SUBSTITUTION")}, TerminalRejectedError, "MISSING"),
        (SPLIT, {"split_pane": split("SESSION_NOT_FOUND")}, NotFoundError, "no session 'one'"),
        (SPLIT, {"split_pane": split("INVALID_PROFILE_NAME")}, NotFoundError, "no profile 'Red'"),
        (SPLIT, {"split_pane": split("CANNOT_SPLIT")}, TerminalRejectedError, "too small"),
        (SPLIT, {"split_pane": split("MALFORMED_CUSTOM_PROFILE_PROPERTY")},
         TerminalRejectedError, "MALFORMED"),
        (lambda it: it.send_text(ONE, "x"), {"send_text": GONE_TEXT}, NotFoundError, "session"),
        (READ, {"get_buffer": buffer("SESSION_NOT_FOUND"), "variable": variables("80")},
         NotFoundError, "session"),
        (READ, {"get_buffer": buffer(), "variable": variables()}, NotFoundError, "session"),
        (NAME, {"invoke_function": failed("Session not found")}, NotFoundError, "session"),
        (NAME, {"invoke_function": failed("No such session")}, NotFoundError, "session"),
        (NAME, {"invoke_function": failed("timed out")}, TerminalRejectedError, "timed out"),
        (SIZE, {"set_tab_layout": laid_out("WRONG_TREE")}, TerminalRejectedError, "WRONG_TREE"),
        (GRID, {"set_property": property_set("INVALID_TARGET")}, NotFoundError, "session"),
        (GRID, {"set_property": property_set("IMPOSSIBLE")}, TerminalRejectedError, "IMPOSSIBLE"),
        (lambda it: it.activate_session(ONE), {"activate": GONE_ACTIVE}, NotFoundError, "session"),
        (CLOSE, {"close": closed()}, NotFoundError, "session"),
        (CLOSE, {"close": closed("NOT_FOUND")}, NotFoundError, "session"),
        (CLOSE, {"close": closed("USER_DECLINED")}, TerminalRejectedError, "USER_DECLINED"),
    ],
)  # fmt: skip
async def test_each_refusal_is_an_error_with_a_hint(
    bench: Bench,
    call: Call,
    answers: dict[str, wire.ServerOriginatedMessage],
    kind: type[ItermMcpError],
    words: str,
) -> None:
    bench.peer.answers |= {f"{name}_request": one for name, one in answers.items()}
    async with bench.open() as terminal:
        with pytest.raises(kind, match=words) as caught:
            await call(terminal)
    assert caught.value.hint


async def test_an_opened_session_is_told_with_its_place(bench: Bench) -> None:
    bench.peer.answers["create_tab_request"] = created()
    bench.peer.answers["variable_request"] = variables()
    program = Program(command="top", directory="/srv", name=r"a \(b)", profile="Red")
    async with bench.open() as terminal:
        session = await terminal.open_session(program, window_id=WindowId("window-1"))
    assert (session.session_id, session.window_id, session.tab_id) == ("new", "window-1", "7")
    (request,) = bench.peer.requests("create_tab_request")
    asked = {one.key: json.loads(one.json_value) for one in request.custom_profile_properties}
    assert request.profile_name == "Red"
    assert asked == {
        "Custom Command": "Yes",
        "Command": "top",
        "Custom Directory": "Yes",
        "Working Directory": "/srv",
        "Name": "a \\\u200b(b)",  # iTerm2 would evaluate `\(b)`
    }
    (remembered,) = bench.peer.requests("variable_request")
    assert [(one.name, json.loads(one.value)) for one in remembered.set] == [
        ("user.given_name", r"a \(b)")
    ]


async def test_tags_are_put_into_a_new_session_as_a_variable(bench: Bench) -> None:
    bench.peer.answers["create_tab_request"] = created()
    bench.peer.answers["split_pane_request"] = split()
    bench.peer.answers["variable_request"] = variables()
    async with bench.open() as terminal:
        await terminal.open_session(Program(tags=("a", "b")))
        await terminal.split_session(ONE, Direction.RIGHT, Program(tags=("c",)))
    asked = bench.peer.requests("variable_request")
    assert [one.session_id for one in asked] == ["new", "new"]
    values = [json.loads(json.loads(one.set[0].value)) for one in asked]
    assert values == [["a", "b"], ["c"]]
    assert {one.set[0].name for one in asked} == {"user.tags"}


async def test_our_own_host_is_told_of_variables_and_of_a_size(bench: Bench) -> None:
    bench.peer.answers["create_tab_request"] = created()
    async with bench.open() as terminal:
        await terminal.open_session(Program(environment={"KEY": "v"}, size=Size(100, 40)))
    (request,) = bench.peer.requests("create_tab_request")
    asked = {one.key: json.loads(one.json_value) for one in request.custom_profile_properties}
    assert asked == {"iterm_mcp Environment": {"KEY": "v"}, "Columns": 100, "Rows": 40}


@pytest.mark.parametrize("status", ["OK", "DEFERRED"])
async def test_a_sessions_grid_is_asked_for(bench: Bench, status: str) -> None:
    bench.peer.answers["set_property_request"] = property_set(status)
    async with bench.open() as terminal:
        await terminal.resize_session(ONE, Size(100, 40))
    (request,) = bench.peer.requests("set_property_request")
    assert (request.session_id, request.name) == ("one", "grid_size")
    assert json.loads(request.json_value) == {"width": 100, "height": 40}


@pytest.mark.parametrize(
    ("direction", "vertical", "before"),
    [
        (Direction.LEFT, True, True),
        (Direction.RIGHT, True, False),
        (Direction.ABOVE, False, True),
        (Direction.BELOW, False, False),
    ],
)
async def test_a_split_goes_where_it_was_asked_to(
    bench: Bench, direction: Direction, *, vertical: bool, before: bool
) -> None:
    bench.peer.answers["split_pane_request"] = split()
    async with bench.open() as terminal:
        assert await terminal.split_session(ONE, direction, Program()) == "new"
    (request,) = bench.peer.requests("split_pane_request")
    is_vertical = request.split_direction == wire.SplitPaneRequest.SplitDirection.VERTICAL
    assert (is_vertical, request.before) == (vertical, before)
    assert list(request.custom_profile_properties) == []


async def test_sessions_are_listed_from_two_answers(bench: Bench) -> None:
    bench.peer.answers["list_sessions_request"] = sessions_response("one", "two")
    bench.peer.answers["focus_request"] = answer(focus_response=wire.FocusResponse())
    async with bench.open() as terminal:
        assert [one.session_id for one in await terminal.list_sessions()] == ["one", "two"]


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("null", 0)])
async def test_a_screen_is_as_wide_as_its_session(bench: Bench, columns: str, width: int) -> None:
    bench.peer.answers["get_buffer_request"] = buffer()
    bench.peer.answers["variable_request"] = variables(columns)
    async with bench.open() as terminal:
        screen = await terminal.read_screen(ONE)
    assert (screen.lines, screen.size) == (("$ ls",), Size(width, 1))


async def test_what_the_terminal_does_without_a_word_raises_nothing(bench: Bench) -> None:
    bench.peer.answers |= {
        "send_text_request": answer(send_text_response=wire.SendTextResponse()),
        "invoke_function_request": answer(invoke_function_response=wire.InvokeFunctionResponse()),
        "activate_request": answer(activate_response=wire.ActivateResponse()),
        "close_request": closed("OK"),
        "set_tab_layout_request": laid_out("OK"),
        "variable_request": variables(),
    }
    async with bench.open() as terminal:
        await terminal.send_text(ONE, "echo hello\r")
        await terminal.rename_session(ONE, 'say "x"')
        await terminal.activate_session(ONE)
        await terminal.resize_sessions(TAB, {ONE: Size(10, 5)})
        await terminal.close_session(ONE)
    (typed,) = bench.peer.requests("send_text_request")
    assert (typed.session, typed.text, typed.suppress_broadcast) == ("one", "echo hello\r", True)
    (layout,) = bench.peer.requests("set_tab_layout_request")
    grid = layout.root.links[0].session.grid_size
    assert (grid.width, grid.height) == (10, 5)
    (named,) = bench.peer.requests("invoke_function_request")
    assert named.invocation == r'iterm2.set_name(name: "say \"x\"")'
    (close,) = bench.peer.requests("close_request")
    assert (list(close.sessions.session_ids), close.force) == (["one"], True)


async def test_sizes_are_for_the_sessions_of_a_tab_that_is_there(bench: Bench) -> None:
    async with bench.open() as terminal:
        with pytest.raises(NotFoundError, match="no tab 'tab-9'"):
            await terminal.resize_sessions(TabId("tab-9"), {})
        with pytest.raises(InvalidRequestError, match="other sessions"):
            await terminal.resize_sessions(TAB, {SessionId("two"): Size(1, 1)})
    assert bench.peer.requests("set_tab_layout_request") == []


async def test_a_request_that_the_terminal_cannot_read_is_refused_once(bench: Bench) -> None:
    bench.peer.answers["focus_request"] = answer(error="malformed")
    async with bench.open() as terminal:
        with pytest.raises(TerminalRejectedError, match="malformed"):
            await terminal.list_sessions()
    assert bench.count("list_sessions", "rejected") == 1


async def test_a_host_that_goes_has_not_said_no(bench: Bench) -> None:
    bench.peer.answers["focus_request"] = answer(error=STOPPING)
    async with bench.open() as terminal:
        with pytest.raises(TerminalUnavailableError, match="may or may not"):
            await terminal.list_sessions()
    assert bench.count("list_sessions", "unavailable") == 1


async def test_silence_is_an_error_after_its_time(peer: Peer) -> None:
    peer.answers["send_text_request"] = None
    bench = Bench(peer, timeout_seconds=0.01)
    async with bench.open() as terminal:
        with pytest.raises(TerminalTimeoutError, match="may still happen") as caught:
            await terminal.send_text(ONE, "x")
    assert "read_screen" in caught.value.hint
    assert bench.count("send_text", "timeout") == 1


async def test_a_loss_is_told_as_one_error_though_two_requests_were_out(bench: Bench) -> None:
    bench.peer.answers |= {"get_buffer_request": None, "variable_request": None}

    async def read() -> None:
        with pytest.raises(TerminalUnavailableError):
            await terminal.read_screen(ONE)

    async with bench.open() as terminal, anyio.create_task_group() as group:
        group.start_soon(read)
        while not bench.peer.requests("variable_request"):
            await anyio.lowlevel.checkpoint()
        bench.peer.socket.hang_up()
    assert bench.count("read_screen", "unavailable") == 1


async def test_a_call_that_was_given_up_is_no_longer_in_flight(bench: Bench) -> None:
    bench.peer.answers["send_text_request"] = None
    async with bench.open() as terminal, anyio.create_task_group() as group:
        group.start_soon(terminal.send_text, ONE, "x")
        while not bench.peer.requests("send_text_request"):
            await anyio.lowlevel.checkpoint()
        assert bench.in_flight("send_text") == 1
        group.cancel_scope.cancel()
    assert bench.in_flight("send_text") == 0
    assert bench.count("send_text", "cancelled") == 1


async def test_every_operation_stands_at_zero_from_the_start(bench: Bench) -> None:
    async with bench.open():
        assert set(map(bench.in_flight, operations())) == {0.0}


def viewed(
    texts: list[str], cursor: int, overflow: int = 0
) -> dict[str, wire.ServerOriginatedMessage]:
    """Return the answers to a request for rows with this overflow, and the cursor's row."""
    response = wire.GetBufferResponse(status=wire.GetBufferResponse.Status.OK)
    for text in texts:
        response.contents.add(text=text)
    response.cursor.y = cursor
    response.windowed_coord_range.coord_range.end.y = overflow + 34
    counts = {"overflow": overflow, "history": 10, "grid": 24}
    known = wire.GetPropertyResponse(
        status=wire.GetPropertyResponse.Status.OK, json_value=json.dumps(counts)
    )
    return {
        "get_buffer_request": answer(get_buffer_response=response),
        "get_property_request": answer(get_property_response=known),
        "variable_request": variables("true"),
    }


async def test_the_newest_lines_end_where_the_screen_does(bench: Bench) -> None:
    bench.peer.answers |= viewed(["a", "b"], cursor=30, overflow=6)
    async with bench.open() as terminal:
        view = await terminal.view_output(ONE, None, 2)
    assert (view.lines.first, view.span.first, view.span.end) == (38, 6, 40)
    assert (view.cursor.line, view.full_screen) == (30, True)
    (request,) = bench.peer.requests("get_buffer_request")
    assert request.line_range.trailing_lines == 2


@pytest.mark.parametrize("overflow", [0, 6])
async def test_lines_lost_above_the_cursor_are_told_by_how_many_came(
    bench: Bench, overflow: int
) -> None:
    bench.peer.answers |= viewed(["a", "b"], cursor=10, overflow=overflow)
    async with bench.open() as terminal:
        view = await terminal.view_output(ONE, 4, 4)
        lines = await terminal.read_lines(ONE, 4, 4)
    assert view.lines.first == lines.first == 6
    assert len(bench.peer.requests("get_buffer_request")) == 2


async def test_lines_that_may_lack_at_either_end_are_asked_for_again(bench: Bench) -> None:
    """The reply does not say where it begins, and reaches below the cursor."""
    bench.peer.answers |= viewed(["a", "b"], cursor=8, overflow=6)
    async with bench.open() as terminal:
        view = await terminal.view_output(ONE, 4, 20)
        assert (view.lines.first, len(view.lines.lines)) == (7, 2)
        asked = [
            one.line_range.windowed_coord_range.coord_range
            for one in bench.peer.requests("get_buffer_request")
        ]
        assert [(one.start.y, one.end.y) for one in asked] == [(4, 24), (6, 9)]


class Flood(dict[str, wire.ServerOriginatedMessage | None]):
    """Answers of a session that loses lines between two requests, and whose cursor goes up."""

    overflow, cursor = 60, 200

    def __getitem__(self, kind: str) -> wire.ServerOriginatedMessage | None:
        now = viewed(["a"], cursor=self.cursor, overflow=self.overflow)
        if kind == "get_property_request":
            self.overflow, self.cursor = self.overflow + 60, 150
        return {**self, **now}[kind]


async def test_lines_that_are_lost_as_fast_as_they_are_asked_for_are_none(bench: Bench) -> None:
    bench.peer.answers = Flood(bench.peer.answers)
    async with bench.open() as terminal:
        view = await terminal.view_output(ONE, 4, 300)
    assert (view.lines.first, view.lines.lines) == (view.span.first, ())


async def test_what_a_terminal_will_not_read_is_no_lines(bench: Bench) -> None:
    bench.peer.answers |= viewed([], cursor=0)
    bench.peer.answers["get_buffer_request"] = buffer("INVALID_LINE_RANGE")
    async with bench.open() as terminal:
        assert (await terminal.view_output(ONE, 4, 20)).lines.lines == ()
        assert (await terminal.read_lines(ONE, 4, 20)).lines == ()


async def test_a_session_that_ends_while_it_is_viewed_is_no_more(bench: Bench) -> None:
    bench.peer.answers |= viewed([], cursor=0)
    bench.peer.answers["variable_request"] = variables()
    async with bench.open() as terminal:
        with pytest.raises(NotFoundError):
            await terminal.view_output(ONE, 0, 1)
