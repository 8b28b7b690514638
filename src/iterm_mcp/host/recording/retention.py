"""How much is kept of recordings, and what a crash left of them."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.host.recording.folder import find_recordings, try_lock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iterm_mcp.host.recording.folder import Recording

SESSION_BYTES = "ITERM_MCP_RECORDING_SESSION_BYTES"
TOTAL_BYTES = "ITERM_MCP_RECORDING_TOTAL_BYTES"
DAYS = "ITERM_MCP_RECORDING_DAYS"

DAY_SECONDS = 86400.0
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept.

    Attributes:
        session_bytes: Of one recording; what is older goes, a `parts`-th at a time. It may be
            exceeded by what waits to be written.
        parts: How many files a recording may have.
        total_bytes: Of all recordings together. Those under way count, but stay.
        days: Recordings that nothing was written to for longer go.
    """

    session_bytes: int = 64 << 20
    parts: int = 4
    total_bytes: int = 1 << 30
    days: float = 30.0

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Limits:
        """Return the limits that the environment asks for.

        Raises:
            ValueError: One is no number above 0.
        """
        return cls(
            session_bytes=_whole(environ, SESSION_BYTES, cls().session_bytes),
            total_bytes=_whole(environ, TOTAL_BYTES, cls().total_bytes),
            days=_whole(environ, DAYS, int(cls().days)),
        )

    @property
    def part_bytes(self) -> int:
        """How long a part may be."""
        return self.session_bytes // self.parts


def prune(folder: Path, limits: Limits, now: float) -> list[Recording]:
    """Remove recordings that are too old, then the oldest until the rest is small enough.

    Those that are being written stay, and what cannot be removed.

    Args:
        now: In seconds since 1970.

    Returns:
        What was removed.
    """
    found = find_recordings(folder)
    total = sum(one.size for one in found)
    removed = []
    for one in found:
        aged = now - one.written_at > limits.days * DAY_SECONDS
        if (aged or total > limits.total_bytes) and not one.is_live() and _remove(one):
            total -= one.size
            removed.append(one)
    return removed


def repair(folder: Path) -> int:
    """Cut off last lines that a crash has torn; return how many files were mended.

    A file that holds no whole line is removed.
    """
    mended = 0
    for one in find_recordings(folder):
        for path in one.parts:
            with suppress(OSError):  # not ours, or removed meanwhile: readers do without
                mended += _mend(path)
    return mended


def _mend(path: Path) -> bool:
    """Cut a file after its last whole line; False when it is whole, or being written."""
    with path.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        newline = -1
        while end and newline < 0:
            start = max(0, end - _BLOCK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            end = start + newline + 1 if newline >= 0 else start
        if 0 < size == end or not try_lock(file.fileno()):
            return False
        if end:
            file.truncate(end)
        else:
            path.unlink()
        return True


def _remove(recording: Recording) -> bool:
    try:
        for path in recording.parts:
            path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _whole(environ: Mapping[str, str], name: str, otherwise: int) -> int:
    text = environ.get(name)
    if not text:
        return otherwise
    if not text.isdecimal() or int(text) == 0:
        raise ValueError(f"{name} is {text!r}, not a whole number above 0")
    return int(text)
