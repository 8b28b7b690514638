"""Agents that nobody registered are found by their processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.services.fake_families import SHELL_PID, FakeFamilies
from tests.unit.services.observed import ANN
from tests.unit.services.robot import Robot

from iterm_mcp.agents.kinds import describing
from iterm_mcp.errors import TerminalTimeoutError
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.agents.service import AgentService
from iterm_mcp.services.states.adopting import Adopting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal

ROBOT_PID = 200


@pytest.fixture(autouse=True)
def robot() -> Iterator[Robot]:
    one = Robot()
    with describing([one.kind]):
        yield one


@pytest.fixture
def families() -> FakeFamilies:
    return FakeFamilies()


@pytest.fixture
def adopting(
    terminal: FakeTerminal, store: Store, clock: FakeClock, families: FakeFamilies
) -> Adopting:
    return Adopting(terminal, store, clock, families)


async def open_robot(terminal: FakeTerminal, families: FakeFamilies) -> SessionId:
    await terminal.open_session(Program())  # one whose process nobody knows
    opened = await terminal.open_session(Program())
    terminal.set_fact(opened.session_id, "pid", SHELL_PID)
    families.start(ROBOT_PID, "robot")
    return opened.session_id


async def test_an_agent_is_found_with_its_kind_and_what_it_does(
    terminal: FakeTerminal, families: FakeFamilies, adopting: Adopting
) -> None:
    session_id = await open_robot(terminal, families)
    terminal.shell(session_id).print("busy")

    (found,) = await adopting.strangers()

    assert (found.session_id, found.kind, found.command) == (session_id, "robot", "robot")
    assert found.view.state == AgentState.WORKING
    assert await adopting.kind_of(session_id) == "robot"


async def test_an_idle_one_that_only_a_screen_tells_of_is_looked_at_twice(
    terminal: FakeTerminal, families: FakeFamilies, adopting: Adopting, clock: FakeClock
) -> None:
    session_id = await open_robot(terminal, families)
    shell = terminal.shell(session_id)
    shell.print("idle")
    read = terminal.read_screen

    async def later(one: SessionId) -> object:
        clock.advance(1)
        return await read(one)

    terminal.read_screen = later  # type: ignore[method-assign, assignment]

    (found,) = await adopting.strangers()

    assert found.view.state == AgentState.READY


async def test_a_registered_one_is_no_stranger(
    terminal: FakeTerminal,
    families: FakeFamilies,
    adopting: Adopting,
    store: Store,
    clock: FakeClock,
) -> None:
    session_id = await open_robot(terminal, families)
    await AgentService(terminal, store, clock).register_agent(ANN, session_id, kind="robot")

    assert await adopting.strangers() == ()


async def test_a_shell_and_a_session_without_processes_are_no_agents(
    terminal: FakeTerminal, families: FakeFamilies, adopting: Adopting
) -> None:
    session_id = await open_robot(terminal, families)
    families.end(ROBOT_PID)

    assert await adopting.strangers() == ()
    assert await adopting.kind_of(session_id) is None


async def test_while_the_terminal_is_away_nobody_is_found(
    terminal: FakeTerminal, families: FakeFamilies, adopting: Adopting
) -> None:
    session_id = await open_robot(terminal, families)
    terminal.fail_next("read_screen", TerminalTimeoutError("silent"))
    (found,) = await adopting.strangers()
    assert found.view.state == AgentState.UNKNOWN
    terminal.lose()

    assert await adopting.strangers() == ()
    assert await adopting.kind_of(session_id) is None
