from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.made_events import make_events

from iterm_mcp.store.events import keeping, open_event_store
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("gigabytes", "partition_mebibytes"), [(20.0, 512), (1.0, 119), (0.001, 4)]
)
def test_little_is_kept_in_small_files_so_that_some_can_be_forgotten(
    gigabytes: float, partition_mebibytes: int
) -> None:
    settings = keeping(1.0, gigabytes)

    assert settings.keep_seconds == 86_400
    assert settings.keep_bytes == gigabytes * 1e9
    assert settings.partition_bytes >> 20 == partition_mebibytes


async def test_what_is_older_than_the_days_that_are_set_is_forgotten(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_event_store(str(tmp_path / "events"), clock, keeping(2.0, 20.0)) as store:
        await store.append(make_events(3))
        clock.advance(86_400 * 1.5)
        await store.append(make_events(4, seed=2))
        await store.tend()
        assert store.stats().dropped_events == 0
        clock.advance(86_400)
        await store.append(make_events(5, seed=3))
        await store.tend()
        assert store.stats().dropped_events == 3
