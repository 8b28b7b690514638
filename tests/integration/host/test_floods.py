"""Programs that flood wait in their terminals: the host keeps its size and answers the others."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from iterm2 import api_pb2
from tests.integration.host.neighbours import FLOOD, host_process, quoted
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

FLOODING = 10
ROUNDS = 100


def said(name: str, seconds: list[float]) -> None:
    seconds.sort()
    half, most = (seconds[len(seconds) * part // 100] * 1e3 for part in (50, 99))
    print(f"{name} beside {FLOODING} floods: p50 {half:.2f} ms, p99 {most:.2f} ms")  # noqa: T201 - a figure


async def scrolled(wire: WireClient, session_id: str) -> int:
    """Return how many lines have gone past the screen's top."""
    response = await wire.ask(
        api_pb2.GetBufferRequest(
            session=session_id, line_range=api_pb2.LineRange(screen_contents_only=True)
        )
    )
    return int(response.windowed_coord_range.coord_range.start.y)


async def test_beside_ten_floods_keys_are_echoed_and_memory_stays(
    own_home: Home, own_wire: WireClient
) -> None:
    wire, process = own_wire, host_process(own_home)
    healthy = (await wire.open_window()).session_id
    floods = [(await wire.open_window(quoted(FLOOD))).session_id for _ in range(FLOODING)]
    for one in floods:  # by then each has filled its history
        await eventually(
            partial(scrolled, wire, one), lambda lines: lines > 3000, within_seconds=60
        )
    before = process.memory_info().rss
    past = {one: await scrolled(wire, one) for one in floods}

    answered: list[float] = []
    echoed: list[float] = []
    for number in range(ROUNDS):
        began = perf_counter()
        await wire.ask(api_pb2.ListSessionsRequest())
        answered.append(perf_counter() - began)
        key = chr(ord("a") + number % 26)
        began = perf_counter()
        await wire.ask(api_pb2.SendTextRequest(session=healthy, text=f"{key}\x15{key}"))
        await eventually(
            partial(wire.text, healthy), partial(lambda key, lines: lines[0] == key, key)
        )
        echoed.append(perf_counter() - began)
        await wire.ask(api_pb2.SendTextRequest(session=healthy, text="\x15"))
    said("answers", answered)
    said("echo", echoed)

    assert process.memory_info().rss < before + (48 << 20)
    for one in floods:  # none is held back for good
        await eventually(
            partial(scrolled, wire, one), partial(lambda was, now: now > was, past[one])
        )
