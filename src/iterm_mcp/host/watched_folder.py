"""A folder of the user's files: each is read again when it has changed, and skipped when bad."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.host.json_file import stamp_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterm_mcp.host.json_file import Stamp

log = structlog.get_logger()


class WatchedFolder:
    """Reads what a folder holds, one value a file.

    Args:
        path: The folder; it need not exist.
        readers: By a file's suffix, what reads it; an `OSError` or `ValueError` skips the file.
    """

    def __init__(self, path: str, readers: Mapping[str, Callable[[Path], Any]]) -> None:
        self._path = Path(path)
        self._readers = readers
        self._lock = anyio.Lock()
        self._stamps: dict[Path, Stamp | None] = {}
        self._values: dict[str, Any] = {}

    async def read(self) -> dict[str, Any]:
        """Return the values by their files' names, in the names' order.

        The same object as before when no file has come, gone or changed. The caller does not
        change it.
        """
        async with self._lock:
            return await to_thread.run_sync(self._read)

    def _read(self) -> dict[str, Any]:
        stamps = {path: stamp_of(path) for path in self._files()}
        if stamps == self._stamps:
            return self._values
        values = {}
        for path, stamp in stamps.items():
            if stamp == self._stamps.get(path, ()):
                if path.name in self._values:
                    values[path.name] = self._values[path.name]
                continue
            try:
                values[path.name] = self._readers[path.suffix](path)
            except (OSError, ValueError) as error:
                log.warning("file_skipped", path=str(path), reason=str(error))
        self._stamps, self._values = stamps, values
        return values

    def _files(self) -> list[Path]:
        try:
            found = sorted(self._path.iterdir())
        except OSError:
            return []
        return [
            one for one in found if one.suffix in self._readers and not one.name.startswith(".")
        ]
