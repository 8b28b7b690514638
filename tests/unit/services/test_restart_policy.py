"""When crashed agents are started again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.services.agents.restart_policy import (
    Quarantine,
    RestartAt,
    RestartPolicy,
    after_crash,
)
from iterm_mcp.testing.fake_clock import START

POLICY = RestartPolicy()


@pytest.mark.parametrize(
    ("crashes", "waits"), [(1, 30), (2, 60), (3, 120), (4, 240), (6, 600), (50, 600)]
)
def test_each_crash_waits_twice_as_long_up_to_ten_minutes(crashes: int, waits: float) -> None:
    patient = RestartPolicy(crashes=1000)
    times = [START - timedelta(seconds=one) for one in range(crashes)]

    verdict = after_crash(times, START, patient)

    assert verdict == RestartAt(START + timedelta(seconds=waits))


def test_five_crashes_in_a_quarter_of_an_hour_end_in_quarantine() -> None:
    times = [START - timedelta(minutes=3 * one) for one in reversed(range(5))]

    assert after_crash(times, START, POLICY) == Quarantine(5)


def test_five_crashes_over_a_longer_time_do_not() -> None:
    times = [START - timedelta(minutes=4 * one) for one in reversed(range(5))]

    assert after_crash(times, START, POLICY) == RestartAt(START + timedelta(seconds=480))


@given(st.lists(st.floats(0, 1800), max_size=20))
def test_a_restart_is_never_sooner_than_the_first_wait_nor_later_than_the_longest(
    ages: list[float],
) -> None:
    times = sorted(START - timedelta(seconds=one) for one in [*ages, 0.0])

    verdict = after_crash(times, START, POLICY)

    recent = sum(START - one < timedelta(minutes=15) for one in times)
    if recent >= POLICY.crashes:
        assert verdict == Quarantine(recent)
    else:
        assert isinstance(verdict, RestartAt)
        assert 30 <= (verdict.at - START).total_seconds() <= 600
