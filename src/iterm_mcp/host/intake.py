"""Output that is taken in a little at a time, where the emulator is slow about it.

Most output takes it microseconds. Some, such as links over ever more cells of a long history, has
it lay out a large part of its memory anew, again and again: half a second for four kilobytes was
seen. One such step, of about a tenth of a second, cannot be cut.
"""

from __future__ import annotations

import asyncio
from time import thread_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SLOW_SECONDS = 0.02
"""After a piece that takes longer, pieces are small for a while."""

TURN_SECONDS = 0.02
"""After so long at a time others have their turn."""

LARGE_BYTES = 4096
"""As much as one read of a terminal brings."""

SMALL_BYTES = 8
SMALL_FOR_BYTES = 1 << 18
"""Slow steps come in bouts. Small pieces cost most of the speed, so they are not the rule."""


class Intake:
    """Hands output on in its order, in pieces.

    Args:
        take: Takes in a piece.
        hold: Called with True when no more should come, as some waits; with False when all of it
            has been taken in.
        clock: Tells the seconds that have been worked; those of other processes do not count.
    """

    def __init__(
        self,
        take: Callable[[bytes], None],
        hold: Callable[[bool], None],
        clock: Callable[[], float] = thread_time,
    ) -> None:
        self._take = take
        self._hold = hold
        self._clock = clock
        self._waiting = bytearray()
        self._small_for = 0  # so many bytes
        self._next: asyncio.Handle | None = None

    @property
    def busy(self) -> bool:
        """Whether some waits."""
        return self._next is not None

    def put(self, data: bytes) -> None:
        """Take in output at once, or as much of it as there is time for."""
        if self._next is not None:
            self._waiting += data
            return
        rest = self._work(data)
        if rest:
            self._waiting += rest
            self._hold(True)  # noqa: FBT003 - a callback has no names
            self._next = asyncio.get_running_loop().call_soon(self._go_on)

    def finish(self) -> None:
        """Take in all that waits, however long it takes."""
        rest = self.drop()
        if rest:
            self._take(rest)
            self._hold(False)  # noqa: FBT003 - as above

    def drop(self) -> bytes:
        """Forget what waits, and return it."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        rest = bytes(self._waiting)
        self._waiting.clear()
        return rest

    def _go_on(self) -> None:
        self._next = None
        data = bytes(self._waiting)
        self._waiting.clear()
        self._waiting += self._work(data)
        if self._waiting:
            self._next = asyncio.get_running_loop().call_soon(self._go_on)
        else:
            self._hold(False)  # noqa: FBT003 - as above

    def _work(self, data: bytes) -> bytes:
        """Take in what there is time for; return the rest."""
        clock, at = self._clock, 0
        began = before = clock()
        while at < len(data):
            size = SMALL_BYTES if self._small_for > 0 else LARGE_BYTES
            piece = data if len(data) <= size else data[at : at + size]
            self._take(piece)
            at += len(piece)
            self._small_for -= len(piece)
            now = clock()
            if now - before > SLOW_SECONDS:
                self._small_for = SMALL_FOR_BYTES
            before = now
            if now - began > TURN_SECONDS:
                break
        return data[at:]
