"""Output is taken in whole and in its order, and nobody waits long for it."""

from __future__ import annotations

from functools import partial

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.host.worlds import QuietPty, open_session, open_world

from iterm_mcp.host.intake import LARGE_BYTES, SMALL_BYTES, SMALL_FOR_BYTES, TURN_SECONDS, Intake
from iterm_mcp.host.upgrade.envelope import Pieces
from iterm_mcp.host.upgrade.sessions import write_session


class Slow:
    """What takes output in, and a clock that moves only meanwhile."""

    def __init__(self, seconds_a_byte: float) -> None:
        self.seconds_a_byte = seconds_a_byte
        self.now = 0.0
        self.taken: list[bytes] = []
        self.holds: list[bool] = []
        self.intake = Intake(self.take, self.holds.append, lambda: self.now)

    def take(self, piece: bytes) -> None:
        self.now += len(piece) * self.seconds_a_byte
        self.taken.append(piece)


async def test_what_is_fast_is_taken_in_whole_and_at_once() -> None:
    slow = Slow(1e-8)
    data = b"x" * LARGE_BYTES
    slow.intake.put(data)
    assert slow.taken == [data]
    assert slow.taken[0] is data
    assert slow.holds == []


async def test_after_a_slow_piece_others_have_a_turn_between_small_ones() -> None:
    slow = Slow(1e-4)
    slow.intake.put(b"a" * 4000)
    assert (len(slow.taken[0]), slow.holds) == (4000, [])
    slow.intake.put(b"b" * 4000)
    slow.intake.put(b"c" * 100)
    assert slow.holds == [True]
    turns = 0
    with anyio.fail_after(10):
        while slow.holds == [True]:
            before = slow.now
            await anyio.lowlevel.checkpoint()
            assert slow.now - before < 2 * TURN_SECONDS
            turns += 1
    assert turns > 10
    assert slow.holds == [True, False]
    assert b"".join(slow.taken) == b"a" * 4000 + b"b" * 4000 + b"c" * 100


async def test_when_it_has_been_fast_for_long_pieces_are_large_again() -> None:
    slow = Slow(1.0)
    slow.intake.put(b"a")
    slow.seconds_a_byte = 0
    for _ in range(SMALL_FOR_BYTES // 4096):
        slow.intake.put(b"b" * 4096)
    assert {len(one) for one in slow.taken[1:]} == {SMALL_BYTES}
    slow.intake.put(b"b" * 4096)
    assert slow.taken[-1] == b"b" * 4096


async def test_what_waits_can_be_taken_in_or_dropped_at_once() -> None:
    slow = Slow(1.0)
    slow.intake.finish()
    slow.intake.put(b"a" * 50)
    slow.intake.put(b"b" * 100)
    slow.intake.finish()
    assert b"".join(slow.taken) == b"a" * 50 + b"b" * 100
    slow.intake.put(b"c" * 100)
    assert slow.intake.drop() == b"c" * (100 - SMALL_BYTES)
    assert slow.holds == [True, False, True]
    await anyio.lowlevel.checkpoint()
    assert len(b"".join(slow.taken)) == 150 + SMALL_BYTES


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.sampled_from([0, 1e-4, 1e-3]), st.booleans()))
)
def test_nothing_is_lost_or_out_of_place(puts: list[tuple[bytes, float, bool]]) -> None:
    async def take_all() -> None:
        slow = Slow(0)
        for data, slow.seconds_a_byte, turn in puts:
            slow.intake.put(data)
            if turn:
                await anyio.lowlevel.checkpoint()
        with anyio.fail_after(10):
            while slow.holds and slow.holds[-1]:
                await anyio.lowlevel.checkpoint()
        assert b"".join(slow.taken) == b"".join(data for data, _, _ in puts)
        assert slow.holds == [True, False] * (len(slow.holds) // 2)

    anyio.run(take_all)


async def test_much_that_is_injected_leaves_others_their_turn_and_stays_in_its_order() -> None:
    async with open_world() as world:
        session = await open_session(world)
        slow = Slow(1e-4)

        def take(piece: bytes) -> None:
            slow.take(piece)
            session.inject(piece)

        session._intake = Intake(take, session._hold, lambda: slow.now)
        done = []

        async def inject() -> None:
            await session.inject_in_turns(b"x" * 79 * 100 + b"\r\nlast")
            done.append(True)

        async with anyio.create_task_group() as group:
            group.start_soon(inject)
            with anyio.fail_after(10):
                while not slow.taken:
                    await anyio.lowlevel.checkpoint()
            assert not done
            await session.inject_in_turns(b" but one")
        assert done
        column, line = session.engine.cursor
        (shown,) = session.engine.lines(line, 1, styles=False)
        assert (shown.text, column) == ("last but one", 12)


async def test_a_session_that_closes_is_injected_no_more() -> None:
    async with open_world() as world:
        session = await open_session(world)
        slow = Slow(1.0)
        session._intake = Intake(slow.take, session._hold, lambda: slow.now)
        async with anyio.create_task_group() as group:
            group.start_soon(session.inject_in_turns, b"x" * 10_000)
            with anyio.fail_after(10):
                while not slow.taken:
                    await anyio.lowlevel.checkpoint()
            session.release()
        assert len(b"".join(slow.taken)) < 10_000


@pytest.mark.parametrize("what", ["ended", "paused", "restarted", "written down"])
async def test_what_waits_is_shown_before_what_comes_after_it(what: str) -> None:
    async with open_world() as world:
        session = await open_session(world, **{"Close Sessions On End": 0})
        slow = Slow(1.0)

        def take(piece: bytes) -> None:
            slow.take(piece)
            session.inject(piece)

        session._intake = Intake(take, session._hold, lambda: slow.now)
        pty = session.pty
        assert isinstance(pty, QuietPty)
        pty.say(b"a" * 20)
        pty.say(b"b" * 80)
        shown = partial(session.engine.lines, 0, 3, styles=False)
        assert len("".join(line.text for line in shown())) < 100
        if what == "ended":
            pty.end(0)
        elif what == "paused":
            session.pause()
        elif what == "restarted":
            session.restart(QuietPty())
        else:
            write_session(session, Pieces())
        assert "".join(line.text for line in shown()) == "a" * 20 + "b" * 80
