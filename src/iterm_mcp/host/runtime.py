"""The host from its lock to its last shell."""

from __future__ import annotations

import errno
import os
import secrets
import signal
import sys
import threading
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import to_thread

from iterm_mcp import __version__
from iterm_mcp.clock import SystemClock
from iterm_mcp.host.limits import raise_file_limit
from iterm_mcp.host.notifier import Notifier
from iterm_mcp.host.recording.recordings import Recordings, tidy
from iterm_mcp.host.server import ApiServer
from iterm_mcp.host.settings import Settings
from iterm_mcp.host.starter import Starter
from iterm_mcp.host.transactions import Transactions
from iterm_mcp.host.world import World
from iterm_mcp.paths import make_private_folder
from iterm_mcp.processes import InstanceLock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import FrameType

    from iterm_mcp.host.recording.retention import Limits
    from iterm_mcp.paths import Paths

log = structlog.get_logger()

CLOSE_SECONDS = 5.0

_LONGEST_SOCKET_PATH = 103 if sys.platform == "darwin" else 107


def prepare(paths: Paths) -> InstanceLock:
    """Make the folders and take the host's lock.

    Raises:
        AlreadyRunningError: Another host has it.
        OSError: A folder or file cannot be used, or the socket's path is too long.
    """
    if len(os.fsencode(paths.host_socket)) > _LONGEST_SOCKET_PATH:
        number = errno.ENAMETOOLONG
        raise OSError(number, os.strerror(number), paths.host_socket)
    make_private_folder(paths.state)
    lock = InstanceLock(paths.host_lock).acquire()
    make_private_folder(os.path.dirname(paths.host_socket))  # noqa: PTH120 - paths are strings
    return lock


def load_cookie(path: str) -> str:
    """Return the cookie that scripts must show; make one, mode 0600, when there is none."""
    file = Path(path)
    with suppress(FileNotFoundError):
        cookie = file.read_text().strip()
        if cookie:
            file.chmod(0o600)
            return cookie
    cookie = secrets.token_hex(16)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as out:
        out.write(cookie + "\n")
    return cookie


async def run(paths: Paths, limits: Limits) -> None:
    """Serve until SIGTERM, SIGINT or a hang-up, then end every shell in order.

    The caller holds the lock of `prepare`.
    """
    raise_file_limit()
    # A session that ends while nobody reads its terminal must not be able to stop the host.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    cookie = await to_thread.run_sync(load_cookie, paths.host_cookie)
    await to_thread.run_sync(tidy, paths.recordings, limits, SystemClock())
    notifier = Notifier()
    with anyio.open_signal_receiver(*_ending_signals()) as signals:
        async with anyio.create_task_group() as closers:
            recordings = Recordings(paths.recordings, limits, SystemClock())
            closers.start_soon(recordings.run)
            starter = Starter(os.environ, cookie, paths.suite)
            world = World(notifier, closers, starter, recordings)
            notifier.world = world
            settings = Settings(paths, world, notifier.profile_changed)
            server = ApiServer(world, settings, notifier, Transactions(world), cookie)
            try:
                async with _listening(server, paths), _linked(paths):
                    log.info("host_up", version=__version__, socket=paths.host_socket)
                    async for number in signals:
                        log.info("host_stopping", signal=signal.Signals(number).name)
                        break
                    await server.stop()
            finally:
                with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_SECONDS):
                    await world.close_all()
                await recordings.aclose()
                log.info("host_down", threads=threading.active_count())


def _ending_signals() -> list[signal.Signals]:
    """Return the signals that end the host.

    What its starter had it ignore (nohup, a job in the background) is handled by doing nothing:
    sessions' programs would inherit that a signal is ignored, but not that it is handled.
    """
    ending = [signal.SIGTERM, signal.SIGINT]
    for number in (signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _do_nothing)
        elif number == signal.SIGHUP:
            ending.append(number)
    return ending


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal that is not to end the host."""


@asynccontextmanager
async def _listening(server: ApiServer, paths: Paths) -> AsyncIterator[None]:
    """Listen for the length of the block; a stale socket file is replaced."""
    path = anyio.Path(paths.host_socket)
    await path.unlink(missing_ok=True)
    listener = await server.listen(paths.host_socket)
    try:
        yield
    finally:
        listener.close(close_connections=True)
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(2):
                await listener.wait_closed()
            await path.unlink(missing_ok=True)


@asynccontextmanager
async def _linked(paths: Paths) -> AsyncIterator[None]:
    """Keep a link where the unmodified library looks, when our folder stands elsewhere."""
    link = anyio.Path(paths.library_folder)
    made = False
    if paths.private:
        try:
            await link.parent.mkdir(parents=True, exist_ok=True)
            if await link.is_symlink():
                await link.unlink()  # of an earlier host of this same state folder
            await link.symlink_to(paths.host_suite_folder)
            made = True
        except OSError as error:
            log.warning("library_link_missing", reason=str(error), link=str(link))
    try:
        yield
    finally:
        if made:
            with anyio.CancelScope(shield=True), suppress(OSError):
                await link.unlink()
