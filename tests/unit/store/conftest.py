"""A database file and a clock for each test of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.store import Store, open_store
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "state.db")


@pytest.fixture
async def store(path: str, clock: FakeClock) -> AsyncIterator[Store]:
    async with open_store(path, clock) as store:
        yield store
