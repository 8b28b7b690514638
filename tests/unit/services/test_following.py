"""A follower sees each line once, through wrapping, clearing and losses."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.waiting import eventually

from iterm_mcp.models.happenings import ScreenChanged
from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.output import OutputLine
from iterm_mcp.models.sessions import Program, Size
from iterm_mcp.services.output.following import Follower, Stretch, _joined
from iterm_mcp.services.output.reading import Reader
from iterm_mcp.testing import FakeTerminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
def terminal() -> FakeTerminal:
    return FakeTerminal(Size(20, 5))


@pytest.fixture
async def session_id(terminal: FakeTerminal) -> SessionId:
    return (await terminal.open_session(Program())).session_id


@asynccontextmanager
async def following(terminal: FakeTerminal, session_id: SessionId) -> AsyncIterator[list[Stretch]]:
    seen: list[Stretch] = []

    async def see(stretch: Stretch) -> None:
        seen.append(stretch)

    follower = Follower(
        terminal, Reader(terminal), session_id, see, pause_seconds=0, retry_seconds=0.01
    )
    async with anyio.create_task_group() as group:
        group.start_soon(follower.run)
        await follower.ready.wait()
        yield seen
        group.cancel_scope.cancel()


def is_seen(line: str, seen: list[Stretch]) -> bool:
    return line in lines(seen)


def lines(seen: list[Stretch]) -> list[str]:
    return [line for stretch in seen for line in stretch.lines]


async def test_each_line_is_seen_once(terminal: FakeTerminal, session_id: SessionId) -> None:
    async with following(terminal, session_id) as seen:
        for number in range(20):
            terminal.shell(session_id).type(f"echo {number}\r")
            await eventually(partial(is_seen, str(number), seen))
    assert [one for one in lines(seen) if one.isdigit()] == [str(one) for one in range(20)]


def test_wrapped_rows_are_one_line() -> None:
    rows = (OutputLine("ab", wrapped=True), OutputLine("cd"), OutputLine("e", wrapped=True),
            OutputLine("f"))  # fmt: skip
    assert _joined(rows) == (["abcd", "ef"], 2)


async def test_who_comes_amid_a_row_may_go_on_from_the_next(
    terminal: FakeTerminal, session_id: SessionId
) -> None:
    """The first look returns only the rest of that row; the next compares all of it."""
    async with following(terminal, session_id) as seen:
        await terminal.send_text(session_id, "block\r")
        await eventually(lambda: bool(seen))
        terminal.shell(session_id).print("next")
        await eventually(lambda: len(seen) > 1)
        terminal.shell(session_id).print("last")
        await eventually(lambda: len(seen) > 2)
    assert not any(one.cleared for one in seen)


async def test_what_is_typed_comes_with_what_it_makes_appear(
    terminal: FakeTerminal, session_id: SessionId
) -> None:
    async with following(terminal, session_id) as seen:
        await terminal.send_text(session_id, "echo mine\r")
        await eventually(lambda: "mine" in lines(seen))
    assert [text for one in seen for text in one.typed] == ["echo mine\r"]


async def test_after_a_clear_the_screen_is_seen_once(
    terminal: FakeTerminal, session_id: SessionId
) -> None:
    async with following(terminal, session_id) as seen:
        for number in range(10):
            terminal.shell(session_id).type(f"echo {number}\r")
        await eventually(lambda: "9" in lines(seen))
        shell = terminal.shell(session_id)
        shell._lines[:] = ["$ "]
        shell.tell(ScreenChanged())
        await eventually(lambda: any(one.cleared for one in seen))
        seen.clear()
        terminal.shell(session_id).type("echo after\r")
        await eventually(lambda: "after" in lines(seen))
        terminal.shell(session_id).type("echo last\r")
        await eventually(lambda: "last" in lines(seen))
    assert lines(seen).count("after") == 1


async def test_a_follower_waits_for_a_terminal_that_is_away(
    terminal: FakeTerminal, session_id: SessionId
) -> None:
    terminal.lose()
    async with anyio.create_task_group() as group:

        async def come_back() -> None:
            await anyio.lowlevel.checkpoint()
            terminal.recover()

        group.start_soon(come_back)
        async with following(terminal, session_id) as seen:
            terminal.shell(session_id).type("echo back\r")
            await eventually(lambda: "back" in lines(seen))


async def test_the_end_of_a_session_is_told_apart_from_its_absence(
    terminal: FakeTerminal, session_id: SessionId
) -> None:
    async def see(_stretch: Stretch) -> None:
        pass

    absent = Follower(terminal, Reader(terminal), SessionId("none"), see)
    assert not await absent.run()

    ended: list[bool] = []
    present = Follower(terminal, Reader(terminal), session_id, see)
    async with anyio.create_task_group() as group:

        async def run() -> None:
            ended.append(await present.run())

        group.start_soon(run)
        await present.ready.wait()
        await terminal.close_session(session_id)
    assert ended == [True]
    assert terminal.watched() == 0
