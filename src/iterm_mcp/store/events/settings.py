"""What may be set of the store of events."""

from __future__ import annotations

from dataclasses import dataclass

DAY_SECONDS = 86_400.0
PARTITION_BYTES = 512 << 20
LEAST_PARTITION_BYTES = 4 << 20
FILES = 8
"""Into so many files what is kept is parted at least: only whole ones are forgotten."""


@dataclass(frozen=True, slots=True)
class EventSettings:
    """What may be set.

    Attributes:
        max_waiting_events, max_waiting_bytes: That are handed over and not yet on the disk.
        append_seconds: How long a caller waits for room before it is refused.
        partition_bytes: A file that has so many is followed by another.
        keep_seconds: Older events are forgotten, whole files at a time.
        keep_bytes: So much of the disk may all files have.
        upkeep_seconds: How often it is looked whether something is to be done.
    """

    max_waiting_events: int = 50_000
    max_waiting_bytes: int = 64 << 20
    append_seconds: float = 5.0
    partition_bytes: int = PARTITION_BYTES
    keep_seconds: float = 90 * DAY_SECONDS
    keep_bytes: int = 20 << 30
    upkeep_seconds: float = 60.0


def keeping(days: float, gigabytes: float) -> EventSettings:
    """Return settings that forget what is older or more; files are smaller where little is kept.

    Args:
        gigabytes: Of 10^9 bytes.
    """
    most = int(gigabytes * 1e9)
    part = min(PARTITION_BYTES, max(LEAST_PARTITION_BYTES, most // FILES))
    return EventSettings(partition_bytes=part, keep_seconds=days * DAY_SECONDS, keep_bytes=most)
