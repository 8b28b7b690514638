"""The link connects, greets, tells its observer, and connects again after every loss."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from operator import eq
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.lowlevel import checkpoint
from iterm2 import api_pb2 as wire
from iterm2 import rpc
from tests.unit.terminal.peer import HOST, Peer, sessions_response
from tests.waiting import eventually

from iterm_mcp.errors import TerminalUnavailableError
from iterm_mcp.terminal.link import LAST_BACKOFF_SECONDS, open_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.terminal.link import TerminalLink

SECONDS = 5


class Told:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.story: list[object] = []

    def terminal_up(self, sessions: set[SessionId], *, again: bool) -> None:
        self.story.append(("up again" if again else "up", *sorted(sessions)))

    def terminal_down(self) -> None:
        self.story.append("down")

    def session_opened(self, session_id: SessionId) -> None:
        self.story.append(("opened", session_id))

    def session_ended(self, session_id: SessionId) -> None:
        self.story.append(("ended", session_id))


class Pauses:
    """A pause that takes no time but a turn, and remembers how long it should have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await checkpoint()


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@asynccontextmanager
async def linked(
    peer: Peer, told: Told, pauses: Pauses, wait_seconds: float = SECONDS
) -> AsyncIterator[TerminalLink]:
    with anyio.fail_after(SECONDS):
        async with open_link(
            peer.find, told, wait_seconds, connect=peer.connect, pause=pauses
        ) as link:
            yield link


async def test_callers_get_a_connection_once_the_terminal_has_been_greeted(
    peer: Peer, told: Told, pauses: Pauses
) -> None:
    async with linked(peer, told, pauses) as link:
        kinds = [link.kind]
        connection = await link.connected()
        assert await link.connected() is connection
        assert [*kinds, link.kind] == [None, "headless"]
        assert link.last_error is None
    topics = [one.notification_type for one in peer.requests("notification_request")]
    assert topics == [
        wire.NOTIFY_ON_NEW_SESSION,
        wire.NOTIFY_ON_TERMINATE_SESSION,
        wire.NOTIFY_ON_PROMPT,
        wire.NOTIFY_ON_CUSTOM_ESCAPE_SEQUENCE,
    ]
    assert told.story == [("up", "one"), "down"]
    assert pauses.seconds == []


async def test_sessions_that_come_and_go_are_told(peer: Peer, told: Told, pauses: Pauses) -> None:
    opened, ended, other = wire.Notification(), wire.Notification(), wire.Notification()
    opened.new_session_notification.session_id = "two"
    ended.terminate_session_notification.session_id = "one"
    other.focus_changed_notification.selected_tab = "tab-1"
    async with linked(peer, told, pauses) as link:
        await link.connected()
        for one in (opened, other, ended):
            peer.socket.notify(one)
        await eventually(lambda: told.story, lambda story: len(story) == 3)
    assert told.story[1:3] == [("opened", "two"), ("ended", "one")]


async def test_a_lost_terminal_is_connected_again_at_once(
    peer: Peer, told: Told, pauses: Pauses
) -> None:
    async with linked(peer, told, pauses) as link:
        first = await link.connected()
        peer.answers["list_sessions_request"] = sessions_response("one", "two")
        peer.socket.hang_up()
        await eventually(lambda: len(told.story), lambda count: count == 3)
        assert await link.connected() is not first
    assert told.story == [("up", "one"), "down", ("up again", "one", "two"), "down"]
    assert pauses.seconds == []


async def test_a_request_in_flight_at_the_loss_is_told_so(
    peer: Peer, told: Told, pauses: Pauses
) -> None:
    peer.answers["focus_request"] = None
    caught: list[TerminalUnavailableError] = []

    async def ask(link: TerminalLink) -> None:
        with pytest.raises(TerminalUnavailableError, match="may or may not") as one:
            await rpc.async_get_focus_info(await link.connected())
        caught.append(one.value)

    async with linked(peer, told, pauses) as link, anyio.create_task_group() as group:
        group.start_soon(ask, link)
        await eventually(lambda: peer.requests("focus_request"))
        peer.socket.hang_up()
    assert "read_screen" in caught[0].hint


async def test_attempts_come_less_and_less_often_and_start_afresh_after_a_success(
    peer: Peer, told: Told, pauses: Pauses
) -> None:
    peer.refusals = [TerminalUnavailableError("nobody there") for _ in range(9)]
    async with linked(peer, told, pauses) as link:
        await link.connected()
        assert pauses.seconds == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
        assert pauses.seconds[-1] == LAST_BACKOFF_SECONDS

        peer.refusals = [TerminalUnavailableError("gone")]
        peer.socket.hang_up()
        await eventually(lambda: len(told.story), lambda count: count == 3)
        assert pauses.seconds[9:] == [0.05]


async def test_whoever_waited_too_long_is_told_the_last_reason(
    told: Told, pauses: Pauses, peer: Peer
) -> None:
    reason = TerminalUnavailableError("nobody there", hint="Start it.")
    peer.refusals = [reason] * 10_000
    async with linked(peer, told, pauses, wait_seconds=0.05) as link:
        with pytest.raises(TerminalUnavailableError, match="nobody there") as caught:
            await link.connected()
        assert caught.value.hint == "Start it."
        assert link.last_error is reason
        assert link.kind is None
    assert told.story == []


async def test_whoever_waited_before_anything_was_known_is_told_how_to_learn_more(
    told: Told, pauses: Pauses, peer: Peer
) -> None:
    peer.answers["list_sessions_request"] = None
    peer.answers["notification_request"] = None
    async with linked(peer, told, pauses, wait_seconds=0) as link:
        with pytest.raises(TerminalUnavailableError, match="within 0 s") as caught:
            await link.connected()
    assert "daemon status" in caught.value.hint


async def test_a_terminal_that_takes_the_connection_and_is_silent_is_tried_again(
    told: Told, pauses: Pauses, peer: Peer
) -> None:
    silent = peer.answers["list_sessions_request"]
    peer.answers["list_sessions_request"] = None
    async with linked(peer, told, pauses, wait_seconds=0.05) as link:
        error = await eventually(lambda: link.last_error)
        peer.answers["list_sessions_request"] = silent
        await eventually(lambda: link.kind)
    assert error is not None
    assert "gave no answer" in str(error)
    assert error.hint == HOST.absence_hint
    assert pauses.seconds[0] == 0.05


async def test_a_terminal_that_takes_the_connection_and_hangs_up_is_not_hammered(
    told: Told, pauses: Pauses, peer: Peer
) -> None:
    peer.answers["notification_request"] = None
    async with linked(peer, told, pauses) as link:
        for count in range(1, 4):
            await eventually(partial(len, peer.asked), partial(eq, count))
            peer.socket.hang_up()
        error = await eventually(lambda: link.last_error)
    assert error is not None
    assert "hung up before it answered" in str(error)
    assert pauses.seconds[:2] == [0.05, 0.1]
    assert told.story == []


async def test_connections_that_end_before_anything_is_said_are_not_hammered_either(
    told: Told, pauses: Pauses, peer: Peer
) -> None:
    peer.stillborn = 3
    async with linked(peer, told, pauses) as link:
        await link.connected()
    assert pauses.seconds == [0.05, 0.1, 0.2]
    assert told.story == [("up", "one"), "down"]


async def test_a_terminal_that_refuses_to_be_watched_is_tried_again(
    told: Told, pauses: Pauses, peer: Peer
) -> None:
    subscribed = peer.answers["notification_request"]
    peer.answers["notification_request"] = wire.ServerOriginatedMessage(error="not today")
    async with linked(peer, told, pauses) as link:
        error = await eventually(lambda: link.last_error)
        peer.answers["notification_request"] = subscribed
        await eventually(lambda: link.kind)
        assert link.last_error is None
    assert "not today" in str(error)


@pytest.mark.parametrize("data", [b"\xff\xff\xff", "text"])
async def test_what_is_no_message_of_the_api_ends_the_connection_and_nothing_else(
    told: Told, pauses: Pauses, peer: Peer, data: bytes | str
) -> None:
    async with linked(peer, told, pauses) as link:
        await link.connected()
        peer.socket.push(data)
        await eventually(lambda: len(told.story), lambda count: count == 3)
        await link.connected()
    assert peer.connections == 2


async def test_a_hang_up_while_a_request_leaves_is_a_loss_too(
    told: Told, pauses: Pauses, peer: Peer
) -> None:
    async with linked(peer, told, pauses) as link:
        connection = await link.connected()
        peer.socket.hang_up()
        with pytest.raises(TerminalUnavailableError, match="was lost"):
            await rpc.async_list_sessions(connection)
