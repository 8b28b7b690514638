"""This machine's right to work on tasks: one engine for each folder, one life at a time."""

from __future__ import annotations

import secrets
import socket
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import StoreError
from iterm_mcp.processes import InstanceLock, lock_holder
from iterm_mcp.tasks import machines
from iterm_mcp.tasks.settling import Holder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.tasks.database import TaskDatabase
    from iterm_mcp.tasks.desk import Desk
    from iterm_mcp.tasks.engine import EngineOptions
    from iterm_mcp.tasks.writing import Writer

PAUSE_SECONDS = 0.1
LOCK_TRIES = 300
"""So long may the engine before this one take to end."""

CLOSE_SECONDS = 5.0

_log = structlog.get_logger()


class Lease:
    """Renewed all the time. While it cannot be, it holds for as long as it was given."""

    def __init__(
        self, options: EngineOptions, database: TaskDatabase, desk: Desk, machine: str
    ) -> None:
        self._options = options
        self._database = database
        self._desk = desk
        self._machine = machine
        self._epoch = 0
        self._trusted_until = 0.0

    @property
    def holder(self) -> Holder:
        """Return in whose name attempts are written."""
        return Holder(self._machine, self._epoch)

    @property
    def trusted(self) -> bool:
        """Tell whether nobody else can have taken this machine's work.

        A file cannot be taken by another machine: its lock is this process's own.
        """
        shared = self._database.is_shared
        return not shared or self._options.clock.monotonic() < self._trusted_until

    async def enrol(self) -> None:
        """Begin a new life.

        Raises:
            StoreError: The database cannot be used.
        """
        asked = self._options.clock.monotonic()
        options = self._options

        def work(writer: Writer) -> int:
            lease = self._lease(writer)
            return machines.enrol(writer, self._machine, options.capacity, options.labels, lease)

        self._epoch = await self._desk.write(work)
        self._trusted_until = asked + options.lease_seconds

    async def keep(self) -> None:
        """Renew the lease, and take over the work of machines that are gone, for ever."""
        while True:
            await anyio.sleep(self._options.lease_seconds / 4)
            try:
                await self.beat()
            except StoreError as error:
                _log.warning("lease_not_renewed", error=str(error))

    async def beat(self) -> list[str]:
        """Renew the lease, and take over the work of machines that are gone; return their names.

        Raises:
            StoreError: The database cannot be used.
        """
        await self._renew()
        taken = await self._desk.write(
            lambda at: machines.reap(at, self._machine, self._lease(at)[0])
        )
        for name in taken:
            _log.warning("machine_lost", machine=name)
        return taken

    async def leave(self) -> None:
        """End this life in good order, if the database can be told."""
        with anyio.move_on_after(CLOSE_SECONDS):
            try:
                await self._desk.write(
                    lambda at: machines.leave(at, self.holder, self._lease(at)[0])
                )
            except StoreError as error:
                _log.warning("machine_not_left", error=str(error))

    async def _renew(self) -> None:
        asked = self._options.clock.monotonic()
        if await self._desk.write(lambda at: machines.renew(at, self.holder, *self._lease(at))):
            self._trusted_until = asked + self._options.lease_seconds
            return
        _log.warning("lease_lost", machine=self._machine)
        await self.enrol()

    def _lease(self, writer: Writer) -> tuple[float, float]:
        now = self._database.now(writer.connection, writer.now)
        return now, now + self._options.lease_seconds


def machine_name(options: EngineOptions) -> str:
    """Return the name that the folder keeps; it is made once. Reads and writes the disk.

    Raises:
        StoreError: The folder cannot be written to.
    """
    if options.machine:
        return options.machine
    file = Path(options.folder) / "machine"
    try:
        if file.exists():
            return file.read_text("utf-8").strip()
        host = "".join(one for one in socket.gethostname() if one.isalnum() or one in "-_.")
        name = f"{host[:60] or 'machine'}-{secrets.token_hex(2)}"
        file.write_text(f"{name}\n", "utf-8")
    except (OSError, ValueError) as error:
        raise StoreError(
            f"the machine's name in {file}: {error}",
            hint="See that the folder may be written to.",
        ) from error
    return name


@asynccontextmanager
async def open_lock(folder: str) -> AsyncIterator[None]:
    """Be the only engine on a folder for the block.

    Raises:
        StoreError: Another one is, and does not end.
    """
    path = f"{folder}/tasks.lock"
    lock = InstanceLock(path)
    for _ in range(LOCK_TRIES):
        if await to_thread.run_sync(lock.try_acquire):
            break
        await anyio.sleep(PAUSE_SECONDS)
    else:
        raise StoreError(
            f"process {lock_holder(path)} works on the tasks of {folder}",
            hint="End it, or use another folder.",
            code="tasks_locked",
        )
    try:
        yield
    finally:
        lock.release()
