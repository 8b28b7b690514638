"""The host is asked when somebody wants to know how it is, and nobody waits for it for long."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from anyio import to_thread
from iterm2 import api_pb2 as wire
from tests.waiting import eventually

from iterm_mcp.errors import TerminalUnavailableError
from iterm_mcp.models.hosts import HostReport
from iterm_mcp.terminal import host_watch
from iterm_mcp.terminal.endpoint import Endpoint
from iterm_mcp.terminal.host_watch import NEW_SECONDS, HostWatch
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.terminal.link import TerminalLink

TOLD = {
    "sessions": 3, "clients": 2, "paused_sessions": 0, "pauses": 0, "output_bytes": 5,
    "input_bytes": 6, "echo_bounds": [0.5], "echoes": [1, 0], "echo_seconds": 0.1,
    "loop_lag_seconds": 0.0, "memory_bytes": 7, "cpu_seconds": 0.5, "of a later version": 1,
}  # fmt: skip


class Peer:
    """A connection at whose other end the test sits."""

    def __init__(self, kind: str = "headless") -> None:
        self.endpoint = Endpoint(cast("Any", kind), "/nowhere")
        self.asked = 0
        self.told: dict[str, Any] | None = TOLD
        self.answers = anyio.Event()
        self.answers.set()
        self.lost = False

    async def async_send_message(self, message: wire.ClientOriginatedMessage) -> None:
        assert message.invoke_function_request.invocation == "iterm_mcp.figures()"
        self.asked += 1
        if self.lost:
            raise TerminalUnavailableError("it has gone")

    async def async_dispatch_until_id(self, reqid: int) -> wire.ServerOriginatedMessage:
        await self.answers.wait()
        answer = wire.ServerOriginatedMessage(id=reqid)
        response = answer.invoke_function_response
        if self.told is None:
            response.error.status = wire.InvokeFunctionResponse.Status.FAILED
            response.error.error_reason = "No function registered"
        else:
            response.success.json_result = json.dumps(self.told)
        return answer


class Link:
    connection: Peer | None = None


@asynccontextmanager
async def watching(
    peer: Peer | None, clock: FakeClock | None = None, *, expected: bool = True
) -> AsyncIterator[tuple[HostWatch, Link]]:
    link = Link()
    link.connection = peer
    watch = HostWatch(cast("TerminalLink", link), clock or FakeClock(), expected=expected)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(watch.run)
            yield watch, link
            group.cancel_scope.cancel()


async def test_who_asks_hears_how_the_host_is() -> None:
    async with watching(Peer()) as (watch, _):
        assert watch.report() == HostReport(up=True)
        await watch.fresh()
        report = watch.report()
    assert report is not None
    assert report.figures is not None
    assert (report.up, report.figures.sessions, report.figures.echoes) == (True, 3, (1, 0))


async def test_what_is_new_is_not_asked_for_again() -> None:
    peer, clock = Peer(), FakeClock()
    async with watching(peer, clock) as (watch, _):
        for _ in range(3):
            await watch.fresh()
        assert peer.asked == 1
        clock.advance(NEW_SECONDS + 1)
        await watch.fresh()
    assert peer.asked == 2


async def test_who_only_reads_what_is_known_has_it_asked_anew() -> None:
    peer = Peer()
    async with watching(peer) as (watch, _):
        await to_thread.run_sync(watch.report)
        report = await eventually(watch.report, lambda one: one is not None and one.figures)
    assert report is not None
    assert peer.asked == 1


async def test_a_host_that_does_not_answer_is_not_waited_for_and_is_not_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peer = Peer()
    async with watching(peer) as (watch, _):
        await watch.fresh()
        monkeypatch.setattr(host_watch, "ANSWER_SECONDS", 0.3)
        monkeypatch.setattr(host_watch, "PATIENCE_SECONDS", 0.0)
        monkeypatch.setattr(host_watch, "NEW_SECONDS", -1.0)
        peer.answers = anyio.Event()
        await watch.fresh()
        before = watch.report()
        assert before is not None
        assert before.figures is not None  # it may yet answer
        assert await eventually(watch.report, lambda one: one == HostReport(up=False))
        peer.answers.set()
        await eventually(watch.report, lambda one: one is not None and one.figures is not None)


@pytest.mark.parametrize("told", [None, {"sessions": 3}])
async def test_a_host_of_another_version_is_up_and_tells_nothing(
    told: dict[str, Any] | None,
) -> None:
    peer = Peer()
    peer.told = told
    async with watching(peer) as (watch, _):
        await watch.fresh()
        assert watch.report() == HostReport(up=True)
    assert peer.asked == 1


async def test_what_an_earlier_host_said_is_not_told_of_the_next() -> None:
    async with watching(Peer()) as (watch, link):
        await watch.fresh()
        link.connection = Peer()
        assert watch.report() == HostReport(up=True)
        link.connection = None
        assert watch.report() == HostReport(up=False)
        await watch.fresh()  # there is nobody to ask


async def test_a_connection_that_is_lost_meanwhile_is_no_answer() -> None:
    peer = Peer()
    peer.lost = True
    async with watching(peer) as (watch, _):
        await watch.fresh()
        assert watch.report() == HostReport(up=True)


async def test_nothing_is_told_of_a_host_where_the_terminal_is_iterm2() -> None:
    peer = Peer("iterm2")
    async with watching(peer) as (watch, link):
        await watch.fresh()
        assert watch.report() is None
        link.connection = None
        assert watch.report() is None
    assert peer.asked == 0


async def test_where_either_may_be_the_terminal_a_host_is_missed_once_it_was_there() -> None:
    async with watching(None, expected=False) as (watch, link):
        assert watch.report() is None
        link.connection = Peer()
        assert watch.report() == HostReport(up=True)
        link.connection = None
        assert watch.report() == HostReport(up=False)
