"""What a client may do is said to each daemon before anything else, and nothing passes unheard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.relay.pump import Daemon, pumping, request, result

from iterm_mcp import relay
from iterm_mcp.access import CONNECT, Access
from iterm_mcp.json_lines import DAEMON_LOST

if TYPE_CHECKING:
    import pytest

INITIALIZE = request(0, "initialize")
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
WISH = request(CONNECT, CONNECT) | {"params": {"tier": "read", "tools": "core"}}
GRANTED = {"jsonrpc": "2.0", "id": CONNECT, "result": {"tier": "read"}}
REFUSED = {"jsonrpc": "2.0", "id": CONNECT, "error": {"code": -32601, "message": "what is that?"}}

ACCESS = Access("read", "core")


async def test_the_daemon_hears_it_first_and_the_client_does_not() -> None:
    async with pumping(ACCESS) as pump:
        daemon = await pump.first()
        pump.client.say(INITIALIZE)
        assert await daemon.hear(1) == [WISH]
        daemon.say(GRANTED)
        assert (await daemon.hear(2))[1:] == [INITIALIZE]
        daemon.say(result(0))
        assert await pump.client.hear(1) == [result(0)]


async def test_a_new_daemon_hears_it_before_the_handshake() -> None:
    async with pumping(ACCESS) as pump:
        first = await pump.first()
        first.say(GRANTED)
        pump.client.say(INITIALIZE)
        await first.hear(2)
        first.say(result(0))
        await pump.client.hear(1)
        pump.client.say(INITIALIZED)
        await first.hear(3)
        await pump.lose(first)
        second = Daemon()
        pump.ready.append(second)
        pump.client.say(request(1))
        assert await second.hear(1) == [WISH]
        second.say(GRANTED)
        assert (await second.hear(2))[1:] == [INITIALIZE]
        second.say(result(0))
        assert (await second.hear(4))[2:] == [INITIALIZED, request(1)]


async def test_a_daemon_that_does_not_know_it_gets_nothing_of_the_client() -> None:
    async with pumping(ACCESS) as pump:
        daemon = await pump.first()
        pump.client.say(INITIALIZE, INITIALIZED)
        await daemon.hear(1)
        daemon.say(REFUSED)
        (answer,) = await pump.client.hear(1)
        assert (answer["id"], answer["error"]["code"]) == (0, DAEMON_LOST)
        assert "what is that?" in answer["error"]["message"]
        assert "daemon stop" in answer["error"]["message"]
        pump.client.say(request(1))
        await pump.client.hear(2)
        assert len(daemon.heard()) == 1


async def test_a_refusal_outlasts_the_daemon_that_said_it() -> None:
    async with pumping(ACCESS) as pump:
        daemon = await pump.first()
        daemon.say({"jsonrpc": "2.0", "id": CONNECT})
        pump.client.say(request(1))
        (answer,) = await pump.client.hear(1)
        assert answer["id"] == 1
        daemon.die()
        pump.ready.append(Daemon())
        pump.client.say(request(2))
        await pump.client.hear(2)
        assert len(pump.daemons) == 1


def test_a_wrong_word_ends_the_relay_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert relay.main(["--tier", "root"]) == 2
    assert "'root' is none of" in capsys.readouterr().err
