from __future__ import annotations

import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.lives.conftest import open_ground
from tests.integration.tasks.work.site import Site, open_hands

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


EAGER = """
[admission]
least_memory = 0
memory = 0
most_load = 0
most_memory_pressure = 0
least_disk = 0
"""
"""However busy the machine is that runs the tests, tasks start."""


@asynccontextmanager
async def open_site() -> AsyncIterator[Site]:
    """Make a home without a daemon."""
    async with open_ground() as (home, folder):
        await anyio.Path(home.paths.task_settings).write_text(EAGER)
        yield Site(home, folder)


@pytest.fixture(scope="module")
async def shared_site() -> AsyncIterator[Site]:
    """A home with a daemon that tests share."""
    async with open_site() as site, open_hands(site, measured=True):
        yield site


@pytest.fixture
def site(shared_site: Site) -> Site:
    """A folder of a test's own, and the shared daemon."""
    folder = Path(tempfile.mkdtemp(dir=shared_site.folder))
    return Site(shared_site.home, folder, shared_site.hands)


@pytest.fixture
async def own_site() -> AsyncIterator[Site]:
    """A home whose daemons may be killed; there is none yet."""
    async with open_site() as site:
        yield site
