"""What agents' files hold now, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.agents.files import GrowingFile, ReplacedFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_ROUNDS = 4
"""One file may lead to another; no kind's files lead further."""


class _Once:
    """A file that is read once, unless it was closed before."""

    def __init__(self, read: Callable[[], Callable[[], None] | None]) -> None:
        self.read = read
        self.open = True

    def close(self) -> None:
        """Do not read it."""
        self.open = False


class GlancedFiles:
    """The `Files` of somebody who looks once: nothing is followed."""

    def __init__(self) -> None:
        self._new: list[_Once] = []

    def follow_lines(
        self, path: Path, take: Callable[[list[bytes]], None], *, tail_bytes: int | None = None
    ) -> _Once:
        """See `Files`; `read` tells what stands in it."""

        def read() -> Callable[[], None] | None:
            lines = GrowingFile(path, tail_bytes).read()
            return (lambda: take(lines)) if lines else None

        return self._add(read)

    def follow_content(self, path: Path, take: Callable[[bytes | None], None]) -> _Once:
        """See `Files`; `read` tells what stands in it."""

        def read() -> Callable[[], None] | None:
            content = ReplacedFile(path).read()
            return lambda: take(content)

        return self._add(read)

    async def read(self) -> None:
        """Tell what the files hold, and those to which they lead."""
        for _ in range(MOST_ROUNDS):
            files, self._new = self._new, []
            if not files:
                return
            for one, tell in await to_thread.run_sync(_read, files):
                if one.open and tell is not None:
                    tell()

    def _add(self, read: Callable[[], Callable[[], None] | None]) -> _Once:
        one = _Once(read)
        self._new.append(one)
        return one


def _read(files: list[_Once]) -> list[tuple[_Once, Callable[[], None] | None]]:
    return [(one, one.read()) for one in files if one.open]
