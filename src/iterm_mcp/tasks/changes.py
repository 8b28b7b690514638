"""Who waits for changes of tasks is woken, within this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterm_mcp.models.task_queries import TaskChange


class Bell:
    """Wakes all who wait, whenever it is rung."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        """Wake whoever waits now."""
        self._event.set()
        self._event = anyio.Event()

    def next(self) -> anyio.Event:
        """Return what the next ring sets; take it before looking at what it may be about."""
        return self._event

    async def wait(self, event: anyio.Event, seconds: float) -> bool:
        """Wait for what `next` returned; tell whether it was rung in time."""
        with anyio.move_on_after(seconds):
            await event.wait()
        return event.is_set()


class Changes:
    """Tells what has been written down.

    Attributes:
        bell: Rung whenever a task has moved, here.
        tell: Called with every change that this process has written, after it is committed.
    """

    def __init__(self, tell: Callable[[TaskChange], None]) -> None:
        self.bell = Bell()
        self._tell = tell

    def told(self, changes: Sequence[TaskChange]) -> None:
        """Pass on what has just been committed."""
        for one in changes:
            self._tell(one)
        self.bell.ring()
