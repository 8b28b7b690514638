"""A client that subscribed once goes on hearing, whichever daemon is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.relay.pump import Daemon, Pump, pumping, request, result
from tests.waiting import eventually

from iterm_mcp.access import Access
from iterm_mcp.greeting import AGAIN, SUBSCRIBE, UNSUBSCRIBE, Greeting
from iterm_mcp.json_lines import DAEMON_LOST, refusal
from iterm_mcp.paths import find_paths

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.paths import Paths

SCREEN, LIST = "iterm://sessions/A/screen", "iterm://sessions"
INITIALIZE, INITIALIZED = (
    request(0, "initialize"),
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
)


def about(number: object, uri: object, method: str = SUBSCRIBE) -> dict[str, object]:
    return {**request(number, method), "params": {"uri": uri}}


def again(number: int, uri: str) -> dict[str, object]:
    return about(f"{AGAIN}{number}", uri)


def updated(uri: str) -> dict[str, object]:
    return {
        "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}
    }  # fmt: skip


def failed(number: object) -> bytes:
    return refusal(number, "there is no such session")


async def subscribed(pump: Pump, *uris: str) -> Daemon:
    """Have the client greet the first daemon and subscribe; return that daemon."""
    daemon = await pump.first()
    pump.client.say(INITIALIZE)
    await daemon.hear(1)
    daemon.say(result(0))
    await pump.client.hear(1)
    pump.client.say(INITIALIZED, *(about(uri, uri) for uri in uris))
    await daemon.hear(2 + len(uris))
    daemon.say(*(result(uri) for uri in uris))
    await pump.client.hear(1 + len(uris))
    return daemon


async def test_a_new_daemon_is_asked_for_what_the_client_subscribed_to() -> None:
    """The client says nothing for it, hears no answer, and learns to read both again."""
    async with pumping() as pump:
        first = await subscribed(pump, SCREEN, LIST)
        second = Daemon()
        pump.ready.append(second)

        first.die()

        assert await second.hear(1) == [INITIALIZE]
        second.say(result(0))
        assert (await second.hear(4))[1:] == [INITIALIZED, again(0, SCREEN), again(1, LIST)]
        second.say(result(f"{AGAIN}0"), result(f"{AGAIN}1"))
        assert (await pump.client.hear(5))[3:] == [updated(SCREEN), updated(LIST)]
        second.say(updated(LIST))
        assert (await pump.client.hear(6))[5:] == [updated(LIST)]
    assert pump.starts == 0


async def test_its_own_requests_do_not_wait_for_that() -> None:
    async with pumping() as pump:
        first = await subscribed(pump, SCREEN)
        second = Daemon()
        pump.ready.append(second)
        first.die()
        await second.hear(1)
        pump.client.say(request(7))
        await eventually(pump.all_taken)
        second.say(result(0))
        assert (await second.hear(4))[1:] == [INITIALIZED, again(0, SCREEN), request(7)]
        second.say(result(7))
        assert (await pump.client.hear(3))[2:] == [result(7)]


async def test_what_was_given_up_or_never_stood_is_not_asked_for() -> None:
    async with pumping() as pump:
        first = await subscribed(pump, SCREEN, LIST)
        pump.client.say(about(5, SCREEN, UNSUBSCRIBE), about(6, "iterm://nowhere"))
        await first.hear(6)
        first.say(result(5), failed(6))
        await pump.client.hear(5)
        second = Daemon()
        pump.ready.append(second)
        first.die()
        await second.hear(1)
        second.say(result(0))
        assert (await second.hear(3))[2:] == [again(0, LIST)]


async def test_what_cannot_be_subscribed_to_again_is_told_once_and_then_forgotten() -> None:
    async with pumping() as pump:
        first = await subscribed(pump, SCREEN, LIST)
        second, third = Daemon(), Daemon()
        pump.ready.append(second)
        first.die()
        await second.hear(1)
        second.say(result(0))
        await second.hear(4)
        second.say(failed(f"{AGAIN}0"), result(f"{AGAIN}1"))
        assert (await pump.client.hear(5))[3:] == [updated(SCREEN), updated(LIST)]
        pump.ready.append(third)
        second.die()
        await third.hear(1)
        third.say(result(0))
        assert (await third.hear(3))[2:] == [again(0, LIST)]


async def test_what_was_being_asked_for_at_the_crash_is_refused_and_does_not_stand() -> None:
    async with pumping() as pump:
        first = await subscribed(pump, LIST)
        second = Daemon()
        pump.ready.append(second)
        pump.client.say(about(5, SCREEN))
        await first.hear(4)
        first.die()
        *_, error = await pump.client.hear(3)
        assert (error["id"], error["error"]["code"]) == (5, DAEMON_LOST)
        await second.hear(1)
        second.say(result(0))
        assert (await second.hear(3))[2:] == [again(0, LIST)]


@pytest.fixture
def crashed(tmp_path: Path) -> Paths:
    """Where a daemon has left its socket."""
    paths = find_paths({"HOME": "/nowhere", "ITERM_MCP_HOME": str(tmp_path)})
    (tmp_path / "daemon.sock").touch()
    assert paths.daemon_socket == str(tmp_path / "daemon.sock")
    return paths


async def test_a_daemon_that_crashed_is_replaced_for_a_client_that_says_nothing(
    crashed: Paths,
) -> None:
    async with pumping(paths=crashed) as pump:
        first = await subscribed(pump, LIST)
        second = Daemon()
        pump.startable.append(second)
        first.die()
        assert await second.hear(1) == [INITIALIZE]
    assert pump.starts == 1


async def test_a_daemon_that_was_stopped_is_waited_for() -> None:
    async with pumping() as pump:
        first = await subscribed(pump, LIST)
        second = Daemon()
        first.die()
        await pump.looked()
        pump.ready.append(second)
        assert await second.hear(1) == [INITIALIZE]
    assert pump.starts == 0


async def test_nobody_looks_for_a_daemon_for_a_client_that_subscribes_to_nothing() -> None:
    async with pumping() as pump:
        first = await subscribed(pump, LIST)
        pump.client.say(about(5, LIST, UNSUBSCRIBE))
        await first.hear(4)
        first.say(result(5))
        await pump.client.hear(3)
        dials = pump.dials
        await pump.lose(first)
        pump.ready.append(Daemon())
        pump.client.say(request(8))
        await eventually(lambda: len(pump.daemons), lambda count: count == 2)
        assert pump.dials == dials + 1


@pytest.mark.parametrize("params", [None, 5, [], {}, {"uri": 5}])
def test_a_subscription_to_nothing_that_has_a_name_is_not_remembered(params: Any) -> None:  # noqa: ANN401
    greeting = Greeting(Access())
    greeting.note({**request(1, SUBSCRIBE), "params": params}, b"", alone=True)
    greeting.settle(("int", 1), b'{"id":1,"result":{}}')
    assert not greeting.subscribes


def test_an_answer_that_nobody_asked_for_changes_nothing() -> None:
    greeting = Greeting(Access())
    greeting.settle(("int", 1), b'{"id":1,"result":{}}')
    greeting.note(about([], LIST), b"", alone=True)
    assert not greeting.subscribes
    assert greeting.begin() == b""
    assert not greeting.under_way
