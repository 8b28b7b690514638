"""A terminal, a clock and a store for each test of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.laid_stores import lay_store

from iterm_mcp.store import Store, open_store
from iterm_mcp.testing import FakeClock, FakeTerminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def terminal() -> FakeTerminal:
    return FakeTerminal()


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Store]:
    async with open_store(await lay_store(tmp_path / "state.db"), clock) as store:
        yield store
