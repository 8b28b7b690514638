"""The fake keeps the terminal's contract, and fails when it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.contract.arranging_contract import ArrangingContract
from tests.contract.output_contract import OutputContract
from tests.contract.terminal_contract import TerminalContract

from iterm_mcp.errors import (
    NotFoundError,
    TerminalRejectedError,
    TerminalTimeoutError,
    TerminalUnavailableError,
)
from iterm_mcp.models.sessions import Direction, Program, Size
from iterm_mcp.testing import FakeTerminal

if TYPE_CHECKING:
    from iterm_mcp.terminal.protocol import Terminal


@pytest.fixture
def fake() -> FakeTerminal:
    return FakeTerminal()


@pytest.fixture
def terminal(fake: FakeTerminal) -> Terminal:
    return fake


class TestFakeArranging(ArrangingContract):
    pass


class TestFakeOutput(OutputContract):
    pass


class TestFakeTerminal(TerminalContract):
    pass


async def test_a_lost_terminal_answers_nothing_until_it_recovers(fake: FakeTerminal) -> None:
    session = await fake.open_session(Program())
    fake.lose()
    with pytest.raises(TerminalUnavailableError):
        await fake.list_sessions()
    with pytest.raises(TerminalUnavailableError):
        await fake.send_text(session.session_id, "echo lost\r")

    fake.recover()

    assert [one.session_id for one in await fake.list_sessions()] == [session.session_id]
    assert fake.typed(session.session_id) == ""


async def test_failures_come_once_each_and_in_order(fake: FakeTerminal) -> None:
    session = await fake.open_session(Program())
    fake.fail_next("send_text", TerminalTimeoutError("slow"))
    fake.fail_next("send_text", TerminalRejectedError("no"))

    with pytest.raises(TerminalTimeoutError):
        await fake.send_text(session.session_id, "a")
    with pytest.raises(TerminalRejectedError):
        await fake.send_text(session.session_id, "b")
    await fake.send_text(session.session_id, "c")

    assert fake.typed(session.session_id) == "c"


@pytest.mark.parametrize("method", ["shout", "_enter"])
def test_only_methods_that_exist_can_fail_or_be_held(fake: FakeTerminal, method: str) -> None:
    with pytest.raises(AttributeError):
        fake.fail_next(method, TerminalTimeoutError("slow"))
    with pytest.raises(AttributeError):
        fake.hold(method)


async def test_a_held_call_takes_effect_when_the_gate_opens(fake: FakeTerminal) -> None:
    session = await fake.open_session(Program())
    gate = fake.hold("send_text")
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(fake.send_text, session.session_id, "echo held")
            await gate.wait_arrived()
            assert fake.typed(session.session_id) == ""
            gate.open()

    assert fake.typed(session.session_id) == "echo held"
    assert gate.waiting == 0


async def test_exit_ends_the_session(fake: FakeTerminal) -> None:
    session = await fake.open_session(Program())

    await fake.send_text(session.session_id, "exit\recho never\r")

    assert await fake.list_sessions() == ()
    with pytest.raises(NotFoundError):
        await fake.read_screen(session.session_id)


async def test_a_pane_that_is_too_small_is_not_split() -> None:
    fake = FakeTerminal(Size(4, 10))
    session = await fake.open_session(Program())

    with pytest.raises(TerminalRejectedError):
        await fake.split_session(session.session_id, Direction.RIGHT, Program())
    await fake.split_session(session.session_id, Direction.BELOW, Program())

    assert len(await fake.list_sessions()) == 2


async def test_a_program_is_remembered_as_it_was_asked_for(fake: FakeTerminal) -> None:
    program = Program(command="top -b", directory="/tmp", name="watch")
    session = await fake.open_session(program)

    assert fake.program(session.session_id) == program


async def test_the_selected_tab_of_the_next_window_is_active_after_a_window_ends(
    fake: FakeTerminal,
) -> None:
    first = await fake.open_session(Program())
    last = await fake.open_session(Program())

    await fake.close_session(last.session_id)

    (left,) = await fake.list_sessions()
    assert (left.session_id, left.active) == (first.session_id, True)


async def test_another_tab_is_selected_after_the_selected_one_ends(fake: FakeTerminal) -> None:
    first = await fake.open_session(Program())
    second = await fake.open_session(Program(), window_id=first.window_id)

    await fake.close_session(second.session_id)

    (left,) = await fake.list_sessions()
    assert (left.session_id, left.active) == (first.session_id, True)
