"""The pump between a client and daemons that die: nothing is mixed up, nothing is silent."""

from __future__ import annotations

import pytest
from tests.unit.relay.pump import SECONDS, Daemon, line, pumping, request, result
from tests.waiting import eventually

from iterm_mcp.json_lines import DAEMON_LOST

INITIALIZE = request(0, "initialize")
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


async def test_lines_pass_whole_and_in_order_both_ways() -> None:
    async with pumping() as pump:
        daemon = await pump.first()
        pump.client.say(b'{"jsonrpc":"2.0",', b'"id":1,"method":"a"}\n{"broken', b'"}\n')
        lines = await eventually(daemon.heard, lambda lines: len(lines) == 2)
        assert lines == [b'{"jsonrpc":"2.0","id":1,"method":"a"}', b'{"broken"}']
        daemon.say(result(1), request(7, "ping"))
        assert await pump.client.hear(2) == [result(1), request(7, "ping")]


async def test_what_was_in_flight_is_told_of_the_loss_and_nothing_else_is() -> None:
    error_with_its_id_last = {"jsonrpc": "2.0", "error": {"code": 1, "message": ""}, "id": 2}
    async with pumping() as pump:
        daemon = await pump.first()
        pump.client.say(request(1), request("1"), request(2), INITIALIZED)
        await daemon.hear(4)
        daemon.say(result(1), error_with_its_id_last)
        await pump.client.hear(2)
        daemon.die()
        *_, answer = await pump.client.hear(3)
    assert (answer["id"], answer["error"]["code"]) == ("1", DAEMON_LOST)
    assert "may or may not" in answer["error"]["message"]


async def test_a_request_of_the_daemons_own_answers_none_of_the_clients() -> None:
    async with pumping() as pump:
        daemon = await pump.first()
        pump.client.say(request(5))
        await daemon.hear(1)
        daemon.say(request(5, "ping"))
        await pump.client.hear(1)
        daemon.die()
        *_, answer = await pump.client.hear(2)
    assert (answer["id"], answer["error"]["code"]) == (5, DAEMON_LOST)


async def test_a_new_daemon_hears_the_handshake_again_and_the_client_does_not() -> None:
    async with pumping() as pump:
        first = await pump.first()
        pump.client.say(INITIALIZE)
        await first.hear(1)
        first.say(result(0))
        await pump.client.hear(1)
        pump.client.say(INITIALIZED)
        await first.hear(2)
        await pump.lose(first)
        second = Daemon()
        pump.startable.append(second)

        pump.client.say(request(1), request(2))

        assert await second.hear(1) == [INITIALIZE]
        second.say({"jsonrpc": "2.0", "method": "notifications/message"}, result(0))
        assert await second.hear(4) == [INITIALIZE, INITIALIZED, request(1), request(2)]
        second.say(result(2), result(1))
        *_, message, two, one = await pump.client.hear(5)
    assert (message["method"], two["id"], one["id"]) == ("notifications/message", 2, 1)
    assert pump.starts == 1


async def test_what_waits_for_a_handshake_that_never_ends_is_refused() -> None:
    async with pumping() as pump:
        first = await pump.first()
        pump.client.say(INITIALIZE)
        await first.hear(1)
        first.say(result(0))
        await pump.client.hear(1)
        await pump.lose(first)
        second = Daemon()
        pump.ready.append(second)
        pump.client.say(request("held"))
        assert await second.hear(1) == [INITIALIZE]
        second.die()
        *_, answer = await pump.client.hear(3)
    assert (answer["id"], answer["error"]["code"]) == ("held", DAEMON_LOST)
    assert "did not start" in answer["error"]["message"]


async def test_without_a_daemon_each_request_is_refused_with_a_reason() -> None:
    async with pumping() as pump:
        await pump.lose(await pump.first())
        pump.client.say(request(1), INITIALIZED, result(9), [request(2), request(3)])
        _, *answers = await pump.client.hear(4)
    assert [one["id"] for one in answers] == [1, 2, 3]
    assert {one["error"]["code"] for one in answers} == {DAEMON_LOST}
    assert "/nowhere/state/logs/daemon.log" in answers[0]["error"]["message"]
    assert pump.starts == 1  # the others came right after it


async def test_what_had_not_left_for_a_dead_daemon_goes_to_the_next() -> None:
    huge = request("huge") | {"params": "x" * 3_000_000}
    async with pumping() as pump:
        first = await pump.first()
        pump.client.say(request("sent"))
        await first.hear(1)
        second = Daemon()
        await pump.client.pour(huge)  # more than a socket holds, so a part of it leaves
        pump.client.say(request("waiting"))
        await eventually(pump.all_taken)
        await eventually(first.has_begun_to_hear)
        pump.ready.append(second)
        first.die()
        answers = await pump.client.hear(2)
        assert {one["id"] for one in answers} == {"sent", "huge"}
        assert await second.hear(1) == [request("waiting")]


async def test_what_had_not_left_for_four_dead_daemons_is_refused() -> None:
    """A request that no daemon survives would go round for ever."""
    async with pumping() as pump:
        first = await pump.first()
        await pump.client.pour(request("huge") | {"params": "x" * 3_000_000})
        pump.client.say(request("waiting"))
        await eventually(pump.all_taken)
        await eventually(first.has_begun_to_hear)
        *dead, fifth = [Daemon() for _ in range(4)]
        for one in dead:
            one.die()
        pump.ready += [*dead, fifth]
        first.die()
        answers = await pump.client.hear(2)
        assert fifth.heard() == []
    assert {one["id"]: "did not start" in one["error"]["message"] for one in answers} == {
        "huge": False,
        "waiting": True,
    }


async def test_what_met_a_dying_daemon_goes_to_the_one_after_it() -> None:
    """A dying daemon's listener may outlive its connections for a moment."""
    async with pumping() as pump:
        first = await pump.first()
        await pump.client.pour(request("huge") | {"params": "x" * 3_000_000})
        pump.client.say(request("waiting"))
        await eventually(pump.all_taken)
        await eventually(first.has_begun_to_hear)
        dead, third = Daemon(), Daemon()
        dead.die()
        pump.ready += [dead, third]
        first.die()
        assert await third.hear(1) == [request("waiting")]


@pytest.mark.parametrize("strange", [None, [1], {"a": 1}])
async def test_what_can_be_no_id_stops_nobody(strange: object) -> None:
    async with pumping() as pump:
        daemon = await pump.first()
        pump.client.say(request(strange), request(strange, "initialize"), request(1))
        await daemon.hear(3)
        daemon.say(result(1))
        await pump.client.hear(1)
        await pump.lose(daemon)
        other = Daemon()
        pump.ready.append(other)
        pump.client.say(request(2))
        assert await other.hear(1) == [request(2)]


@pytest.mark.parametrize(
    "prelude", [[INITIALIZE, request(1)], []], ids=["in a batch", "an empty batch"]
)
async def test_a_handshake_in_a_batch_is_not_replayed(prelude: list[object]) -> None:
    """The protocol forbids it, and what would be swallowed is not the answer to one request."""
    async with pumping() as pump:
        daemon = await pump.first()
        pump.client.say(prelude)
        await daemon.hear(1)
        daemon.say(*(result(number) for number in range(len(prelude))))
        await pump.client.hear(len(prelude))
        await pump.lose(daemon)
        other = Daemon()
        pump.ready.append(other)
        pump.client.say(request(2))
        assert await other.hear(1) == [request(2)]


async def test_it_ends_with_its_client_once_the_answers_are_out() -> None:
    async with pumping() as pump:
        daemon = await pump.first()
        pump.client.say(request(1), request(2, "subscriptions/listen"))
        await daemon.hear(2)
        pump.hang_up()
        daemon.say(result(1))
        assert await pump.client.hear(1) == [result(1)]
        # The subscription has no answer to wait for.
        await eventually(lambda: pump.code, lambda code: code == 0, within_seconds=SECONDS)


async def test_it_ends_when_nobody_reads_its_answers() -> None:
    async with pumping() as pump:
        daemon = await pump.first()
        pump.client.say(request(1))
        await daemon.hear(1)
        pump.stop_listening()
        daemon.say(result(1))
        await eventually(lambda: pump.code, lambda code: code == 0)


async def test_it_notes_what_is_in_flight_though_it_never_has_a_quiet_moment() -> None:
    count = 500
    async with pumping() as pump:
        daemon = await pump.first()
        for number in range(count):
            pump.client.say(request(number))
        await daemon.hear(count)
        daemon.die()
        answers = await pump.client.hear(count)
    assert [one["id"] for one in answers] == list(range(count))


async def test_more_than_a_pipe_holds_passes_both_ways() -> None:
    big = {"jsonrpc": "2.0", "id": 1, "result": {"text": "x" * 5_000_000}}
    async with pumping() as pump:
        daemon = await pump.first()
        await pump.client.pour(request(1) | {"params": "y" * 5_000_000})
        heard = await eventually(daemon.heard)
        assert len(heard[0]) > 5_000_000
        await daemon.pour(big)
        answers = await eventually(pump.client.heard)
        assert [one + b"\n" for one in answers] == [line(big)]
