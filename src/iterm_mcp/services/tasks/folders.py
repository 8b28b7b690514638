"""The folder of each attempt: what its run is told, and what is kept of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.errors import StoreError, shown
from iterm_mcp.services.agents.life_files import LifeFiles

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class AttemptFolder:
    """Where things of one attempt stand; nothing is made by asking."""

    path: Path

    @property
    def keeping(self) -> LifeFiles:
        """The files of a command's keeper; agents have theirs elsewhere, by their names."""
        return LifeFiles(self.path)

    @property
    def result(self) -> Path:
        """What the run hands over, as JSON."""
        return self.path / "result.json"

    @property
    def inputs(self) -> Path:
        """The results of the tasks that it needs, as JSON, by name."""
        return self.path / "inputs.json"

    @property
    def began(self) -> Path:
        """The commit that its directory stood on, where it has no worktree of its own."""
        return self.path / "began"

    @property
    def output(self) -> Path:
        """The end of what a command printed, as it was printed."""
        return self.path / "output.log"

    @property
    def files(self) -> Path:
        """The folder of the files that are kept with the result."""
        return self.path / "files"

    @property
    def patch(self) -> Path:
        """All that was changed in its worktree."""
        return self.path / "changes.patch"

    @property
    def evidence(self) -> Path:
        """The folder of what tells why it failed."""
        return self.path / "evidence"


class AttemptFolders:
    """The folders of all attempts.

    Args:
        folder: In which they stand, each by its attempt's id.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def of(self, attempt_id: str) -> AttemptFolder:
        """Return an attempt's folder."""
        return AttemptFolder(self._folder / attempt_id)

    async def remove(self, attempt_ids: Iterable[str]) -> None:
        """Remove all that was kept of attempts; what is not there is no matter.

        Raises:
            StoreError: Something of it cannot be removed.
        """
        await to_thread.run_sync(_remove, self._folder, list(attempt_ids))


def _remove(folder: Path, attempt_ids: Iterable[str]) -> None:
    for one in attempt_ids:
        path = folder / one
        if "/" in one or "~" not in one:  # nothing but an attempt's is ever removed
            raise StoreError(f"{shown(one)!r} is no attempt's folder")
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StoreError(
                f"what was kept in {path}: {error.strerror}",
                hint="See that it may be removed; that is tried again by itself.",
            ) from error
