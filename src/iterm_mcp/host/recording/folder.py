"""The folder of recordings: what stands in it, and under which names.

A recording is one file, or several parts of which each plays alone: ``<date>-<session>.cast``,
``<date>-<session>.2.cast`` and so on. Whoever writes a part holds a lock on it.
"""

from __future__ import annotations

import fcntl
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from datetime import datetime
    from pathlib import Path

_NAME = re.compile(r"(?P<name>\d{8}-\d{6}-\d{3}-(?P<session>[^./]+))(?:\.(?P<part>\d+))?\.cast")


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording on disk, as it was found.

    Attributes:
        name: The date it began at and its session.
        parts: Its files, the oldest first.
        written_at: When something was last written to it, in seconds since 1970.
    """

    name: str
    session_id: str
    parts: tuple[Path, ...]
    size: int
    written_at: float

    def is_live(self) -> bool:
        """Tell whether it is being written."""
        return _is_locked(self.parts[-1])


def name_for(session_id: str, began: datetime) -> str:
    """Return the name of a recording that begins now; UTC, so that names sort by age."""
    return f"{began:%Y%m%d-%H%M%S}-{began.microsecond // 1000:03d}-{session_id}"


def part_path(folder: Path, name: str, number: int) -> Path:
    """Return the file of a part; they are counted from 1."""
    return folder / (f"{name}.cast" if number == 1 else f"{name}.{number}.cast")


def find_recordings(folder: Path) -> list[Recording]:
    """Return all recordings, the oldest first. Other files are not looked at."""
    parts: dict[str, list[tuple[int, Path, os.stat_result]]] = {}
    sessions: dict[str, str] = {}
    for path in folder.glob("*.cast"):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        with suppress(FileNotFoundError):  # it was removed meanwhile
            number = int(match["part"] or 1)
            parts.setdefault(match["name"], []).append((number, path, path.stat()))
            sessions[match["name"]] = match["session"]
    return [
        Recording(
            name,
            sessions[name],
            tuple(path for _, path, _ in found),
            sum(stat.st_size for _, _, stat in found),
            max(stat.st_mtime for _, _, stat in found),
        )
        for name, found in sorted((name, sorted(found)) for name, found in parts.items())
    ]


def try_lock(fd: int) -> bool:
    """Take a file's lock, unless somebody has it; it is given back when the file is closed."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return not try_lock(file.fileno())
    except FileNotFoundError:
        return False
    except OSError:  # nobody knows, so it is left alone
        return True
