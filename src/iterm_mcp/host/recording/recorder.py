"""Takes down what happens in one session. It only queues: it waits for no disk."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from iterm_mcp.host.recording.asciicast import EXIT, INPUT, MARKER, OUTPUT, RESIZE
from iterm_mcp.host.recording.cast_file import CastFile, Item, Redraw, missing
from iterm_mcp.host.recording.encoder import Happening
from iterm_mcp.host.recording.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.host.engine import Engine

MAX_QUEUED_BYTES = 4 << 20
"""What may wait to be written of one session; what comes on top is missing in the recording."""

_HAPPENING_BYTES = 100
"""What a happening takes beside its data, about."""

TOO_SLOW = "they came faster than they could be written"


class Recorder:
    """A recording that is under way.

    Attributes:
        file: Where it goes.
        keeps_input: Whether it holds what is typed too.
        queued: How many bytes are not written yet.
        missing: So many bytes of output there was no room for, and no marker says so yet.
        ended: Nothing more will come.
    """

    def __init__(
        self, file: CastFile, engine: Engine, wake: Callable[[Recorder], None], *, keeps_input: bool
    ) -> None:
        self.file = file
        self.keeps_input = keeps_input
        self.queued = 0
        self.ended = False
        self._engine = engine
        self._wake = wake
        self._began = monotonic()
        self._items: list[Item] = []
        self._size = 0  # of the items
        self.missing = 0
        self._behind = False
        if engine.cursor != (0, 0) or engine.alternate_screen:
            self._redraw()
        wake(self)  # the file is made at once

    def output(self, data: bytes) -> None:
        """Take down what is about to be shown."""
        if self._behind and self.queued <= MAX_QUEUED_BYTES // 2:
            self._catch_up()
        elif self.file.wants is not None and not self._behind:
            new_part = self.file.wants == "part"
            self.file.wants = None
            self._redraw(new_part=new_part)
        if not self._put(OUTPUT, data):
            self.missing += len(data)

    def input(self, data: bytes) -> None:
        """Take down what was typed, if that is asked for."""
        if self.keeps_input:
            self._put(INPUT, data)

    def resized(self, columns: int, rows: int) -> None:
        """Take down a new size."""
        self._put(RESIZE, f"{columns}x{rows}")

    def mark(self, label: str) -> bool:
        """Set a marker; False when there is no room for one just now."""
        return self._put(MARKER, label)

    def end(self, code: int | None = None) -> None:
        """End the recording, with the program's exit status if it has ended too."""
        if self.ended:
            return
        if self._behind:
            self._catch_up()
        if code is not None:
            self._queue(Happening(self._now(), EXIT, str(code)), 0)
        self.ended = True
        self._wake(self)

    def take(self) -> tuple[list[Item], int]:
        """Hand out what is to be written, and its size; `written` follows."""
        items, self._items = self._items, []
        size, self._size = self._size, 0
        return items, size

    def written(self, size: int) -> None:
        """Note that what was handed out is not waiting any more."""
        self.queued -= size

    def _put(self, code: str, data: bytes | str) -> bool:
        size = len(data) + _HAPPENING_BYTES
        if self._behind or self.ended or self.queued + size > MAX_QUEUED_BYTES:
            self._behind = True
            return False
        self._queue(Happening(self._now(), code, data), size)
        return True

    def _catch_up(self) -> None:
        """Say how much is missing, and show what the screen shows after all that."""
        self._behind = False
        if self.missing:
            self._queue(Happening(self._now(), MARKER, missing(self.missing, TOO_SLOW)), 0)
            self.missing = 0
        self._redraw()

    def _redraw(self, *, new_part: bool = False) -> None:
        self._queue(Redraw(self._now(), Screen.of(self._engine), new_part), 0)

    def _queue(self, item: Item, size: int) -> None:
        self._items.append(item)
        self._size += size
        self.queued += size
        self._wake(self)

    def _now(self) -> int:
        return round((monotonic() - self._began) * 1000)
