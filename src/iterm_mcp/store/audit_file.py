"""The files of the audit log: appended to, rotated, read again. Blocking: call it in a thread."""

from __future__ import annotations

import os
import secrets
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from iterm_mcp.store.audit_chain import BrokenChainError, Link, check, digest_of, end_of, seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from iterm_mcp.store.audit_chain import Link as ChainLink

    Entry = tuple[Mapping[str, object], Mapping[str, object]]

MAX_BYTES = 16 << 20
"""A file that is larger is put aside, and a new one begun."""

MAX_FILES = 10
"""So many are kept, the one that is written to included."""

TAIL_BYTES = 1 << 16

log = structlog.get_logger()


class AuditFile:
    """Appends records to a chain that goes on from file to file, and from process to process.

    Args:
        path: The newest file; older ones stand beside it as ``.1``, ``.2`` …, mode 0600 all.
        key: A file with the key of the arguments' digests; made when it is not there.
    """

    def __init__(
        self, path: str, key: str, *, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES
    ) -> None:
        self._path = Path(path)
        self._max_bytes, self._max_files = max_bytes, max_files
        self._key_path = Path(key)
        self._key = b""
        self._fd = -1
        self._last = Link()

    def append(self, entries: Iterable[Entry]) -> None:
        """Append records, each with what is kept of its arguments: all of them or none.

        Raises:
            OSError: The disk is full, or the files cannot be opened or written to.
        """
        if self._fd < 0 or not os.fstat(self._fd).st_nlink:  # somebody may have removed it
            self.close()
            self._open()
            self._last = self._find_end()
        lines, last = [], self._last
        for record, arguments in entries:
            kept = {**record, "arguments": digest_of(arguments, self._key)}
            line, last = seal(kept, last)
            lines.append(line)
        data = memoryview(b"".join(lines))
        end = os.lseek(self._fd, 0, os.SEEK_END)
        if end and end + len(data) > self._max_bytes:
            self._rotate()
            end = 0
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:
            os.ftruncate(self._fd, end)  # no half of a record stays
            raise
        self._last = last

    def close(self) -> None:
        """Write through to the disk, and close."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def _open(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = self._key or _load_key(self._key_path)
        self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchmod(self._fd, 0o600)

    def _find_end(self) -> ChainLink:
        """Return where the chain stands; what a crash left of a last line is cut off."""
        size = os.fstat(self._fd).st_size
        tail = os.pread(self._fd, TAIL_BYTES, max(0, size - TAIL_BYTES))
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            log.warning("audit_line_cut_off", path=str(self._path), bytes=len(tail) - whole)
            os.ftruncate(self._fd, size - len(tail) + whole)
        last_line = tail[:whole].removesuffix(b"\n").rpartition(b"\n")[2]
        if not last_line:  # a new file, perhaps after one that was put aside
            older = _numbered(self._path, 1)
            last_line = next(iter(deque(_lines(older), 1)), b"") if older.exists() else b""
        if not last_line:
            return Link()
        try:
            return end_of(last_line)
        except BrokenChainError:
            log.exception("audit_chain_broken", path=str(self._path))
            return Link()

    def _rotate(self) -> None:
        os.fsync(self._fd)
        _numbered(self._path, self._max_files - 1).unlink(missing_ok=True)
        for number in range(self._max_files - 2, -1, -1):
            older = _numbered(self._path, number)
            if older.exists():
                older.rename(_numbered(self._path, number + 1))
        fd, self._fd = self._fd, -1
        os.close(fd)
        self._open()


def audit_lines(path: str) -> Iterator[bytes]:
    """Return the records' lines from all the files, the oldest first.

    A last line without its end is one that is being written, and left out.
    """
    newest = Path(path)
    numbers = sorted(
        int(one.suffix[1:])
        for one in newest.parent.glob(f"{newest.name}.*")
        if one.suffix[1:].isdigit()
    )
    for number in [*reversed(numbers), 0]:
        file = _numbered(newest, number)
        if file.exists():
            yield from _lines(file)


def verify(path: str, head: str | None = None) -> tuple[int, ChainLink]:
    """Check all the files; return how many records there are, and the newest.

    Args:
        head: A hash that was the newest once, and must be among them.

    Raises:
        BrokenChainError: A record was changed, removed or added, or `head` is not there.
    """
    seen = False

    def watched() -> Iterator[bytes]:
        nonlocal seen
        for line in audit_lines(path):
            seen = seen or (head is not None and head.encode() in line)
            yield line

    count, last = check(watched())
    if head is not None and not seen:
        raise BrokenChainError(f"no record has the hash {head}", count)
    return count, last


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))


def _load_key(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if key:
            return key
        fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        key = secrets.token_hex(32).encode()
        os.write(fd, key)
    finally:
        os.close(fd)
    return key
