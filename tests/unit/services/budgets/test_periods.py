from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.budgets import Period
from iterm_mcp.services.budgets.periods import EPOCH, slot_of, span_of

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [None, UTC, BERLIN, *map(ZoneInfo, ("Asia/Kathmandu", "America/St_Johns", "Africa/Cairo"))]


@pytest.mark.parametrize(
    ("period", "since", "until"),
    [
        (Period.DAY, "2026-03-28T23:00", "2026-03-29T22:00"),  # a day of 23 hours
        (Period.WEEK, "2026-03-22T23:00", "2026-03-29T22:00"),
        (Period.MONTH, "2026-02-28T23:00", "2026-03-31T22:00"),
    ],
)
def test_a_time_begins_and_ends_by_the_users_clock(period: Period, since: str, until: str) -> None:
    span = span_of(period, datetime(2026, 3, 29, 10, tzinfo=UTC), BERLIN)
    assert (span.since, span.until) == tuple(
        datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (since, until)
    )


def test_for_ever_is_for_ever() -> None:
    span = span_of(Period.EVER, datetime(2026, 3, 29, tzinfo=UTC), None)
    assert (span.since, span.until) == (EPOCH, None)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(ZONES),
    st.sampled_from([Period.DAY, Period.WEEK, Period.MONTH]),
)
def test_every_moment_is_in_its_time_and_times_follow_each_other(
    now: datetime, zone: ZoneInfo | None, period: Period
) -> None:
    span = span_of(period, now, zone)
    assert span.until is not None
    assert span.since <= now < span.until
    assert slot_of(span.since) == span.since.timestamp()
    assert span_of(period, span.until, zone).since == span.until
    assert span_of(period, span.since - timedelta(microseconds=1), zone).until == span.since
