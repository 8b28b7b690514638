"""A folder of events, and the store in it, for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.store.events import EventStore, open_event_store, readers, searching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.testing import FakeClock


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a short search takes long: what ends early is tried by counts."""
    for name in ("SCAN_SECONDS", "SEARCH_SECONDS"):
        monkeypatch.setattr(searching, name, 100.0)
    monkeypatch.setattr(readers, "STATEMENT_SECONDS", 100.0)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "events")


@pytest.fixture
async def events(folder: str, clock: FakeClock) -> AsyncIterator[EventStore]:
    async with open_event_store(folder, clock) as store:
        yield store
