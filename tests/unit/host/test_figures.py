"""What the host counts of what programs read and write."""

from __future__ import annotations

import asyncio

import pytest

from iterm_mcp.host.figures import ECHO_BOUNDS, LONGEST_ECHO_SECONDS, Figures, Traffic


@pytest.fixture
def figures() -> Figures:
    return Figures()


@pytest.fixture
def traffic(figures: Figures) -> Traffic:
    return Traffic(figures)


def test_input_is_echoed_by_the_first_output_that_follows(
    figures: Figures, traffic: Traffic
) -> None:
    traffic.typed(1, 5.0)
    traffic.printed(10, 5.25)
    traffic.printed(10, 5.5)
    assert sum(figures.echoes) == 1
    assert figures.echoes[ECHO_BOUNDS.index(0.25)] == 1
    assert figures.echo_seconds == pytest.approx(0.25)
    assert (figures.input_bytes, figures.output_bytes) == (1, 20)


def test_who_types_ahead_waits_from_the_first_key_on(figures: Figures, traffic: Traffic) -> None:
    for now in (5.0, 5.5, 5.75):
        traffic.typed(1, now)
    traffic.printed(3, 6.0)
    assert figures.echo_seconds == pytest.approx(1.0)


def test_output_that_nobody_asked_for_is_no_echo(figures: Figures, traffic: Traffic) -> None:
    traffic.printed(100, 1.0)
    traffic.answered(7)
    traffic.printed(100, 1.5)
    assert not any(figures.echoes)
    assert figures.input_bytes == 7


def test_what_comes_long_after_is_the_answer_of_something_else(
    figures: Figures, traffic: Traffic
) -> None:
    traffic.typed(1, 1.0)
    traffic.printed(1, 1.0 + LONGEST_ECHO_SECONDS + 1)
    assert not any(figures.echoes)
    traffic.typed(1, 20.0)
    traffic.typed(1, 21.0 + LONGEST_ECHO_SECONDS)
    traffic.printed(1, 21.5 + LONGEST_ECHO_SECONDS)
    assert figures.echo_seconds == pytest.approx(0.5)


def test_the_slowest_echoes_have_a_bound(figures: Figures, traffic: Traffic) -> None:
    traffic.typed(1, 1.0)
    traffic.printed(1, 1.0 + LONGEST_ECHO_SECONDS)
    assert figures.echoes[-2:] == [1, 0]


async def test_all_programs_on_a_loop_are_counted_together() -> None:
    loop = asyncio.get_running_loop()
    assert Figures.of(loop) is Figures.of(loop)
    other = asyncio.new_event_loop()
    try:
        assert Figures.of(other) is not Figures.of(loop)
    finally:
        other.close()
