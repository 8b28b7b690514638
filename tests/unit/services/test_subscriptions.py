"""Subscribers are told what changes: once, soon, and not more often than they can bear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from tests.waiting import eventually

from iterm_mcp.errors import NotFoundError, RefusedError, TerminalUnavailableError
from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.sessions import Program
from iterm_mcp.models.topics import Part, Topic
from iterm_mcp.services.outbox import Outbox
from iterm_mcp.services.sessions import subscriptions
from iterm_mcp.services.sessions.subscriptions import TRIGGERS, Subscriptions, open_subscriptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.testing import FakeTerminal

LIST = Topic()


@pytest.fixture
async def subs(terminal: FakeTerminal) -> AsyncIterator[Subscriptions]:
    async with open_subscriptions(terminal, interval_seconds=0) as opened:
        yield opened


@pytest.fixture
async def session_id(terminal: FakeTerminal) -> SessionId:
    return (await terminal.open_session(Program())).session_id


async def test_a_subscriber_is_told_of_a_change_of_its_session(
    subs: Subscriptions, terminal: FakeTerminal, session_id: SessionId
) -> None:
    other = (await terminal.open_session(Program())).session_id
    told: list[Topic] = []
    screen = Topic(session_id, Part.SCREEN)
    await subs.subscribe(screen, told.append)

    await terminal.send_text(other, "echo other\r")
    await terminal.send_text(session_id, "echo mine\r")

    await eventually(lambda: told)
    assert set(told) == {screen}


async def test_what_changes_while_a_subscriber_is_left_alone_is_told_once(
    terminal: FakeTerminal, session_id: SessionId
) -> None:
    told: list[Topic] = []
    async with open_subscriptions(terminal, interval_seconds=0.3) as subs:
        await subs.subscribe(Topic(session_id, Part.OUTPUT), told.append)
        await terminal.send_text(session_id, "echo first\r")
        await eventually(lambda: told)

        for number in range(50):
            await terminal.send_text(session_id, f"echo {number}\r")
        assert len(told) == 1
        await eventually(lambda: len(told) == 2)


async def test_many_subscribers_share_one_watch_which_ends_with_the_last(
    subs: Subscriptions, terminal: FakeTerminal, session_id: SessionId
) -> None:
    told: list[Topic] = []
    leave = [
        await subs.subscribe(Topic(session_id, part), told.append)
        for part in (Part.SCREEN, Part.SCREEN, Part.OUTPUT)
    ]
    assert subs.counts() == (3, 1)
    assert terminal.watched() == 1

    for one in (*leave, *leave):  # leaving twice is leaving once
        one()

    assert subs.counts() == (0, 0)
    await eventually(lambda: terminal.watched() == 0)
    await terminal.send_text(session_id, "echo unheard\r")
    assert not told


async def test_the_end_of_a_session_is_told_last_and_of_recordings_alone(
    subs: Subscriptions, terminal: FakeTerminal, session_id: SessionId
) -> None:
    told: list[Topic] = []
    recording = Topic(session_id, Part.RECORDING)
    leave = await subs.subscribe(recording, told.append)
    await terminal.send_text(session_id, "echo recorded\r")

    await terminal.close_session(session_id)

    await eventually(lambda: told)
    assert told == [recording]
    await eventually(lambda: terminal.watched() == 0)
    leave()
    assert subs.counts() == (0, 0)


async def test_who_subscribes_to_the_list_is_told_when_sessions_come_and_go(
    subs: Subscriptions, terminal: FakeTerminal
) -> None:
    told: list[Topic] = []
    await subs.subscribe(LIST, told.append)

    session = await terminal.open_session(Program())
    await eventually(lambda: len(told) == 1)
    await terminal.close_session(session.session_id)
    await eventually(lambda: len(told) == 2)


async def test_who_subscribes_to_triggers_is_told_what_they_did(subs: Subscriptions) -> None:
    told: list[Topic] = []
    leave = await subs.subscribe(TRIGGERS, told.append)

    subs.triggers_changed()
    leave()
    subs.triggers_changed()

    assert told == [TRIGGERS]
    assert subs.counts() == (0, 0)


async def test_a_subscriber_hears_again_after_the_terminal_was_away(
    subs: Subscriptions, terminal: FakeTerminal, session_id: SessionId
) -> None:
    told: list[Topic] = []
    await subs.subscribe(Topic(session_id, Part.SCREEN), told.append)
    terminal.lose()
    await eventually(lambda: told)
    told.clear()

    terminal.recover()

    await eventually(lambda: told)


async def test_nobody_can_subscribe_to_a_session_that_does_not_exist(subs: Subscriptions) -> None:
    with pytest.raises(NotFoundError):
        await subs.subscribe(Topic(SessionId("none"), Part.SCREEN), lambda _: None)
    assert subs.counts() == (0, 0)


async def test_a_subscriber_learns_that_there_is_no_terminal(
    subs: Subscriptions, terminal: FakeTerminal, session_id: SessionId
) -> None:
    terminal.lose()
    with pytest.raises(TerminalUnavailableError):
        await subs.subscribe(Topic(session_id, Part.SCREEN), lambda _: None)
    assert subs.counts() == (0, 0)


async def test_there_are_only_so_many_subscriptions(
    subs: Subscriptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MAX_SUBSCRIPTIONS", 1)
    await subs.subscribe(TRIGGERS, lambda _: None)
    with pytest.raises(RefusedError):
        await subs.subscribe(TRIGGERS, lambda _: None)


async def test_who_gives_up_while_subscribing_leaves_no_watch_behind(
    subs: Subscriptions, terminal: FakeTerminal, session_id: SessionId
) -> None:
    gate = terminal.hold("watch")
    async with anyio.create_task_group() as group:
        group.start_soon(subs.subscribe, Topic(session_id, Part.SCREEN), lambda _: None)
        await gate.wait_arrived()
        group.cancel_scope.cancel()
    gate.open()

    assert subs.counts() == (0, 0)
    await eventually(lambda: terminal.watched() == 0)


async def test_who_waits_to_subscribe_while_all_is_closed_is_refused(
    terminal: FakeTerminal, session_id: SessionId
) -> None:
    gate = terminal.hold("watch")
    refused: list[str] = []

    async def subscribe(subs: Subscriptions) -> None:
        with pytest.raises(RefusedError) as error:
            await subs.subscribe(Topic(session_id, Part.SCREEN), lambda _: None)
        refused.append(error.value.code)

    async with anyio.create_task_group() as group, open_subscriptions(terminal) as subs:
        group.start_soon(subscribe, subs)
        await gate.wait_arrived()
    assert refused == ["stopping"]


async def test_what_waits_for_a_slow_reader_waits_once() -> None:
    outbox, sent, gate = Outbox(), list[str](), anyio.Event()

    async def send(text: str) -> None:
        sent.append(text)
        await gate.wait()

    async with anyio.create_task_group() as group:
        group.start_soon(outbox.run, send)
        outbox.add("a")
        await eventually(lambda: sent)
        for text in ("b", "a", "b", "c"):
            outbox.add(text)
        gate.set()
        await eventually(lambda: len(sent) == 4)
        group.cancel_scope.cancel()
    assert sent == ["a", "b", "a", "c"]
