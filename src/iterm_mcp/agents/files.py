"""What agents write of themselves, read while they write it.

One poll for all files costs one thread's moment, however many agents there are. The system's own
watches would be quicker to tell, but have limits that users meet, need the folder to be there, and
are silent on network homes.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from io import FileIO
    from pathlib import Path

POLL_SECONDS = 0.2
PIECE_BYTES = 1 << 20
"""Of one file, the most that is read in one poll; the rest follows in the next."""
LINE_BYTES = 8 << 20
"""A line that is longer is left out."""
CONTENT_BYTES = 1 << 20
"""A whole file that is larger is taken for missing."""


class Following(Protocol):
    """A file that is followed until it is closed."""

    def close(self) -> None:
        """Follow it no more. What was read already may still be told once."""


class Files(Protocol):
    """Follows files that others write. Nothing raises: a file that cannot be read is missing."""

    def follow_lines(
        self, path: Path, take: Callable[[list[bytes]], None], *, tail_bytes: int | None = None
    ) -> Following:
        """Follow a file that grows by whole lines; one without its newline is not told yet.

        A file that shrank, or that another was put in the place of, is read from its beginning.

        Args:
            take: Takes the lines in order, without their newlines. Must not raise.
            tail_bytes: Begin with what stands in so many last bytes; None is all of it.
        """

    def follow_content(self, path: Path, take: Callable[[bytes | None], None]) -> Following:
        """Follow a small file that is written anew as a whole.

        Args:
            take: Takes its content at the start and after each change; None while it is missing.
                A torn one is told too, and soon again. Must not raise.
        """


class GrowingFile:
    """A file of lines, and how far it has been read.

    Args:
        tail_bytes: How much of its end is read at first; None for all of it.
    """

    def __init__(self, path: Path, tail_bytes: int | None = None) -> None:
        self._path = path
        self._tail_bytes = tail_bytes
        self._inode: int | None = None
        self._offset = 0
        self._beheaded = False  # the beginning of the next line was skipped, and so is the line

    def read(self) -> list[bytes]:
        """Return the whole lines that were added since."""
        try:
            found = self._path.stat()
            if found.st_ino == self._inode and found.st_size == self._offset:
                return []
            with self._path.open("rb", buffering=0) as file:
                return self._added(file)
        except OSError:
            return []

    def _added(self, file: FileIO) -> list[bytes]:
        found = os.fstat(file.fileno())
        if found.st_ino != self._inode or found.st_size < self._offset:
            skipped = 0
            if self._inode is None and self._tail_bytes is not None:
                skipped = max(0, found.st_size - self._tail_bytes)
            self._inode, self._offset, self._beheaded = found.st_ino, skipped, skipped > 0
        data = os.pread(file.fileno(), PIECE_BYTES, self._offset)
        if len(data) == PIECE_BYTES and b"\n" not in data:
            data += os.pread(file.fileno(), LINE_BYTES, self._offset + PIECE_BYTES)
            if len(data) == PIECE_BYTES + LINE_BYTES and b"\n" not in data:
                self._offset += len(data)
                self._beheaded = True
                return []
        end = data.rfind(b"\n") + 1
        self._offset += end
        lines = data[:end].split(b"\n")[:-1]
        if lines and self._beheaded:
            self._beheaded = False
            del lines[0]
        return lines


class ReplacedFile:
    """A small file that is written anew as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = ()

    def changed(self) -> bool:
        """Tell whether it is another than the last time."""
        try:
            found = self._path.stat()
            now: tuple[int, ...] | None = found.st_ino, found.st_size, found.st_mtime_ns
        except OSError:
            now = None
        changed, self._seen = now != self._seen, now
        return changed

    def read(self) -> bytes | None:
        """Return its content; None when it is missing or larger than `CONTENT_BYTES`."""
        try:
            with self._path.open("rb", buffering=0) as file:
                data = file.read(CONTENT_BYTES + 1)
        except OSError:
            return None
        return data if data is not None and len(data) <= CONTENT_BYTES else None


class _Lines:
    """A growing file with its reader."""

    def __init__(self, file: GrowingFile, take: Callable[[list[bytes]], None]) -> None:
        self._file = file
        self._take = take
        self.open = True

    def close(self) -> None:
        self.open = False

    def poll(self) -> Callable[[], None] | None:
        """Read, in a thread; return what tells the reader, on the event loop."""
        lines = self._file.read()
        return (lambda: self._take(lines)) if lines else None


class _Content:
    """A file that is replaced, with its reader."""

    def __init__(self, file: ReplacedFile, take: Callable[[bytes | None], None]) -> None:
        self._file = file
        self._take = take
        self.open = True

    def close(self) -> None:
        self.open = False

    def poll(self) -> Callable[[], None] | None:
        """Read, in a thread; return what tells the reader, on the event loop."""
        if not self._file.changed():
            return None
        content = self._file.read()
        return lambda: self._take(content)


class PolledFiles:
    """Looks at all followed files at once, again and again."""

    def __init__(self) -> None:
        self._followed: list[_Lines | _Content] = []
        self._added = anyio.Event()
        self._hurry = anyio.Event()
        self._ended = anyio.Event()
        self._begun = self._done = 0

    @property
    def count(self) -> int:
        """How many files are looked at."""
        return len(self._followed)

    def follow_lines(
        self, path: Path, take: Callable[[list[bytes]], None], *, tail_bytes: int | None = None
    ) -> Following:
        """See `Files`."""
        return self._add(_Lines(GrowingFile(path, tail_bytes), take))

    def follow_content(self, path: Path, take: Callable[[bytes | None], None]) -> Following:
        """See `Files`."""
        return self._add(_Content(ReplacedFile(path), take))

    def _add(self, one: _Lines | _Content) -> Following:
        self._followed.append(one)
        self._added.set()
        return one

    async def caught_up(self) -> None:
        """Wait until what the files hold by now has been told; it is looked for at once."""
        wanted = self._begun + 1
        while self._followed and self._done < wanted:
            self._hurry.set()
            await self._ended.wait()

    async def run(self, poll_seconds: float = POLL_SECONDS) -> None:
        """Poll until cancelled; nothing is done while nothing is followed."""
        while True:
            self._followed = [one for one in self._followed if one.open]
            if not self._followed:
                self._end_poll()
                self._added = anyio.Event()
                await self._added.wait()
            followed = tuple(self._followed)
            self._begun += 1
            self._hurry = anyio.Event()
            news = await anyio.to_thread.run_sync(_poll, followed)
            for one, tell in news:
                if one.open:
                    tell()
            self._done = self._begun
            self._end_poll()
            with anyio.move_on_after(poll_seconds):
                await self._hurry.wait()

    def _end_poll(self) -> None:
        ended, self._ended = self._ended, anyio.Event()
        ended.set()


def _poll(
    followed: Iterable[_Lines | _Content],
) -> list[tuple[_Lines | _Content, Callable[[], None]]]:
    return [(one, tell) for one in followed if (tell := one.poll()) is not None]


@asynccontextmanager
async def open_files(poll_seconds: float = POLL_SECONDS) -> AsyncIterator[PolledFiles]:
    """Follow files for the length of the block."""
    files = PolledFiles()
    async with anyio.create_task_group() as group:
        group.start_soon(files.run, poll_seconds)
        try:
            yield files
        finally:
            group.cancel_scope.cancel()
