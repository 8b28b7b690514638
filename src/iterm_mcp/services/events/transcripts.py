"""What agents write down of their conversations, brought into the event store as it is written.

Every file below some folders is looked at, again and again, but never for more than a hundredth of
the time, or every 15 s; those that are being written, often. How far each was read is remembered
only once it is kept, so whoever is killed in between reads some of it again, and the store keeps it
once. Files that were packed are finished, so they are read as a whole.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError, StoreError
from iterm_mcp.services.events.packed_lines import SUFFIX, PackedFileError, unpacked_lines
from iterm_mcp.store.read_positions import ReadPosition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.events import Event
    from iterm_mcp.services.events.hook_events import Takes

LOOK_SECONDS = 0.5
"""How often files are looked at that are being written."""
SEARCH_SECONDS = 2.0
"""How often all others are, at most."""
SEARCH_SHARE = 100
"""A search is followed by a pause of so many times its length, at least."""
SEARCH_SECONDS_MOST = 15.0
"""But by none that is longer: on a busy machine a search may have waited more than it worked."""
WARM_SECONDS = 60.0
"""How long after its last change a file counts as being written."""
FINISHED_SECONDS = 120.0
"""A file that has not changed for so long is finished, for the time being."""
PIECE_BYTES = 1 << 20
LINE_BYTES = 16 << 20
"""A line that is longer is left out."""
REREAD_BYTES = 4 << 20
"""So much before a position is read again, to know what was under way there."""
HEAD_BYTES = 1 << 20
"""So much of a file may its first line take, which says whose the others are."""
MARK_SECONDS = 60.0
"""How often it is written down until when files were searched."""
DEPTH = 5
MOST_FILES = 50_000
AGAIN_SECONDS = 5.0

WATERMARK = ""
"""Its position is the time until which files were searched, in seconds since 1970."""

log = structlog.get_logger()


class LineReader(Protocol):
    """Reads one file of one kind of agents, in order."""

    skipped: int

    @property
    def holding(self) -> bool:
        """Whether something is held back until more is known."""

    def read(self, lines: Iterable[bytes]) -> list[Event]:
        """Return what further lines tell."""

    def finish(self) -> list[Event]:
        """Return what was held back."""


class Positions(Protocol):
    """Where it is kept how far files were read."""

    async def load(self) -> dict[str, ReadPosition]:
        """Return all of it by path."""

    async def keep(self, positions: Mapping[str, ReadPosition]) -> None:
        """Keep some."""

    async def forget(self, paths: Iterable[str]) -> None:
        """Forget some."""


@dataclass(frozen=True, slots=True)
class TranscriptRoot:
    """Where one kind of agents writes.

    Attributes:
        reader: Makes a reader for one file.
        suffix: Of the files.
    """

    kind: str
    folder: Path
    reader: Callable[[], LineReader]
    suffix: str = ".jsonl"


@dataclass(slots=True)
class _File:
    """One file that is read.

    Attributes:
        done: Before it stands what is kept, and told of to the store of positions.
        read: Before it stands what is kept.
        size, changed_at: As it was looked at last.
    """

    path: Path
    make: Callable[[], LineReader]
    inode: int = 0
    done: int = 0
    read: int = 0
    size: int = 0
    changed_at: float = 0.0
    reader: LineReader | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Found:
    inode: int
    size: int
    changed_at: float


class Transcripts:
    """Follows them.

    Args:
        roots: Whose files are searched for. A file elsewhere is followed once it is `mention`ed.
        kinds: How a mentioned file is read, by kind.
    """

    def __init__(
        self,
        intake: Takes,
        positions: Positions,
        clock: Clock,
        roots: Sequence[TranscriptRoot],
        kinds: Mapping[str, Callable[[], LineReader]],
    ) -> None:
        self._intake = intake
        self._positions = positions
        self._clock = clock
        self._roots = roots
        self._kinds = kinds
        self._files: dict[Path, _File] = {}
        self._old: dict[Path, float] = {}
        self._seen: dict[str, _Found] = {}
        self._marked_at = float("-inf")
        self._known: dict[str, ReadPosition] = {}
        self._since: float | None = None
        self.problem = ""

    def mention(self, kind: str, path: str) -> None:
        """Follow a file that an agent says it writes; one that is followed already is no matter."""
        make = self._kinds.get(kind)
        file = Path(path)
        if make is not None and file.is_absolute() and file not in self._files:
            self._follow(file, make)

    @property
    def count(self) -> int:
        """How many files are followed because they changed."""
        return len(self._files)

    @property
    def skipped(self) -> int:
        """How many lines of the files being read could not be understood."""
        return sum(one.reader.skipped for one in self._files.values() if one.reader is not None)

    async def run(self) -> None:
        """Follow all of them, until cancelled. What cannot be kept now is read again later."""
        while True:
            try:
                await self._run()
            except StoreError as error:
                if str(error) != self.problem:
                    log.error("transcripts_stuck", error=str(error), hint=error.hint)  # noqa: TRY400 - expected
                self.problem = str(error)
                await anyio.sleep(AGAIN_SECONDS)

    async def _run(self) -> None:
        pause = 0.0
        while True:
            if pause <= 0:
                began = self._clock.monotonic()
                await self.search()
                pause = max(SEARCH_SECONDS, SEARCH_SHARE * (self._clock.monotonic() - began))
                pause = min(pause, SEARCH_SECONDS_MOST)
            await self.look()
            self.problem = ""
            await anyio.sleep(LOOK_SECONDS)
            pause -= LOOK_SECONDS

    async def search(self) -> None:
        """Search the roots for files that have changed, and follow those.

        Raises:
            StoreError: What was read before is not known now.
        """
        if self._since is None:
            await self._begin()
        now = self._clock.now().timestamp()
        since = self._since or 0.0
        for root, path, found in await to_thread.run_sync(self._walk):
            if path in self._files:
                continue
            known = self._known.get(str(path))
            if known is not None:
                changed = (known.inode, known.offset) != (found.inode, found.size)
            else:
                changed = found.changed_at >= self._old.setdefault(path, since)
            if changed:
                self._follow(path, root.reader)
        if now - self._marked_at > MARK_SECONDS:
            # What changes while it is searched is found again: its time is not before `now`.
            await self._positions.keep({WATERMARK: ReadPosition(0, int(now) - 1)})
            self._marked_at = now

    async def look(self) -> None:
        """Keep what was added to the files that are followed.

        Raises:
            StoreError: It could not be kept, or not now; call it again.
        """
        if not self._files:
            return
        now = self._clock.now().timestamp()
        found = await to_thread.run_sync(_stat_all, tuple(self._files))
        for path, file in list(self._files.items()):
            state = found.get(path)
            if state is None:
                if now - file.changed_at > WARM_SECONDS:  # never there, or no more
                    self._drop(file, known=False)
                continue
            if state.inode != file.inode or state.size < file.read:
                file.inode, file.read, file.done, file.reader = state.inode, 0, 0, None
            if state.size != file.size:
                file.changed_at = now
            file.size = state.size
            while await self._further(file):
                pass
            if now - file.changed_at > FINISHED_SECONDS:
                await self._finish(file)

    async def _further(self, file: _File) -> bool:
        """Keep the next piece of a file; tell whether there was any."""
        if file.read >= file.size:
            return False
        if file.path.suffix == SUFFIX:
            await self._whole(file)
            return False
        events, reader, end = await to_thread.run_sync(_read_on, file)
        if end == file.read:
            return False
        await self._keep(file, events)
        file.reader, file.read = reader, end
        if not reader.holding:
            await self._done(file)
        return True

    async def _whole(self, file: _File) -> None:
        """Keep what a packed file tells; of one that is torn or too large, what can be read."""
        reader, size = file.make(), file.size
        with closing(unpacked_lines(file.path)) as pieces:
            try:
                while lines := await to_thread.run_sync(next, pieces, None):
                    await self._keep(file, await to_thread.run_sync(reader.read, lines))
            except (OSError, PackedFileError) as error:
                log.warning("transcript_unreadable", file=str(file.path), error=str(error))
        await self._keep(file, reader.finish())
        file.read = size
        await self._done(file)

    async def _finish(self, file: _File) -> None:
        if file.reader is not None:
            await self._keep(file, file.reader.finish())
            await self._done(file)
        self._drop(file, known=True)

    async def _keep(self, file: _File, events: Sequence[Event]) -> None:
        try:
            if events:
                await self._intake.take(events)
        except InvalidRequestError:
            log.exception("transcript_refused", file=str(file.path))

    async def _done(self, file: _File) -> None:
        position = ReadPosition(file.inode, file.read)
        await self._positions.keep({str(file.path): position})
        self._known[str(file.path)], file.done = position, file.read

    def _follow(self, path: Path, make: Callable[[], LineReader]) -> None:
        known = self._known.get(str(path), ReadPosition(0, 0))
        self._files[path] = _File(
            path, make, known.inode, known.offset, known.offset,
            changed_at=self._clock.now().timestamp(),
        )  # fmt: skip

    def _drop(self, file: _File, *, known: bool) -> None:
        self._files.pop(file.path, None)
        if known:
            self._old[file.path] = self._clock.now().timestamp()

    async def _begin(self) -> None:
        """Read how far everything was read before."""
        known = await self._positions.load()
        since = known.pop(WATERMARK, None)
        gone = await to_thread.run_sync(lambda: [one for one in known if not Path(one).exists()])
        if gone:
            await self._positions.forget(gone)
        self._known = known
        for path in list(self._files):  # mentioned before we knew
            self._follow(path, self._files[path].make)
        self._since = self._clock.now().timestamp() if since is None else float(since.offset)

    def _walk(self) -> list[tuple[TranscriptRoot, Path, _Found]]:
        """Return the files that are others than the last time."""
        changed = []
        for root in self._roots:
            for entry in _entries(str(root.folder), root.suffix, DEPTH):
                try:
                    now = _found(entry.stat())
                except OSError:
                    continue
                if self._seen.get(entry.path) == now:
                    continue
                if len(self._seen) >= MOST_FILES and entry.path not in self._seen:
                    continue
                self._seen[entry.path] = now
                changed.append((root, Path(entry.path), now))
        return changed


def _entries(folder: str, suffix: str, depth: int) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            listed = list(entries)
    except OSError:
        return
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            if depth:
                yield from _entries(entry.path, suffix, depth - 1)
        elif entry.name.endswith(suffix):
            yield entry


def _found(stat: os.stat_result) -> _Found:
    return _Found(stat.st_ino & (1 << 63) - 1, stat.st_size, stat.st_mtime)


def _stat_all(paths: Iterable[Path]) -> dict[Path, _Found]:
    found = {}
    for path in paths:
        try:
            if path.is_file():
                found[path] = _found(path.stat())
        except OSError:
            continue
    return found


def _read_on(file: _File) -> tuple[list[Event], LineReader, int]:
    """Return what the next whole lines of a file tell, its reader, and where they end."""
    reader = file.reader
    try:
        with file.path.open("rb", buffering=0) as opened:
            if reader is None:
                reader = file.make()
                start = max(0, file.read - REREAD_BYTES)
                if start:
                    head = os.pread(opened.fileno(), HEAD_BYTES, 0)
                    reader.read([head.partition(b"\n")[0]])
                before = os.pread(opened.fileno(), file.read - start, start)
                reader.read(before.split(b"\n")[1 if start else 0 :])
            data = os.pread(opened.fileno(), PIECE_BYTES, file.read)
            if len(data) == PIECE_BYTES and b"\n" not in data:
                data += os.pread(opened.fileno(), LINE_BYTES, file.read + PIECE_BYTES)
    except OSError:
        return [], reader or file.make(), file.read
    end = data.rfind(b"\n") + 1
    if not end and len(data) > LINE_BYTES:
        reader.skipped += 1
        return [], reader, file.read + len(data)
    return reader.read(data[:end].split(b"\n")), reader, file.read + end
