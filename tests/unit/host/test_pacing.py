"""Who floods is read in slices while somebody types elsewhere, and freely otherwise."""

from __future__ import annotations

import asyncio

import pytest

from iterm_mcp.host.pacing import (
    FLOOD_BYTES,
    GAP_SECONDS,
    LONGEST_REST_SECONDS,
    SLICE_BYTES,
    TYPING_SECONDS,
    WINDOW_SECONDS,
    Flow,
    Pace,
)


def rests(flow: Flow, now: float, reads: int) -> list[float]:
    """Return how long a program rests after each of so many reads at once."""
    return [flow.rest_after(SLICE_BYTES, now) for _ in range(reads)]


def test_while_nobody_types_no_program_is_held_back() -> None:
    assert not any(rests(Flow(Pace()), 1.0, 1000))


def test_a_program_that_floods_rests_after_every_slice_while_somebody_types() -> None:
    pace = Pace()
    flow = Flow(pace)
    Flow(pace).typed(1.0)
    free = FLOOD_BYTES // SLICE_BYTES - 1
    assert not any(rests(flow, 1.0, free))
    assert rests(flow, 1.0, 2) == pytest.approx([GAP_SECONDS, 2 * GAP_SECONDS])


def test_floods_rest_in_turns_but_none_for_long() -> None:
    pace = Pace()
    Flow(pace).typed(1.0)
    flows = [Flow(pace) for _ in range(200)]
    for flow in flows:
        rests(flow, 1.0, FLOOD_BYTES // SLICE_BYTES - 1)
    found = [flow.rest_after(SLICE_BYTES, 1.0) for flow in flows]
    assert found[:3] == pytest.approx([GAP_SECONDS, 2 * GAP_SECONDS, 3 * GAP_SECONDS])
    assert max(found) == pytest.approx(LONGEST_REST_SECONDS)


def test_soon_after_the_last_key_floods_go_on_freely() -> None:
    pace = Pace()
    flow = Flow(pace)
    Flow(pace).typed(1.0)
    rests(flow, 1.0, FLOOD_BYTES // SLICE_BYTES)
    assert flow.rest_after(SLICE_BYTES, 1.0 + TYPING_SECONDS / 2) > 0
    assert not any(rests(flow, 1.0 + 2 * TYPING_SECONDS, 10))


def test_what_a_program_prints_now_and_then_is_no_flood() -> None:
    pace = Pace()
    flow, typist = Flow(pace), Flow(pace)
    for turn in range(50):
        now = turn * 2 * WINDOW_SECONDS
        typist.typed(now)
        assert flow.rest_after(SLICE_BYTES, now) == 0


def test_the_answers_to_a_floods_own_questions_are_no_typing() -> None:
    pace = Pace()
    asking, other = Flow(pace), Flow(pace)
    for flow in (asking, other):
        rests(flow, 1.0, FLOOD_BYTES // SLICE_BYTES)
    asking.typed(1.0)
    assert not any(rests(other, 1.0, 10))
    asking.typed(1.0 + 2 * WINDOW_SECONDS)  # it floods no more
    assert pace.typed_at == 1.0 + 2 * WINDOW_SECONDS


async def test_all_programs_on_one_loop_share_their_pace() -> None:
    loop = asyncio.get_running_loop()
    assert Pace.of(loop) is Pace.of(loop)
