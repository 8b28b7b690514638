"""HTTP sides: one a test, or one for all tests of a module that change nothing in it."""

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


# To make one, and its interface for the first request, takes ten times longer than a request.
@pytest.fixture(scope="module")
async def still(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Side]:
    """One of a module, for what is only read or refused."""
    async with open_side(tmp_path_factory.mktemp("still")) as opened:
        yield opened
        for what in ("tokens", "sessions"):
            assert (await opened.get(f"/v1/{what}")).json()[what] == []
