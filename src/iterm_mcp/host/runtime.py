"""The host from its lock to its last shell."""

from __future__ import annotations

import asyncio
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
from iterm_mcp.host.closers import Closers
from iterm_mcp.host.ending_signals import ending_signals, let_signals_through
from iterm_mcp.host.figures import Figures
from iterm_mcp.host.front import Front
from iterm_mcp.host.notifier import Notifier
from iterm_mcp.host.recording.recordings import Recordings, tidy
from iterm_mcp.host.server import ApiServer
from iterm_mcp.host.settings import Settings
from iterm_mcp.host.starter import Starter
from iterm_mcp.host.startup import check_start
from iterm_mcp.host.transactions import Transactions
from iterm_mcp.host.upgrade.upgrader import Upgrader
from iterm_mcp.host.world import World
from iterm_mcp.paths import make_private_folder
from iterm_mcp.processes import InstanceLock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.host.recording.retention import Limits
    from iterm_mcp.host.upgrade.inheritance import Inheritance
    from iterm_mcp.paths import Paths

log = structlog.get_logger()

CLOSE_SECONDS = 5.0

_LONGEST_SOCKET_PATH = 103 if sys.platform == "darwin" else 107


def prepare(paths: Paths, inheritance: Inheritance | None = None) -> InstanceLock:
    """Make the folders and take the host's lock, unless this process has it already.

    Raises:
        AlreadyRunningError: Another host has it.
        OSError: A folder or file cannot be used, or the socket's path is too long.
    """
    if inheritance is not None:
        return InstanceLock.inherited(paths.host_lock, inheritance.lock)
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


async def run(
    paths: Paths, limits: Limits, lock: InstanceLock, inheritance: Inheritance | None = None
) -> None:
    """Serve until SIGTERM, SIGINT or a hang-up, then end every shell in order.

    Args:
        lock: Held by the caller, from `prepare`.
        inheritance: What this process was as an earlier host, which it goes on with.

    Raises:
        SelfCheckError: The emulator cannot be used; nobody has been let in.
    """
    with anyio.open_signal_receiver(*ending_signals()) as signals:
        let_signals_through()  # before there is a thread: programs inherit what its own blocks
        await check_start(paths)
        # A session that ends while nobody reads its terminal must not be able to stop the host.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        cookie = await to_thread.run_sync(load_cookie, paths.host_cookie)
        await to_thread.run_sync(tidy, paths.recordings, limits, SystemClock())
        notifier = Notifier()
        async with anyio.create_task_group() as closers:
            recordings = Recordings(paths.recordings, limits, SystemClock())
            closers.start_soon(recordings.run)
            starter = Starter(os.environ, cookie, paths.suite)
            quietly = Closers(closers)
            world = World(notifier, quietly, starter, recordings)
            notifier.world = world
            if inheritance is not None:
                inheritance.read_into(world)
            settings = Settings(paths, world, notifier.profile_changed)
            await settings.show_theme()
            server = ApiServer(world, settings, notifier, Transactions(world), cookie)
            front = Front(
                server, paths.host_socket, None if inheritance is None else inheritance.listening
            )
            server.upgrader = Upgrader(world, front, closers, quietly, lock.descriptor, inheritance)
            if inheritance is not None:
                inheritance.go_on(world)
                log.info("host_upgraded", before=inheritance.version, problem=inheritance.problem)
            try:
                async with _open(front), _linked(paths), _watching(notifier):
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


@asynccontextmanager
async def _watching(notifier: Notifier) -> AsyncIterator[None]:
    """Look at what clients watch, and at the loop itself, for the length of the block."""
    lag = Figures.of(asyncio.get_running_loop()).lag
    async with anyio.create_task_group() as group:
        group.start_soon(notifier.watch)
        try:
            with lag.watching():
                yield
        finally:
            group.cancel_scope.cancel()


@asynccontextmanager
async def _open(front: Front) -> AsyncIterator[None]:
    """Let clients in for the length of the block."""
    await front.open()
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await front.close()


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
