"""When the time of a budget begins and ends. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.budgets import SLOT_SECONDS, Period, Span

if TYPE_CHECKING:
    from datetime import tzinfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def span_of(period: Period, now: datetime, zone: tzinfo | None) -> Span:
    """Return the time of a budget that a moment belongs to.

    Args:
        zone: In which days begin; None for this machine's.
    """
    if period is Period.EVER:
        return Span(EPOCH, None)
    day = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if period is Period.DAY:
        return Span(_begin(day, zone), _begin(day + timedelta(days=1), zone))
    if period is Period.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Span(_begin(monday, zone), _begin(monday + timedelta(days=7), zone))
    first = day.replace(day=1)
    return Span(_begin(first, zone), _begin((first + timedelta(days=32)).replace(day=1), zone))


def slot_of(at: datetime) -> int:
    """Return the slot in which something happened."""
    seconds = int(at.timestamp())
    return seconds - seconds % SLOT_SECONDS


def _begin(day: datetime, zone: tzinfo | None) -> datetime:
    """Return when a day begins, in UTC, at a slot: a zone of old may differ by odd minutes."""
    begun = day.astimezone() if zone is None else day.replace(tzinfo=zone)
    return datetime.fromtimestamp(slot_of(begun), UTC)
