"""What was read last, kept until something of it is written.

The daemon's lock makes this the only process that writes to the file. Used on the event loop alone.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

T = TypeVar("T")


class Remembered(Generic[T]):
    """One value of the database; who reads it must not change it."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._changes = 0

    async def get(self, read: Callable[[], Awaitable[T]]) -> T:
        """Return the value, as it was read last or is read now."""
        if self._value is not None:
            return self._value
        changes = self._changes
        value = await read()
        if changes == self._changes:  # else it may be of before the change
            self._value = value
        return value

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Write within the block; however it ends, the value is read anew."""
        try:
            yield
        finally:
            self._value = None
            self._changes += 1
