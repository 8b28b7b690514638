from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.backlog.yards import Yard, make_yard
from tests.integration.worktrees.repositories import AUTHOR

from iterm_mcp.store import open_store
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Yard]:
    for name, value in AUTHOR.items():
        monkeypatch.setenv(name, value)
    clock = FakeClock()
    async with open_store(str(tmp_path / "state.db"), clock) as store:
        yield make_yard(tmp_path, store, clock)
