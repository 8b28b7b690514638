"""Answers leave in one piece, in order, and whole before their connection closes."""

from __future__ import annotations

import asyncio

from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.web.joined_writes import MOST_HELD_BYTES, JoiningTransport


class Wire(asyncio.Transport):
    """Remembers what it was told, in order."""

    def __init__(self) -> None:
        super().__init__({"peername": "somebody"})
        self.sent: list[bytes] = []
        self.closed_after = -1

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed_after = len(self.sent)


def joined(wire: Wire) -> JoiningTransport:
    return JoiningTransport(wire, asyncio.get_running_loop())


async def test_what_is_written_in_one_step_is_sent_together() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(b"head ")
    transport.write(b"body")
    assert wire.sent == []
    await checkpoint()
    assert wire.sent == [b"head body"]

    transport.write(b"more")
    await checkpoint()
    assert wire.sent == [b"head body", b"more"]


async def test_a_whole_answer_is_sent_at_once_and_only_once() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(b"head ")
    transport.write(b"body")
    transport.flush()
    assert wire.sent == [b"head body"]
    transport.flush()
    await checkpoint()
    assert wire.sent == [b"head body"]


async def test_a_large_part_is_not_held() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(b"head ")
    transport.write(b"x" * MOST_HELD_BYTES)
    assert wire.sent == [b"head " + b"x" * MOST_HELD_BYTES]


async def test_what_is_held_is_sent_before_the_end() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(b"last")
    transport.close()
    assert wire.sent == [b"last"]
    assert wire.closed_after == 1
    await checkpoint()
    assert wire.sent == [b"last"]


async def test_all_else_is_the_transports_own() -> None:
    assert joined(Wire()).get_extra_info("peername") == "somebody"


@given(st.lists(st.tuples(st.binary(max_size=50_000), st.booleans()), max_size=20))
async def test_nothing_is_lost_doubled_or_put_elsewhere(parts: list[tuple[bytes, bool]]) -> None:
    wire = Wire()
    transport = joined(wire)
    for data, pause in parts:
        transport.write(data)
        if pause:
            await checkpoint()
    transport.close()
    assert b"".join(wire.sent) == b"".join(data for data, _ in parts)
