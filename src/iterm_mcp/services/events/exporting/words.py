"""Times, durations and amounts, for people. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def moment(at: datetime | None) -> str:
    """Return a time for people."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def duration(seconds: float | None) -> str:
    """Return how long something took, for people."""
    if seconds is None:
        return "?"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def money(dollars: float) -> str:
    """Return an amount for people."""
    return f"${dollars:,.4f}" if dollars < 1 else f"${dollars:,.2f}"
