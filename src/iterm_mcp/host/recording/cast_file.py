"""The file that a session's recording is written to, in parts. Used by one thread at a time."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from iterm_mcp.host.recording.asciicast import (
    ENDED,
    MARKER,
    OUTPUT,
    RESIZE,
    Event,
    Header,
    event_line,
)
from iterm_mcp.host.recording.encoder import Encoder, Happening
from iterm_mcp.host.recording.folder import part_path, try_lock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from iterm_mcp.host.recording.screen import Screen

Want = Literal["part", "screen"]


@dataclass(frozen=True, slots=True)
class Redraw:
    """What the screen showed at a time, drawn anew; a new part may begin with it."""

    at: int
    screen: Screen
    new_part: bool = False


Item = Happening | Redraw


class CastFile:
    """Writes whole lines, and never fails: what could not be written is counted.

    As soon as something can be written again, a marker says how much is missing.

    Args:
        folder: Where it stands.
        name: The recording's name; there is none of that name yet.
        header: Of the first part. Later ones get their own size and time.
        part_bytes: When a part has reached that length, another is wanted.
        keep: So many parts stay.

    Attributes:
        path: The part that is being written.
        wants: A redraw before the next output: of a new ``part``, or, since something is
            missing, of the ``screen``. Who sends the redraw sets it to None.
        lost: So many bytes of output could not be written, and no marker says so yet.
        problem: Why the last attempt to write failed; empty when it did not.
    """

    def __init__(self, folder: Path, name: str, header: Header, part_bytes: int, keep: int) -> None:
        self._folder = folder
        self._name = name
        self._header = header
        self._part_bytes = part_bytes
        self._keep = keep
        self._number = 1
        self._fd = -1
        self._size = 0
        self._encoder = Encoder()
        self._asked = False  # for a redraw that is still to come
        self.path = part_path(folder, name, 1)
        self.wants: Want | None = None
        self.lost = 0
        self.problem = ""

    def write(self, items: Iterable[Item]) -> None:
        """Write a batch, whole or not at all. The first makes the file, even if it is empty."""
        batch: list[Happening] = []
        for item in items:
            if isinstance(item, Happening):
                batch.append(item)
                continue
            self._asked = False
            if item.new_part:
                self._put(batch)
                batch = []
                self._begin_part(item)
            elif self._fd >= 0 or self.problem:  # a resize may be missing
                size = f"{item.screen.columns}x{item.screen.rows}"
                batch.append(Happening(item.at, RESIZE, size))
            batch.append(Happening(item.at, OUTPUT, item.screen.draw()))
        self._put(batch)

    def close(self) -> None:
        """Write what is left and that this is the end, and close the file."""
        if self._fd >= 0:
            with suppress(OSError):
                self._append(self._encoder.finish() + ENDED)
            self._shut()

    def _shut(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _begin_part(self, item: Redraw) -> None:
        self._shut()
        self._number += 1
        self.path = part_path(self._folder, self._name, self._number)
        screen = item.screen
        self._header = replace(self._header, columns=screen.columns, rows=screen.rows)
        with suppress(OSError):  # as good as gone, or not ours to remove
            part_path(self._folder, self._name, self._number - self._keep).unlink(missing_ok=True)

    def _put(self, batch: list[Happening]) -> None:
        if not batch and self._fd >= 0:
            return
        before = self._encoder.at
        try:
            if self._fd < 0:
                self._open()
            lines = []
            if self.lost and batch:
                gap = Event(max(before, batch[0].at), MARKER, missing(self.lost, self.problem))
                lines.append(event_line(gap, before))
                self._encoder.at = gap.at
            lines += self._encoder.encode(batch)
            self._append(b"".join(lines))
        except OSError as error:
            self._encoder.forget(before)
            self.lost += sum(len(one.data) for one in batch if isinstance(one.data, bytes))
            self.problem = error.strerror or str(error)
            self._ask("screen")
        else:
            self.lost = 0 if batch else self.lost
            self.problem = ""
            if self._size >= self._part_bytes:
                self._ask("part")

    def _ask(self, want: Want) -> None:
        if not self._asked:
            self._asked = True
            self.wants = want

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(self.path, flags, 0o600)
        try:
            with suppress(OSError):  # a file system without locks: then nobody prunes either
                try_lock(fd)
            self._fd, self._size = fd, 0
            stamp = self._header.timestamp
            if stamp is not None:
                stamp += self._encoder.at // 1000
            self._append(replace(self._header, timestamp=stamp).line())
        except OSError:
            self._fd = -1
            os.close(fd)
            self.path.unlink()
            raise

    def _append(self, data: bytes) -> None:
        """Write all of it, or leave the file as it was."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(data)


def missing(count: int, reason: str) -> str:
    """Return what the marker says where output is missing."""
    return f"{count} bytes of output are missing: {reason}"
