"""Work in the background that must be over before the process may become another program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup


class Closers:
    """Starts what closes sessions and restarts them, and knows when none of it runs."""

    def __init__(self, group: TaskGroup) -> None:
        self._group = group
        self._running = 0
        self._changed = anyio.Event()

    def start_soon(self, work: Callable[..., Awaitable[Any]], *arguments: object) -> None:
        """Run something in the background."""
        self._running += 1
        self._group.start_soon(self._run, work, arguments)

    async def quiet(self) -> None:
        """Wait until nothing runs."""
        while self._running:
            await self._changed.wait()

    async def _run(
        self, work: Callable[..., Awaitable[Any]], arguments: tuple[object, ...]
    ) -> None:
        try:
            await work(*arguments)
        finally:
            self._running -= 1
            self._changed.set()
            self._changed = anyio.Event()
