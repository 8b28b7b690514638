"""Who waits for changes of tasks is woken, within this process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
        stops: Rung whenever something that runs was asked to end, here.
    """

    def __init__(self, tell: Callable[[TaskChange], None]) -> None:
        """Have `tell` called with every change that this process has written and committed."""
        self.bell = Bell()
        self.stops = Bell()
        self._tell = tell
        self._listeners: list[Callable[[TaskChange], None]] = []

    @contextmanager
    def heard_by(self, listener: Callable[[TaskChange], None]) -> Iterator[None]:
        """Have somebody else called as well, for the block."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def told(self, changes: Sequence[TaskChange]) -> None:
        """Pass on what has just been committed."""
        for one in changes:
            self._tell(one)
            for listener in self._listeners:
                listener(one)
        self.bell.ring()
