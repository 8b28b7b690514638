"""Points in time as text that sorts as the times do."""

from datetime import UTC, datetime


def to_text(at: datetime) -> str:
    """Return ISO 8601 in UTC, always with microseconds, so that all have the same width."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(text: str) -> datetime:
    """Return the aware time that `to_text` wrote."""
    return datetime.fromisoformat(text)
