"""One JSON object in a file: read again when it has changed, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.host.json_values import read_json

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger()

MAX_BYTES = 16 << 20
"""A larger file is none of ours."""

Stamp = tuple[int, int, int]
"""What tells one state of a file from another: its number, time and size."""


class NotKeptError(ItermMcpError):
    """Something could not be written; the file holds what it held before."""

    default_code = "not_kept"


class JsonFile:
    """A file of ours, mode 0600. One that holds no JSON object counts as empty.

    Such a file is somebody's work gone wrong: before it is replaced it is put aside, with
    ``.broken`` after its name.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._lock = anyio.Lock()
        self._stamp: Stamp | None = None
        self._broken = False
        self._value: dict[str, Any] = {}

    async def read(self) -> dict[str, Any]:
        """Return what the file holds now; the caller does not change it."""
        async with self._lock:
            return await to_thread.run_sync(self._read)

    async def change(self, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Have a shallow copy changed, keep that in the file, and return it.

        Raises:
            NotKeptError: It could not be written; nothing has changed.
        """
        async with self._lock:
            return await to_thread.run_sync(self._change, change)

    def _read(self) -> dict[str, Any]:
        stamp = stamp_of(self._path)
        if stamp != self._stamp:
            self._value, self._broken = {}, False
            if stamp is not None:
                try:
                    self._value = read_object(self._path)
                except (OSError, ValueError) as error:
                    self._broken = True
                    log.warning("file_skipped", path=str(self._path), reason=str(error))
            self._stamp = stamp
        return self._value

    def _change(self, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        value = dict(self._read())
        change(value)
        try:
            text = json.dumps(value, allow_nan=False)
            read_json(text)  # what cannot be read again is not written
            if self._broken:
                self._path.replace(f"{self._path}.broken")
            write_whole(self._path, text.encode())
        except (OSError, ValueError, RecursionError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            log.warning("file_not_written", path=str(self._path), reason=reason)
            raise NotKeptError(f"could not write {self._path.name}: {reason}") from None
        self._value, self._broken, self._stamp = value, False, stamp_of(self._path)
        return value


def stamp_of(path: Path) -> Stamp | None:
    """Return a file's stamp; None when there is no such file, or none that can be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds something else.
    """
    value = read_json(read_bounded(path).decode())
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - the value is wrong, not the caller
    return value


def read_bounded(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no plain file, or larger than `MAX_BYTES`.
    """
    if not path.is_file():
        raise ValueError("not a plain file")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError("too large")
    return data


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file, or what a link leads to, or leave it as it was; mode 0600.

    Raises:
        OSError: It could not be written.
    """
    path = path.resolve()
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
