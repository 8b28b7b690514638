"""Whatever waits to be written is committed together: it is the commit that waits for the disk.

Who comes first waits for its turn, and then commits for all who have come by then. Where one
raises, all is done once more, each behind a savepoint of its own: nothing of that one is written,
and all of the others.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
from anyio import lowlevel, to_thread
from sqlalchemy.exc import SQLAlchemyError

from iterm_mcp.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

T = TypeVar("T")

MOST_TOGETHER = 100
_SAVEPOINT = "one_of_many"


@dataclass(slots=True)
class _Request(Generic[T]):
    """What somebody has to write."""

    work: Callable[[Connection], T]
    exclusive: bool
    done: bool = False
    result: T | None = None
    error: BaseException | None = None

    def run(self, connection: Connection) -> None:
        """Do it alone."""
        self.result = self.work(connection)

    def run_apart(self, connection: Connection) -> None:
        """Do it so that nothing is left of it if it raises, and remember what it raised.

        Raises:
            StoreError: There is nothing left of the whole transaction.
        """
        connection.exec_driver_sql(f"SAVEPOINT {_SAVEPOINT}")
        try:
            self.run(connection)
        except BaseException as error:  # noqa: BLE001 - whoever asked is told
            try:
                connection.exec_driver_sql(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
            except SQLAlchemyError as lost:
                raise (error if isinstance(error, StoreError) else lost) from None
            self.error = error
        else:
            connection.exec_driver_sql(f"RELEASE SAVEPOINT {_SAVEPOINT}")


@dataclass(slots=True)
class _Batch:
    """What is committed together."""

    requests: list[_Request[Any]] = field(default_factory=list)
    over: anyio.Event = field(default_factory=anyio.Event)


class GroupCommit:
    """One for each database.

    Args:
        transact: Runs what it is given in a transaction, an exclusive one if it is told so.
    """

    def __init__(self, transact: Callable[[Callable[[Connection], None], bool], None]) -> None:
        self._transact = transact
        self._next = _Batch()
        self._turn = anyio.Lock()
        # asyncio's own cancellation, unlike anyio's, gives the turn away while the thread works.
        self._busy = threading.Lock()
        self._threads = anyio.CapacityLimiter(2)

    async def write(self, work: Callable[[Connection], T], *, exclusive: bool) -> T:
        """Run `work` in a thread, and return its result once it is committed.

        It may be run twice, if others' work raises; nothing of the first time is written then.

        No cancellation comes between: either it was not begun, or it is done.
        """
        await lowlevel.checkpoint_if_cancelled()
        request = _Request(work, exclusive)
        batch = self._next
        batch.requests.append(request)
        if len(batch.requests) >= MOST_TOGETHER:
            self._next = _Batch()
        with anyio.CancelScope(shield=True):  # the database's own time limits bound it
            if batch.requests[0] is not request:
                await batch.over.wait()
            if not request.done:  # it leads, or who led was cancelled by asyncio itself
                await self._lead(batch)
        if request.error is not None:
            raise request.error
        return request.result  # type: ignore[return-value]  # `work` returned it

    async def _lead(self, batch: _Batch) -> None:
        try:
            async with self._turn:
                if self._next is batch:
                    self._next = _Batch()
                await to_thread.run_sync(self._commit, batch.requests, limiter=self._threads)
        finally:
            batch.over.set()

    def _commit(self, requests: Sequence[_Request[Any]]) -> None:
        with self._busy:
            left = [one for one in requests if not one.done]
            if not left:
                return

            try:
                self._commit_all(left)
            except BaseException as error:  # noqa: BLE001 - whoever asked is told
                for one in left:
                    one.error = error
            for one in left:
                one.done = True

    def _commit_all(self, requests: Sequence[_Request[Any]]) -> None:
        exclusive = any(one.exclusive for one in requests)
        raised = False

        def together(connection: Connection) -> None:
            nonlocal raised
            try:
                for one in requests:
                    one.run(connection)
            except BaseException:
                raised = True
                raise

        def apart(connection: Connection) -> None:
            for one in requests:
                one.run_apart(connection)

        try:
            self._transact(together, exclusive)
        except BaseException:  # any of those that asked may have raised it
            if not raised or len(requests) == 1:
                raise
            self._transact(apart, exclusive)
