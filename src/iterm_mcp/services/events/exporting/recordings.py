"""The host's recordings, as its command line hands them out.

Cutting a recording replays it, which takes a processor for a while: a process of its own does it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Protocol

import anyio
from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

HOST = (sys.executable, "-m", "iterm_mcp", "host", "recordings")
SECONDS = 120.0
_NAME_LENGTH = len("20260101-120000-000")
_asking = anyio.CapacityLimiter(1)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a session showed, from when to when; aware, UTC."""

    name: str
    session: str
    began_at: datetime
    written_at: datetime


class Recordings(Protocol):
    """Where recordings are had from."""

    async def list(self) -> Sequence[Recorded]:
        """Return all recordings, the oldest first.

        Raises:
            InvalidRequestError: They cannot be read.
        """

    async def cut(self, name: str, begin: float, end: float) -> IO[bytes]:
        """Return a part of a recording, in seconds from its beginning, as asciicast v3.

        Raises:
            InvalidRequestError: It cannot be read.
        """


class HostRecordings:
    """Asks the host's command line."""

    def __init__(self, command: Sequence[str] = HOST) -> None:
        self._command = command

    async def list(self) -> Sequence[Recorded]:
        """Return all recordings, the oldest first; raises as `Recordings.list`."""
        file = await self._run("list", "--json")
        rows = await to_thread.run_sync(json.load, file)
        file.close()
        return [
            Recorded(
                one["name"], one["session"], _began(one["name"]),
                datetime.fromisoformat(one["written_at"]),
            )
            for one in rows
        ]  # fmt: skip

    async def cut(self, name: str, begin: float, end: float) -> IO[bytes]:
        """Return a part of a recording; raises as `Recordings.cut`."""
        return await self._run(
            "export", name, "--from", f"{max(begin, 0):.3f}", "--to", f"{max(end, 0):.3f}"
        )

    async def _run(self, *arguments: str) -> IO[bytes]:
        """Return what it writes, in a file without a name that is gone once it is closed."""
        file: IO[bytes] = await to_thread.run_sync(TemporaryFile)
        try:
            async with _asking:
                with anyio.fail_after(SECONDS):
                    done = await anyio.run_process(
                        (*self._command, *arguments), stdout=file, check=False
                    )
        except (TimeoutError, OSError) as error:
            file.close()
            raise _unreadable(type(error).__name__) from None
        if done.returncode:
            file.close()
            raise _unreadable(done.stderr.decode(errors="replace").strip()[-300:])
        file.seek(0)
        return file


def _began(name: str) -> datetime:
    stamp = name[:_NAME_LENGTH]
    whole = datetime.strptime(stamp[:-4], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    return whole.replace(microsecond=int(stamp[-3:]) * 1000)


def _unreadable(reason: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"the recordings cannot be read: {reason}",
        hint="`iterm-mcp host recordings list` shows what there is.",
        code="no_recording",
    )
