"""Telling a client that something still goes on."""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio

from iterm_mcp.errors import ItermMcpError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from mcp.server.mcpserver import Context

PROGRESS_SECONDS = 1.0
"""How often; clients that give up on silent calls wait longer."""


@asynccontextmanager
async def progress(
    context: Context[Any, Any] | None,
    what: str | Callable[[], str],
    *,
    every_seconds: float = PROGRESS_SECONDS,
) -> AsyncIterator[None]:
    """Tell the client's user every second how long something has taken, while the block runs.

    What goes on may be asked for each time anew.

    Clients that did not ask for progress are not told.
    """
    if context is None:
        yield
        return
    began = monotonic()

    async def report() -> None:
        while True:
            await anyio.sleep(every_seconds)
            seconds = monotonic() - began
            now = what if isinstance(what, str) else what()
            await context.report_progress(seconds, message=f"{now}, {seconds:.0f} s")

    failed: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(report)
        try:
            yield
        except ItermMcpError as error:  # as it is, not in a group
            failed = error
        group.cancel_scope.cancel()
    if failed is not None:
        raise failed
