"""The files of shares: whole or not there, for their owner alone, under names that nobody gives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.paths import make_private_folder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from typing import BinaryIO

MOST_BYTES = 16 << 20
_SUFFIX, _PART = ".share", ".part"


class TooLargeError(Exception):
    """A file would be larger than one may be."""


class Shelf:
    """A folder of files, each under a digest in hexadecimal."""

    def __init__(self, folder: str, most_bytes: int = MOST_BYTES) -> None:
        self._folder = Path(folder)
        self._most_bytes = most_bytes

    async def put(self, digest: str, chunks: AsyncIterator[bytes]) -> int:
        """Write a file; return its size.

        Raises:
            TooLargeError: There is too much of it; nothing is left.
            OSError: It cannot be written.
        """
        part = self._folder / (digest + _PART)
        size = 0
        file = await to_thread.run_sync(self._open, part)
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > self._most_bytes:
                    raise TooLargeError(f"it is larger than {self._most_bytes >> 20} MB")
                await to_thread.run_sync(file.write, chunk)
            await to_thread.run_sync(self._close, file)
            await to_thread.run_sync(part.replace, self._path(digest))
        finally:
            file.close()
            await to_thread.run_sync(lambda: part.unlink(missing_ok=True))
        return size

    async def find(self, digest: str) -> Path | None:
        """Return where a file stands; None if it is not there."""
        path = self._path(digest)
        return path if await to_thread.run_sync(path.is_file) else None

    async def remove(self, digest: str) -> None:
        """Remove a file, if it is there."""
        await to_thread.run_sync(lambda: self._path(digest).unlink(missing_ok=True))

    async def keep_only(self, digests: Collection[str]) -> None:
        """Remove what belongs to no share; nothing must be being written."""
        await to_thread.run_sync(self._keep_only, {digest + _SUFFIX for digest in digests})

    def _path(self, digest: str) -> Path:
        return self._folder / (digest + _SUFFIX)

    def _open(self, part: Path) -> BinaryIO:
        make_private_folder(str(self._folder))
        return os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _close(self, file: BinaryIO) -> None:
        file.flush()
        os.fsync(file.fileno())
        file.close()

    def _keep_only(self, names: set[str]) -> None:
        if self._folder.is_dir():
            for one in self._folder.iterdir():
                if one.name not in names:
                    one.unlink(missing_ok=True)
