"""The engine's parts, opened in order and closed in reverse. Loading this is what costs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from iterm_mcp.tasks.changes import Changes
from iterm_mcp.tasks.database import open_task_database
from iterm_mcp.tasks.desk import Desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.tasks.engine import EngineOptions
    from iterm_mcp.tasks.work import Work


@asynccontextmanager
async def open_room(options: EngineOptions, work: Work) -> AsyncIterator[Desk]:
    """Open everything, and work on what is queued for the block.

    Raises:
        StoreError: The database cannot be used.
    """
    _ = work
    changes = Changes(options.tell)
    async with open_task_database(options.database_url) as database:
        yield Desk(
            database,
            options.clock,
            changes,
            options.machine,
            options.limits,
            options.admission,
        )
