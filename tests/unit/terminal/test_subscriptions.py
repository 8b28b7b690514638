"""Screen changes are asked for once, and for as long as somebody may want them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from iterm2 import api_pb2 as wire
from prometheus_client import CollectorRegistry
from tests.unit.terminal.peer import Peer
from tests.waiting import eventually

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.happenings import KeyPressed, ScreenChanged
from iterm_mcp.models.ids import SessionId
from iterm_mcp.telemetry import Meter, Metrics
from iterm_mcp.terminal.iterm import ItermTerminal
from iterm_mcp.terminal.link import open_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS = 5
ONE = SessionId("one")
LONG, SHORT = 3600.0, 0.0


@asynccontextmanager
async def opened(peer: Peer, linger_seconds: float) -> AsyncIterator[ItermTerminal]:
    meter = Meter(CollectorRegistry(), "operation", "operations", "operation", "operations")
    with anyio.fail_after(2 * SECONDS):
        async with open_link(
            peer.find, Metrics(), SECONDS, connect=peer.connect, linger_seconds=linger_seconds
        ) as link:
            await link.connected()
            yield ItermTerminal(link, meter, SECONDS)


def asked(peer: Peer) -> list[bool]:
    """Return whether each request about one session's screen was to begin or to end."""
    return [
        one.subscribe
        for one in peer.requests("notification_request")
        if one.notification_type == wire.NOTIFY_ON_SCREEN_UPDATE
    ]


async def test_who_watches_again_soon_need_not_ask() -> None:
    peer = Peer()
    async with opened(peer, LONG) as terminal:
        for _ in range(3):
            async with terminal.watch(ONE):
                pass
    assert asked(peer) == [True]


async def test_what_nobody_watches_for_a_while_is_ended_and_asked_for_anew() -> None:
    peer = Peer()
    async with opened(peer, SHORT) as terminal:
        async with terminal.watch(ONE):
            pass
        await eventually(lambda: asked(peer) == [True, False])
        async with terminal.watch(ONE):
            assert asked(peer) == [True, False, True]


async def test_what_is_watched_again_meanwhile_goes_on() -> None:
    peer = Peer()
    async with opened(peer, SHORT) as terminal, terminal.watch(SessionId("two")):
        async with terminal.watch(ONE):
            pass
        async with terminal.watch(ONE):
            async with terminal.watch(SessionId("three")):
                pass
            await eventually(lambda: asked(peer).count(False) == 1)
    assert [one.session for one in peer.requests("notification_request") if not one.subscribe] == [
        "three"
    ]


async def test_a_session_that_has_ended_is_asked_for_again() -> None:
    peer = Peer()
    gone = wire.ServerOriginatedMessage()
    gone.notification_response.status = wire.NotificationResponse.Status.SESSION_NOT_FOUND
    ended = wire.TerminateSessionNotification(session_id=ONE)
    async with opened(peer, LONG) as terminal:
        async with terminal.watch(ONE) as watch:
            peer.socket.notify(wire.Notification(terminate_session_notification=ended))
            await watch.next()
        peer.answers["notification_request"] = gone
        with pytest.raises(NotFoundError):
            async with terminal.watch(ONE):
                pass


async def test_another_connection_knows_only_what_is_watched() -> None:
    peer = Peer()
    async with opened(peer, LONG) as terminal:
        async with terminal.watch(ONE):
            pass
        async with terminal.watch(SessionId("two")):
            peer.socket.hang_up()
            await eventually(lambda: peer.connections == 2 and len(asked(peer)) == 3)
            async with terminal.watch(ONE):
                pass
    names = [
        one.session
        for one in peer.requests("notification_request")
        if one.notification_type == wire.NOTIFY_ON_SCREEN_UPDATE
    ]
    assert names == ["one", "two", "two", "one"]


@pytest.mark.parametrize("answer", [wire.ServerOriginatedMessage(error="malformed"), None])
async def test_an_end_that_the_terminal_does_not_take_harms_nothing(
    answer: wire.ServerOriginatedMessage | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iterm_mcp.terminal.link.PARTING_SECONDS", 0.01)
    peer = Peer()
    subscribed = peer.answers["notification_request"]
    async with opened(peer, SHORT) as terminal:
        async with terminal.watch(ONE):
            peer.answers["notification_request"] = answer
        await eventually(lambda: asked(peer) == [True, False])
        peer.answers["notification_request"] = subscribed
        await anyio.lowlevel.checkpoint()
        async with terminal.watch(ONE):
            pass
        assert asked(peer)[:3] == [True, False, True]


async def test_keys_are_asked_for_and_told_only_while_somebody_wants_to_know_of_them() -> None:
    peer = Peer()
    pressed = wire.KeystrokeNotification(session=ONE, characters="s")
    async with opened(peer, SHORT) as terminal:
        async with (
            terminal.watch(ONE) as plain,
            terminal.watch(ONE, keys=True) as watch,
            terminal.watch(ONE, keys=True),
        ):
            peer.socket.notify(wire.Notification(keystroke_notification=pressed))
            peer.socket.notify(wire.Notification(keystroke_notification=pressed))
            update = wire.ScreenUpdateNotification(session=ONE)
            peer.socket.notify(wire.Notification(screen_update_notification=update))
            told = [await watch.next()]
            told_plainly = await plain.next()
            while not isinstance(told[-1], ScreenChanged):
                told.append(await watch.next())
        await eventually(lambda: keys_asked(peer) == [True, False])
    assert told[0] == KeyPressed()
    assert told_plainly == ScreenChanged()


async def test_another_connection_is_asked_for_keys_again() -> None:
    peer = Peer()
    async with opened(peer, LONG) as terminal, terminal.watch(ONE, keys=True):
        peer.socket.hang_up()
        await eventually(lambda: keys_asked(peer) == [True, True])


def keys_asked(peer: Peer) -> list[bool]:
    """Return whether each request about a session's keys was to begin or to end."""
    return [
        one.subscribe
        for one in peer.requests("notification_request")
        if one.notification_type == wire.NOTIFY_ON_KEYSTROKE
    ]
