"""A Redis server, and a folder, for each test."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.tasks.redis import Redis

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path."""
    made = Path(tempfile.mkdtemp(prefix="im-front-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def redis(folder: Path) -> Iterator[Redis]:
    """A server that the test may stop and start."""
    if not Redis.is_installed():
        pytest.skip("Redis is not installed")
    server = Redis(folder / "redis")
    server.start()
    yield server
    server.stop()
