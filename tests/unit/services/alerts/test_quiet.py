from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.alerts.raised import HOOK, NOON, alert

from iterm_mcp.models.alerts import AlertKind, Severity
from iterm_mcp.models.notices import QuietHours
from iterm_mcp.services.alerts.quiet import notice_of, tell_at, wants

NIGHT = QuietHours(time(22), time(7), ZoneInfo("Europe/Berlin"))
LUNCH = QuietHours(time(12), time(13), UTC)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-01-07T20:59", "2026-01-07T20:59"),
        ("2026-01-07T21:00", "2026-01-08T06:00"),
        ("2026-01-08T05:59", "2026-01-08T06:00"),
        ("2026-01-08T06:00", "2026-01-08T06:00"),
        ("2026-03-28T23:30", "2026-03-29T05:00"),  # the night in which clocks go forward
    ],
)
def test_in_quiet_hours_it_waits_for_the_morning(now: str, expected: str) -> None:
    at, due = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (now, expected))
    assert tell_at(Severity.WARNING, at, 0, NIGHT) == due
    assert tell_at(Severity.CRITICAL, at, 60, NIGHT) == at


def test_what_is_gathered_waits_and_what_is_critical_does_not() -> None:
    assert tell_at(Severity.INFO, NOON, 60, None) == NOON + timedelta(seconds=60)
    assert tell_at(Severity.CRITICAL, NOON, 60, None) == NOON
    assert tell_at(Severity.INFO, NOON - timedelta(seconds=30), 60, LUNCH) == NOON.replace(hour=13)


@given(
    st.integers(0, 10 * 366 * 86_400),
    st.times(),
    st.times(),
    st.sampled_from([None, UTC, ZoneInfo("America/St_Johns")]),
)
def test_nobody_is_told_in_quiet_hours_or_before(
    seconds: int, begin: time, end: time, zone: ZoneInfo | None
) -> None:
    now = NOON + timedelta(seconds=seconds)
    due = tell_at(Severity.WARNING, now, 0, QuietHours(begin, end, zone))
    assert now <= due <= now + timedelta(hours=26)


def test_a_sink_says_what_it_wants() -> None:
    assert wants(HOOK, alert())
    assert not wants(HOOK, alert(severity=Severity.INFO))
    budgets = replace(HOOK, kinds=frozenset({AlertKind.BUDGET}))
    assert not wants(budgets, alert())
    assert wants(budgets, alert(kind=AlertKind.BUDGET))
    assert not wants(replace(HOOK, teams=frozenset({"ops"})), alert())


def test_a_digest_tells_each_once_and_the_worst_first() -> None:
    worse = alert(2, Severity.CRITICAL, text="it crashed")
    notice = notice_of("n", [alert(), worse, alert(text="still nothing")], NOON)
    assert notice.title == "2 alerts, the worst critical: stuck agent2"
    assert notice.body == "critical: it crashed\nwarning: still nothing"
    assert notice.severity is Severity.CRITICAL
    one = notice_of("n", [alert(text="x" * 5000)], NOON)
    assert one.title == "warning: stuck agent1"
    assert len(one.body) == 3001
