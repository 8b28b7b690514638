"""Keys of files that are full go into one index, some at a time, those of purged events too."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread
from tests.made_events import make_events

from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.store.events import EventSettings, known_keys, open_event_store
from iterm_mcp.store.events.rows import key_hash

if TYPE_CHECKING:
    import pytest

    from iterm_mcp.testing import FakeClock

QUIET = EventSettings(upkeep_seconds=3600)


def indexed(folder: str) -> set[bytes]:
    with closing(sqlite3.connect(Path(folder) / known_keys.FILE)) as connection:
        assert connection.execute("SELECT sum(whole) = count(*) FROM parts").fetchone() == (1,)
        return {key for (key,) in connection.execute("SELECT hash FROM keys")}


async def test_keys_are_taken_over_bite_by_bite_with_those_of_purged_events(
    folder: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_keys, "BITE", 30)
    made = make_events(200)
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append(made)
        gone = await events.purge(EventQuery(subject="answer"))
        await events.tend()
        assert await to_thread.run_sync(indexed, folder) == {key_hash(one.key) for one in made}
        again = await events.append(made)
    assert gone.events > 10
    assert (again.new, again.repeated) == (0, 200)


async def test_keys_of_a_former_day_are_known_from_the_index_after_another_start(
    folder: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_events(120)
    async with open_event_store(folder, clock, QUIET) as events:
        await events.append(made)
        clock.advance(86_400)
        await events.append(make_events(1, seed=2))
    monkeypatch.setattr(known_keys, "BITE", 50)
    async with open_event_store(folder, clock, QUIET) as events:
        await events.tend()
        assert await to_thread.run_sync(indexed, folder) == {key_hash(one.key) for one in made}
        assert (await events.append(made)).new == 0
