"""Every call, written down in the background: the caller never waits for the disk."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.store.audit_file import AuditFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from iterm_mcp.clock import Clock

    Entry = tuple[Mapping[str, object], Mapping[str, object]]

MAX_WAITING = 10_000
"""Records that wait for a disk that takes none; what comes then is counted, not kept."""

RETRY_SECONDS = 1.0

GATHER_SECONDS = 0.02
"""What comes within it is written at once: a thread a call would cost more than the call's rest.
Only a daemon that is killed loses so much; one that ends writes all."""

log = structlog.get_logger()


class Sink(Protocol):
    """Where records go, all of them or none; see `iterm_mcp.store.audit_file`."""

    def append(self, entries: list[Entry]) -> None:
        """Append records; raise OSError when that is not possible."""


class AuditLog:
    """Takes records at once and hands them on in batches. Use `open_audit_log`.

    Attributes:
        problem: Why nothing can be written now; None when it can.
    """

    def __init__(self, sink: Sink, clock: Clock, retry_seconds: float = RETRY_SECONDS) -> None:
        self._sink = sink
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._waiting: list[Entry] = []
        self._missed = 0
        self._come = anyio.Event()
        self.problem: str | None = None

    def record(self, entry: Mapping[str, object], arguments: Mapping[str, object]) -> None:
        """Take a record; of the arguments only a digest will be kept."""
        if len(self._waiting) >= MAX_WAITING:
            self._missed += 1
            return
        at = self._clock.now().isoformat(timespec="milliseconds")
        self._waiting.append(({"at": at, **entry}, arguments))
        self._come.set()

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            await self._come.wait()
            await anyio.sleep(GATHER_SECONDS)
            self._come = anyio.Event()
            while True:
                if await self.flush():
                    break
                await anyio.sleep(self._retry_seconds)

    async def flush(self) -> bool:
        """Write what waits; False, with `problem` set, when that is not possible now."""
        with anyio.CancelScope(shield=True):  # one write to a file: what is begun is finished
            batch, self._waiting = self._waiting, []
            missed, self._missed = self._missed, 0
            if missed:
                at = self._clock.now().isoformat(timespec="milliseconds")
                batch.append(({"at": at, "missed": missed}, {}))
            try:
                if batch:
                    await to_thread.run_sync(self._sink.append, batch)
            except OSError as error:
                if missed:
                    batch.pop()
                self._waiting[:0] = batch
                self._missed += missed
                if self.problem is None:
                    log.exception("audit_not_written", waiting=len(batch))
                self.problem = str(error)
                return False
        if self.problem is not None:
            log.warning("audit_written_again", missed=missed)
            self.problem = None
        return True

    def lost(self) -> int:
        """Return how many records were taken and are not written."""
        return len(self._waiting) + self._missed


@asynccontextmanager
async def open_audit_log(path: str, key: str, clock: Clock) -> AsyncIterator[AuditLog]:
    """Write records to files for the length of the block; at its end all are written.

    Files that cannot be written to are the log's problem, and tried again; see `AuditLog`.
    """
    file = AuditFile(path, key)
    audit = AuditLog(file, clock)
    async with anyio.create_task_group() as group:
        group.start_soon(audit.run)
        try:
            yield audit
        finally:
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await audit.flush()
                if audit.lost():
                    log.error("audit_lost", records=audit.lost(), reason=audit.problem)
                with suppress(OSError):
                    await to_thread.run_sync(file.close)
