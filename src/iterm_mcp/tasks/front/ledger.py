"""What this machine has taken and not yet handed back: one file each, so that no end loses it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from iterm_mcp.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that was taken.

    Attributes:
        take: The how-manyth machine that took it; what an earlier one did is not gone on with.
        graph: What is asked for, as JSON.
    """

    message: str
    take: int
    graph: Mapping[str, object]
    submitter: str = ""

    @property
    def key(self) -> str:
        """The key under which its tasks are submitted here."""
        return f"front:{self.message}:{self.take}"


class Ledger:
    """A folder of entries. Every call reads or writes the disk: for threads."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def write(self, entry: Entry) -> None:
        """Write an entry down, all of it or nothing.

        Raises:
            StoreError: The folder cannot be written to.
        """
        file = self._file(entry.message)
        part = file.with_suffix(".part")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_text(json.dumps(asdict(entry)), "utf-8")
            part.replace(file)
        except OSError as error:
            raise self._broken(error) from error

    def remove(self, message: str) -> None:
        """Forget an entry, if it is there.

        Raises:
            StoreError: The folder cannot be written to.
        """
        try:
            self._file(message).unlink(missing_ok=True)
        except OSError as error:
            raise self._broken(error) from error

    def entries(self) -> list[Entry]:
        """Return all entries; one that cannot be read is left, and told in the log.

        Raises:
            StoreError: The folder cannot be read.
        """
        found = []
        try:
            files = sorted(self._folder.glob("*.json")) if self._folder.exists() else []
        except OSError as error:
            raise self._broken(error) from error
        for file in files:
            try:
                found.append(Entry(**json.loads(file.read_text("utf-8"))))
            except (OSError, ValueError, TypeError) as error:
                _log.warning("front_entry_unreadable", file=str(file), error=str(error))
        return found

    def _file(self, message: str) -> Path:
        return self._folder / f"{message}.json"

    def _broken(self, error: OSError) -> StoreError:
        return StoreError(
            f"what was taken from the shared backlog, in {self._folder}: {error}",
            hint="See that the folder may be written to.",
        )
