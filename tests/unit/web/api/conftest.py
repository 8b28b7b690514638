"""One HTTP side a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.web.api.opened import Side, open_side

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[Side]:
    async with open_side(tmp_path) as opened:
        yield opened
