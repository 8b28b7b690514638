"""What is written down of worktrees: a file for each, beside them, and a lock for each.

They stand on the disk, and not in the daemon's store, so that they can be listed and had back
without a daemon, and by two programs at once.
"""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from iterm_mcp.errors import ConflictError, StoreError
from iterm_mcp.models.worktrees import Joining, Worktree, WorktreeName, WorktreeState
from iterm_mcp.paths import make_private_folder
from iterm_mcp.processes import InstanceLock
from iterm_mcp.services.names import not_found

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOCK_SECONDS = 10.0
LOCK_PAUSE_SECONDS = 0.02
RECORDS = ".records"


@dataclass(frozen=True, slots=True)
class Records:
    """The records in one folder.

    Args:
        folder: In which the worktrees stand, too.
    """

    folder: str

    def place(self, name: str) -> str:
        """Return where a worktree stands."""
        return f"{self.folder}/{name}"

    async def all(self) -> tuple[Worktree, ...]:
        """Return every worktree that is written down, removed ones too, by name.

        Raises:
            StoreError: A record cannot be read.
        """
        return await to_thread.run_sync(self._all)

    def _all(self) -> tuple[Worktree, ...]:
        found = sorted(Path(self.folder, RECORDS).glob("*.json"))
        return tuple(one for path in found if (one := self._read(path.stem)))

    async def get(self, name: str) -> Worktree:
        """Return one.

        Raises:
            NotFoundError: There is none of this name.
        """
        found = await to_thread.run_sync(self._read, name) if "/" not in name else None
        if found is None:
            raise not_found("worktree", name, [one.name for one in await self.all()])
        return found

    async def find(self, name: str) -> Worktree | None:
        """Return one, if there is one."""
        return await to_thread.run_sync(self._read, name)

    def _read(self, name: str) -> Worktree | None:
        path = Path(self.folder, RECORDS, f"{name}.json")
        try:
            value: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return Worktree(
                **{
                    **value,
                    "name": WorktreeName(value["name"]),
                    "state": WorktreeState(value["state"]),
                    "created_at": datetime.fromisoformat(value["created_at"]),
                    "conflicts": tuple(value["conflicts"]),
                    "joining": Joining(value["joining"]) if value["joining"] else None,
                }
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StoreError(
                f"{path} cannot be read: {error}", hint="Mend or remove that file."
            ) from error

    async def put(self, worktree: Worktree) -> Worktree:
        """Write one down; whole, or as it was before.

        Raises:
            StoreError: The disk refused.
        """
        await to_thread.run_sync(self._write, worktree)
        return worktree

    def _write(self, worktree: Worktree) -> None:
        value = {**asdict(worktree), "created_at": worktree.created_at.isoformat()}
        path = Path(self.folder, RECORDS, f"{worktree.name}.json")
        beside = path.with_suffix(".new")
        try:
            make_private_folder(self.folder)
            make_private_folder(str(path.parent))
            with beside.open("w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(json.dumps(value, indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be written: {error.strerror}", hint="Make room on the disk."
            ) from error

    async def forget(self, name: str) -> None:
        """Write nothing down of one any more."""
        path = Path(self.folder, RECORDS, f"{name}.json")
        await to_thread.run_sync(lambda: path.unlink(missing_ok=True))

    @asynccontextmanager
    async def held(self, name: str) -> AsyncIterator[None]:
        """Let nobody else change a worktree for the length of the block.

        Raises:
            ConflictError: Somebody else is at it, and was for 10 s.
        """
        await to_thread.run_sync(make_private_folder, self.folder)
        await to_thread.run_sync(make_private_folder, f"{self.folder}/{RECORDS}")
        lock = InstanceLock(f"{self.folder}/{RECORDS}/{name}.lock")
        with anyio.move_on_after(LOCK_SECONDS):
            while not lock.try_acquire():  # noqa: ASYNC110 - another process has it
                await anyio.sleep(LOCK_PAUSE_SECONDS)
        if lock.descriptor < 0:
            raise ConflictError(
                f"another process is at work on the worktree {name!r}",
                hint="Wait until it is done.",
            )
        try:
            yield
        finally:
            lock.release()
