"""What a plain server does with an event: one INSERT and one commit each, in the same tables."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from iterm_mcp.store.events.live_writer import insert
from iterm_mcp.store.events.rows import to_row
from iterm_mcp.store.events.schema import create, open_for_writing, transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterm_mcp.models.events import Event


def keep_one_by_one(path: Path, events: Sequence[Event]) -> float:
    """Keep events, each by a transaction of its own; return the seconds that it took."""
    create(path)
    connection = open_for_writing(path)
    began = time.perf_counter()
    for number, event in enumerate(events, 1):
        with transaction(connection):
            insert(connection, [number], 0, [to_row(event)])
    seconds = time.perf_counter() - began
    connection.close()
    return seconds
