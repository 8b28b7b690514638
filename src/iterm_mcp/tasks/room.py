"""The engine's parts, opened in order and closed in reverse. Loading this is what costs."""

from __future__ import annotations

import hashlib
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from iterm_mcp.errors import StoreError
from iterm_mcp.tasks.attempts import Attempts
from iterm_mcp.tasks.changes import Changes
from iterm_mcp.tasks.database import open_task_database
from iterm_mcp.tasks.desk import Desk
from iterm_mcp.tasks.dispatcher import Dispatcher
from iterm_mcp.tasks.durable import open_durable
from iterm_mcp.tasks.forgetting import Forgetter
from iterm_mcp.tasks.lease import Lease, machine_name, open_lock
from iterm_mcp.tasks.stops import Stops

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.tasks.engine import EngineOptions
    from iterm_mcp.tasks.work import Work

AGAIN_SECONDS = 2.0
_PLAIN_CHARACTERS = 30

_log = structlog.get_logger()


@asynccontextmanager
async def open_room(options: EngineOptions, work: Work) -> AsyncIterator[Desk]:
    """Open everything, and work on what is queued for the block.

    Tasks can be submitted and found as soon as their database is open; DBOS takes longer to start.

    Raises:
        StoreError: The database cannot be used, or another engine works on the same folder.
    """
    async with (
        open_lock(options.folder),
        open_task_database(options.database_url) as database,
    ):
        machine = await to_thread.run_sync(machine_name, options)
        changes = Changes(options.tell)
        desk = Desk(database, options, changes, machine)
        lease = Lease(options, database, desk, machine)
        await lease.enrol()
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(lease.keep)
                group.start_soon(_keep_working, options, work, desk, lease)
                yield desk
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):  # bounded by itself
                await lease.leave()


async def _keep_working(options: EngineOptions, work: Work, desk: Desk, lease: Lease) -> None:
    """Work on what is queued, and start again where the steps' database was not to be had."""
    while True:
        try:
            await _work(options, work, desk, lease)
        except* (StoreError, SQLAlchemyError) as errors:
            _log.warning("task_engine_waits", error=str(first_of(errors)))
        await anyio.sleep(AGAIN_SECONDS)


def first_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group, however deep it is."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _work(options: EngineOptions, work: Work, desk: Desk, lease: Lease) -> None:
    stops = Stops(desk, lease)
    attempts = Attempts(desk, work, lease, stops)
    machine = lease.holder.machine
    async with open_durable(
        *_steps_of(options, machine), machine, attempts, options.clock
    ) as durable:
        forgetter = Forgetter(desk, work, durable, machine)
        desk.forget = forgetter.forget
        dispatcher = Dispatcher(options, desk, lease, attempts.rows, durable)
        try:
            async with anyio.create_task_group() as group:
                for loop in (
                    stops.watch,
                    forgetter.run,
                    dispatcher.reconcile,
                    dispatcher.retain,
                    dispatcher.run,
                ):
                    group.start_soon(loop)
        finally:
            desk.forget = None


def _steps_of(options: EngineOptions, machine: str) -> tuple[str, str]:
    """Return where the steps of this machine's attempts are kept: URL and schema."""
    if not options.url or options.url.startswith("sqlite"):
        return f"sqlite:///{options.folder}/task-engine.db", "dbos"
    plain = re.sub(r"[^a-z0-9]+", "_", machine.lower())[:_PLAIN_CHARACTERS]
    unlike = hashlib.sha256(machine.encode()).hexdigest()[:8]
    return options.url, f"iterm_mcp_steps_{plain}_{unlike}"
