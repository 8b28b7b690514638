"""What the terminal tells goes to those who watch, in order, and never more than they can take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from iterm2 import api_pb2 as wire

from iterm_mcp.models.happenings import (
    CommandEnded,
    CommandStarted,
    PromptShown,
    ScreenChanged,
    SequenceReceived,
    SessionEnded,
    SessionsChanged,
    TerminalBack,
    TerminalLost,
    TextTyped,
)
from iterm_mcp.models.ids import SessionId
from iterm_mcp.models.output import PromptId
from iterm_mcp.terminal.watches import MAX_WAITING, QueuedWatch, Watches

if TYPE_CHECKING:
    from iterm_mcp.models.happenings import Happening

ONE, OTHER = SessionId("one"), SessionId("other")
PROMPT = PromptId("p1")


async def drained(watch: QueuedWatch) -> list[Happening]:
    """Return all that waits; the end of a session, which stays, once."""
    found: list[Happening] = []
    while watch.waiting():
        found.append(await watch.next())
        if isinstance(found[-1], SessionEnded):
            break
    return found


def screen(session_id: str) -> wire.Notification:
    told = wire.Notification()
    told.screen_update_notification.session = session_id
    return told


def shell(session_id: str, **event: object) -> wire.Notification:
    told = wire.Notification()
    prompt = told.prompt_notification
    prompt.session, prompt.unique_prompt_id = session_id, PROMPT
    match event:
        case {"started": command}:
            prompt.command_start.command = str(command)
        case {"ended": status}:
            prompt.command_end.status = int(str(status))
        case _:
            prompt.prompt.SetInParent()
    return told


def sequence(session_id: str) -> wire.Notification:
    told = wire.Notification()
    custom = told.custom_escape_sequence_notification
    custom.session, custom.sender_identity, custom.payload = session_id, "id", "said"
    return told


def ended(session_id: str) -> wire.Notification:
    told = wire.Notification()
    told.terminate_session_notification.session_id = session_id
    return told


def opened(session_id: str) -> wire.Notification:
    told = wire.Notification()
    told.new_session_notification.session_id = session_id
    return told


def moved() -> wire.Notification:
    told = wire.Notification()
    told.layout_changed_notification.SetInParent()
    return told


@pytest.mark.parametrize(
    ("told", "heard"),
    [
        (screen(ONE), [ScreenChanged()]),
        (shell(ONE), [PromptShown(PROMPT)]),
        (shell(ONE, started="make"), [CommandStarted(PROMPT, "make")]),
        (shell(ONE, ended=3), [CommandEnded(PROMPT, 3)]),
        (sequence(ONE), [SequenceReceived("id", "said")]),
        (ended(ONE), [SessionEnded()]),
        (opened("new"), []),
        (moved(), []),
    ],
)
async def test_a_sessions_watchers_hear_of_it_and_no_others(
    told: wire.Notification, heard: list[Happening]
) -> None:
    watches = Watches()
    first, second, other = watches.add(ONE), watches.add(ONE), watches.add(OTHER)
    watches.notified(told)
    assert await drained(first) == await drained(second) == heard
    assert await drained(other) == []


@pytest.mark.parametrize(
    ("told", "heard"), [(opened("new"), [SessionsChanged()]), (ended(ONE), [SessionsChanged()]),
                        (screen(ONE), [])],
)  # fmt: skip
async def test_who_watches_the_list_hears_that_it_changed(
    told: wire.Notification, heard: list[Happening]
) -> None:
    watches, watch = Watches(), QueuedWatch()
    watches.of_all.add(watch)
    watches.notified(told)
    watches.notified(told)
    assert await drained(watch) == heard, "two changes that wait are one"


async def test_screen_changes_that_wait_are_one_and_the_rest_keeps_its_order() -> None:
    watches = Watches()
    watch = watches.add(ONE)
    for told in (screen(ONE), shell(ONE, started="a"), screen(ONE), shell(ONE, ended=0)):
        watches.notified(told)
    assert await drained(watch) == [
        ScreenChanged(), CommandStarted(PROMPT, "a"), CommandEnded(PROMPT, 0)
    ]  # fmt: skip
    watches.notified(screen(ONE))
    assert await drained(watch) == [ScreenChanged()]


async def test_the_end_of_a_session_is_the_last_and_is_told_to_whoever_asks() -> None:
    watches = Watches()
    watch = watches.add(ONE)
    watches.notified(ended(ONE))
    watches.notified(screen(ONE))
    for _ in range(3):
        assert await watch.next() == SessionEnded()


async def test_who_does_not_ask_is_told_to_look_anew() -> None:
    watch = QueuedWatch()
    for number in range(MAX_WAITING + 2):
        watch.put(CommandEnded(PROMPT, number))
    assert await drained(watch) == [
        TerminalBack(), CommandEnded(PROMPT, MAX_WAITING), CommandEnded(PROMPT, MAX_WAITING + 1)
    ]  # fmt: skip


async def test_a_watcher_that_waits_is_woken() -> None:
    watch = QueuedWatch()
    heard: list[Happening] = []

    async def wait() -> None:
        heard.append(await watch.next())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            assert heard == []
            watch.put(ScreenChanged())
    assert heard == [ScreenChanged()]


async def test_what_we_type_is_told_to_those_who_want_it() -> None:
    watches = Watches()
    wants, plain, other = watches.add(ONE, typing=True), watches.add(ONE), watches.add(OTHER)
    watches.typed(ONE, "ls\r")
    assert await drained(wants) == [TextTyped("ls\r")]
    assert await drained(plain) == await drained(other) == []


async def test_a_loss_and_a_return_are_told_to_all_and_an_end_meanwhile_to_its_own() -> None:
    watches, every = Watches(), QueuedWatch()
    watches.of_all.add(every)
    one, other = watches.add(ONE), watches.add(OTHER)
    watches.lost()
    watches.back([OTHER])
    assert await drained(one) == [TerminalLost(), SessionEnded()]
    assert await drained(other) == await drained(every) == [TerminalLost(), TerminalBack()]


def test_a_session_is_watched_until_its_last_watcher_has_gone() -> None:
    watches = Watches()
    first, second = watches.add(ONE), watches.add(ONE)
    assert not watches.remove(ONE, first)
    assert watches.sessions() == [ONE]
    assert watches.remove(ONE, second)
    assert watches.sessions() == []
    watches.tell(ONE, ScreenChanged())
    assert not second.waiting()
