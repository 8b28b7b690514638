"""The engine's parts, opened in order and closed in reverse. Loading this is what costs."""

from __future__ import annotations

import hashlib
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from iterm_mcp.tasks.attempts import Attempts
from iterm_mcp.tasks.changes import Changes
from iterm_mcp.tasks.database import open_task_database
from iterm_mcp.tasks.desk import Desk
from iterm_mcp.tasks.dispatcher import Dispatcher
from iterm_mcp.tasks.durable import open_durable
from iterm_mcp.tasks.lease import Lease, machine_name, open_lock
from iterm_mcp.tasks.stops import Stops

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.tasks.engine import EngineOptions
    from iterm_mcp.tasks.work import Work

_PLAIN_CHARACTERS = 30


@asynccontextmanager
async def open_room(options: EngineOptions, work: Work) -> AsyncIterator[Desk]:
    """Open everything, and work on what is queued for the block.

    Raises:
        StoreError: The database cannot be used, or another engine works on the same folder.
    """
    async with (
        open_lock(options.folder),
        open_task_database(options.database_url) as database,
    ):
        machine = await to_thread.run_sync(machine_name, options)
        desk = Desk(
            database,
            options.clock,
            Changes(options.tell),
            machine,
            options.limits,
            options.admission,
        )
        lease = Lease(options, database, desk, machine)
        await lease.enrol()
        stops = Stops(desk, lease)
        attempts = Attempts(desk, work, lease, stops)
        async with open_durable(*_steps_of(options, machine), machine, attempts) as durable:
            desk.forget = durable.forget
            dispatcher = Dispatcher(options, desk, lease, durable, shared=database.is_shared)
            try:
                async with anyio.create_task_group() as group:
                    for loop in (
                        lease.keep,
                        stops.watch,
                        dispatcher.reconcile,
                        dispatcher.retain,
                        dispatcher.run,
                    ):
                        group.start_soon(loop)
                    yield desk
                    group.cancel_scope.cancel()
            finally:
                with anyio.CancelScope(shield=True):  # bounded by itself
                    await lease.leave()


def _steps_of(options: EngineOptions, machine: str) -> tuple[str, str]:
    """Return where the steps of this machine's attempts are kept: URL and schema."""
    if not options.url or options.url.startswith("sqlite"):
        return f"sqlite:///{options.folder}/task-engine.db", "dbos"
    plain = re.sub(r"[^a-z0-9]+", "_", machine.lower())[:_PLAIN_CHARACTERS]
    unlike = hashlib.sha256(machine.encode()).hexdigest()[:8]
    return options.url, f"iterm_mcp_steps_{plain}_{unlike}"
