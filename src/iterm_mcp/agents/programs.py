"""Programs that are run for their answer, and end with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from anyio.abc import Process

CLOSE_SECONDS = 1.0


@asynccontextmanager
async def open_program(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    directory: str | None = None,
    stdin: int = subprocess.DEVNULL,
    stderr: int = subprocess.PIPE,
) -> AsyncIterator[Process]:
    """Run a program without a terminal for the length of the block.

    It has a POSIX session of its own; when the block ends, all that is left of its process group is
    killed, however the block ended.

    Raises:
        OSError: It, or its directory, is not there.
    """
    process = await anyio.open_process(
        arguments,
        stdin=stdin,
        stderr=stderr,
        cwd=directory,
        env=dict(environ),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            with suppress(ProcessLookupError, PermissionError):  # all of it has ended
                os.killpg(process.pid, signal.SIGKILL)
            with anyio.move_on_after(CLOSE_SECONDS):
                await process.aclose()
