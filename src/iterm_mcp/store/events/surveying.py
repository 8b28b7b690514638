"""What files of events there are, from outside: also while a daemon writes to them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.errors import StoreError
from iterm_mcp.store.events.partition import count_events, partition_files, read_partition
from iterm_mcp.store.events.rows import from_micros
from iterm_mcp.store.events.schema import open_for_reading

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One file.

    Attributes:
        events: How many; None when it cannot be told.
        begins_at, ends_at: Within these its events happened; None when there are none.
        problem: Why it cannot be read; empty when it can.
    """

    name: str
    state: str
    size_bytes: int
    events: int | None
    first: int
    last: int
    begins_at: datetime | None
    ends_at: datetime | None
    problem: str = ""


def survey_events(folder: Path) -> list[Surveyed]:
    """Return all files in a folder, oldest first; none when there is no folder."""
    return [_survey(path) for path in partition_files(folder)] if folder.is_dir() else []


def _survey(path: Path) -> Surveyed:
    try:
        one = read_partition(path)
        with closing(open_for_reading(path)) as connection:
            events = count_events(connection)
    except (sqlite3.Error, StoreError) as error:
        size = path.stat().st_size if path.exists() else 0
        return Surveyed(path.name, "unreadable", size, None, 0, 0, None, None, str(error))
    return Surveyed(
        path.name,
        one.state.value,
        one.size,
        events,
        one.first,
        one.last,
        None if one.min_at is None else from_micros(one.min_at),
        None if one.max_at is None else from_micros(one.max_at),
    )
