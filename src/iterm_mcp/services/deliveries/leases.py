"""One writer per session across all processes of a user.

`SessionWriters` orders the writers of this process. A lease keeps out another daemon, such as one
that was started while its predecessor still ends: a file is locked as long as the lease lasts, and
the system unlocks it when the process ends in whatever way.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from iterm_mcp.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.ids import SessionId

WAIT_SECONDS = 5.0
LOOK_SECONDS = 0.05
_EPOCH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to type into a session.

    Attributes:
        epoch: Counts the leases that the session ever had.
    """

    session_id: SessionId
    epoch: int


class Leases:
    """Gives leases.

    Args:
        folder: Where the locked files stand; it is made when the first is needed. None where
            there is no other process: then leases are only counted.
        wait_seconds: How long one waits for another process.
    """

    def __init__(self, folder: str | None, wait_seconds: float = WAIT_SECONDS) -> None:
        self._folder = None if folder is None else Path(folder)
        self._wait_seconds = wait_seconds
        self._counted = 0

    @asynccontextmanager
    async def hold(self, session_id: SessionId) -> AsyncIterator[Lease]:
        """Be the only process that types into a session, for the block.

        Within a process it is not reentrant, and not fair: hold the session's turn first.

        Raises:
            RefusedError: Another process holds it all the time (``session_leased``), or the
                folder cannot be used.
        """
        if self._folder is None:
            self._counted += 1
            yield Lease(session_id, self._counted)
            return
        path = self._folder / f"{hashlib.sha256(session_id.encode()).hexdigest()[:32]}.lease"
        file = -1
        try:
            with anyio.move_on_after(self._wait_seconds):
                while file < 0:
                    with anyio.CancelScope(shield=True):  # or a file would stay open, and locked
                        file = await anyio.to_thread.run_sync(_try_lock, path)
                    if file < 0:
                        await anyio.sleep(LOOK_SECONDS)  # the system tells nobody
            if file < 0:
                raise RefusedError(
                    f"another process types into session {session_id}",
                    hint="Another iterm-mcp daemon may still be ending; try again later.",
                    code="session_leased",
                )
            yield Lease(session_id, await anyio.to_thread.run_sync(_count, file))
        finally:
            if file >= 0:
                os.close(file)


def _try_lock(path: Path) -> int:
    """Return the locked file, or -1 when another has locked it.

    Raises:
        RefusedError: It cannot be opened.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RefusedError(
            f"the session cannot be leased: {path}: {error.strerror}",
            hint="See that the state folder exists and may be written to.",
            code="no_lease",
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return -1
    return file


def _count(file: int) -> int:
    """Count one more lease in its file; one that cannot be read begins anew."""
    text = os.pread(file, _EPOCH_BYTES, 0).strip()
    epoch = 1 + (int(text) if text.isdigit() else 0)
    os.pwrite(file, f"{epoch:<{_EPOCH_BYTES - 1}}\n".encode(), 0)
    return epoch
