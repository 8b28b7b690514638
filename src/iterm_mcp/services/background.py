"""Work that goes on beside all calls, for as long as the daemon serves."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import RefusedError
from iterm_mcp.telemetry.trace_context import within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from typing import Any

    from anyio.abc import TaskGroup


@asynccontextmanager
async def beside(
    call: Callable[..., Coroutine[Any, Any, None]], *arguments: object
) -> AsyncIterator[None]:
    """Run one task for the length of the block; at its end it is cancelled.

    What it raises ends the block, as an error of a group.
    """
    async with anyio.create_task_group() as group:
        group.start_soon(call, *arguments)
        try:
            yield
        finally:
            group.cancel_scope.cancel()


class Background:
    """Tasks of a service, which all end with `running`. One that fails ends the daemon."""

    def __init__(self) -> None:
        self._group: TaskGroup | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether tasks can be started."""
        return self._group is not None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take tasks for the length of the block; at its end those that run are cancelled."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                yield
            finally:
                self._group = None
                group.cancel_scope.cancel()

    def check(self) -> None:
        """See that a task could be started, before anything is written down for it.

        Raises:
            RefusedError: `running` is not entered.
        """
        self._open()

    def start(self, call: Callable[..., Coroutine[Any, Any, None]], *arguments: object) -> None:
        """Start a task; it is no part of what the caller is traced in, which it may outlive.

        Raises:
            RefusedError: `running` is not entered.
        """
        with within(None):
            self._open().start_soon(call, *arguments)

    def _open(self) -> TaskGroup:
        if self._group is None:
            raise RefusedError(
                "the iterm-mcp daemon is stopping",
                hint="Call again: the next call starts a new one.",
                code="stopping",
            )
        return self._group
