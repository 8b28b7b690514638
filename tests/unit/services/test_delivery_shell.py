"""Messages for shells are typed as they are; their marks tell when the commands ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.waiting import eventually

from iterm_mcp.models.agents import Agent
from iterm_mcp.models.deliveries import Delivery, Stage
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.deliveries.service import DeliveryService, Order, make_deliveries
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal


@pytest.fixture
async def service(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> AsyncIterator[DeliveryService]:
    states = AgentStateService(store, clock)
    made = make_deliveries(terminal, store, clock, SessionWriters(), states)
    async with made.running():
        yield made


@pytest.fixture
async def ada(terminal: FakeTerminal, store: Store) -> Agent:
    session_id = (await terminal.open_session(Program())).session_id
    agent = Agent(AgentName("ada"), "shell", session_id, (), "", START)
    await store.agents.add_agent(agent)
    return agent


async def send(service: DeliveryService, agent: Agent, text: str) -> Delivery:
    (kept,) = await service.accept([service.draw_up(Order(agent, text))])
    return kept


async def comes_to(service: DeliveryService, sent: Delivery, stage: Stage) -> Delivery:
    async def standing() -> Delivery:
        return (await service.find([sent.delivery_id]))[sent.delivery_id]

    return await eventually(standing, lambda one: one.stage is stage)


async def test_marks_tell_of_the_start_and_the_end_with_its_exit_code(
    service: DeliveryService, ada: Agent, terminal: FakeTerminal
) -> None:
    sent = await send(service, ada, "true\nblock")
    await comes_to(service, sent, Stage.STARTED)
    terminal.shell(ada.session_id).finish(3)
    ended = await comes_to(service, sent, Stage.ENDED)

    assert ended.moves[-1].evidence == "OSC 133 D 3"
    assert terminal.typed(ada.session_id) == "true\rblock\r"


async def test_a_shell_without_marks_leaves_its_messages_written(
    service: DeliveryService, ada: Agent, terminal: FakeTerminal
) -> None:
    terminal.shell(ada.session_id).marks = False
    sent = await send(service, ada, "true")
    written = await comes_to(service, sent, Stage.WRITTEN)
    found = await service.wait([sent.delivery_id], Stage.ENDED, 0.05, every=True)
    assert found[sent.delivery_id] == written


async def test_a_session_that_ends_leaves_the_message_where_it_was(
    service: DeliveryService, ada: Agent, terminal: FakeTerminal
) -> None:
    sent = await send(service, ada, "block")
    await comes_to(service, sent, Stage.STARTED)
    terminal.end(ada.session_id)
    await eventually(lambda: terminal.watched() == 0)
    assert (await comes_to(service, sent, Stage.STARTED)).stage is Stage.STARTED


async def test_a_command_that_is_another_ones_is_not_taken_for_ours(
    service: DeliveryService, ada: Agent, terminal: FakeTerminal
) -> None:
    def standing(session_id: SessionId) -> str:
        return terminal.typed(session_id)

    terminal.shell(ada.session_id).type("block\r")  # it reads nothing meanwhile
    sent = await send(service, ada, "true")
    await comes_to(service, sent, Stage.WRITTEN)
    terminal.shell(ada.session_id).finish()
    assert standing(ada.session_id) == "block\rtrue\r"
    found = await service.wait([sent.delivery_id], Stage.STARTED, 0.05, every=True)
    assert found[sent.delivery_id].stage is Stage.WRITTEN
