"""Following the one file that an agent's process writes, which has to be looked for first.

Some agents make it only with their first turn, and change to another one when their person does.
So it is looked for again and again: soon while there is none, then rarely.
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import psutil

from iterm_mcp.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from iterm_mcp.agents.files import Following

SEARCH_SECONDS = 0.5
SEARCH_SECONDS_MOST = 5.0
AGAIN_SECONDS = 15.0
"""How often it is looked whether the process has changed to another file."""


@asynccontextmanager
async def following(
    pid: int,
    find: Callable[[Path | None], Path | None],
    follow: Callable[[Path, float | None], Following],
) -> AsyncIterator[None]:
    """Find a file and follow it for the length of the block, and the next one when it changes.

    Args:
        pid: The process that writes it.
        find: Run in a thread, with the file that is followed. An `OSError` counts as none found.
        follow: Begins to follow it, on the event loop; it is also told when the process was
            started, as `started_at` has it.
    """
    async with anyio.create_task_group() as group:
        group.start_soon(_search, pid, find, follow)
        try:
            yield
        finally:
            group.cancel_scope.cancel()


async def _search(
    pid: int,
    find: Callable[[Path | None], Path | None],
    follow: Callable[[Path, float | None], Following],
) -> None:
    path: Path | None = None
    followed: Following | None = None
    pause = SEARCH_SECONDS
    try:
        while True:
            found, began = await anyio.to_thread.run_sync(_found, pid, find, path)
            if found is not None and found != path:
                if followed is not None:
                    followed.close()
                path, followed = found, follow(found, began)
            pause = min(pause * 1.5, SEARCH_SECONDS_MOST)
            await anyio.sleep(pause if path is None else AGAIN_SECONDS)
    finally:
        if followed is not None:
            followed.close()


def _found(
    pid: int, find: Callable[[Path | None], Path | None], path: Path | None
) -> tuple[Path | None, float | None]:
    """Look for the file; return it, and of another one than before when its process began."""
    try:
        found = find(path)
    except OSError:
        return None, None
    return found, started_at(pid) if found != path else None


def open_files(pid: int) -> tuple[str, ...]:
    """Return the regular files that a process has open; none when that may not be known."""
    try:
        return tuple(one.path for one in psutil.Process(pid).open_files())
    except (psutil.Error, OSError):
        return ()


def arguments_of(pid: int) -> tuple[str, ...]:
    """Return what a process was started with; nothing when that may not be known."""
    try:
        return tuple(psutil.Process(pid).cmdline())
    except (psutil.Error, OSError):
        return ()


def started_at(pid: int) -> float | None:
    """Return when a process was started, in seconds since 1970; None when there is none.

    On Linux it is right to 10 ms or so: psutil counts from a boot time in whole seconds.
    """
    try:
        stamp = float(psutil.Process(pid).create_time())
    except (psutil.Error, OSError):
        return None
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return stamp
    booted = SystemClock().now().timestamp() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return stamp - psutil.boot_time() + booted
