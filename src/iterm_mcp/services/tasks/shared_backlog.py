"""Graphs that whichever machine has room does, over a backlog that machines share in Redis.

A machine's own tasks are its own; what is shared is another thing, with ids of its own: one machine
does it as a whole, and what comes of it can be asked from any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import InvalidRequestError, RefusedError, StoreError, shown
from iterm_mcp.tasks.front.results import PREFIX, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.models.callers import Caller
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.tasks.service import TaskService
    from iterm_mcp.tasks.front.redis_front import RedisFront

MOST_WAITED_FOR = 100


@dataclass(frozen=True, slots=True)
class SharedGraph:
    """A graph that was put into the shared backlog, and how it stands."""

    shared_id: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class SharedStatus:
    """How this machine's part in the shared backlog stands.

    Attributes:
        connected: Redis can be had.
        machines: That take part now, by name; none are known while Redis is away.
        taken: Graphs that are worked on here, or whose results wait to be handed over.
        settled: Those of them whose results wait.
        problem: Why Redis cannot be had; empty while it can.
    """

    connected: bool
    machines: tuple[str, ...]
    taken: int
    settled: int
    problem: str = ""


def is_shared(one: str) -> bool:
    """Tell a shared graph's id from those of this machine's own tasks and graphs."""
    return one.startswith(PREFIX)


class SharedBacklog:
    """What can be asked of it.

    Args:
        tasks: Reads documents.
        front: This machine's part in it; None where it has none.
    """

    def __init__(self, tasks: TaskService, front: RedisFront | None) -> None:
        self._tasks = tasks
        self._front = front

    async def submit(
        self,
        caller: Caller,
        document: str,
        variables: Mapping[str, Json] | None = None,
        key: str = "",
    ) -> SharedGraph:
        """Have whichever machine has room do a graph; the same key again gives the same one.

        While Redis is away it is done here. Its directories must be there under the same paths
        wherever it may be done.

        Raises:
            InvalidRequestError: It cannot be done as it is asked for.
            RefusedError: This machine takes part in no shared backlog.
            StoreError: Redis went away meanwhile, and may have it or not.
        """
        front = self._there()
        message = await front.submit(await self._tasks.read(document, variables, key), caller.name)
        try:
            return await self.show(message)
        except StoreError:  # it was put there all the same
            return SharedGraph(message, Standing())

    async def show(self, shared_id: str) -> SharedGraph:
        """Return how a graph stands, and what came of it.

        Raises:
            NotFoundError: There is none, or its result has been forgotten.
            StoreError: Redis is away, and it is not this machine's.
        """
        return SharedGraph(shared_id, await self._there().look(_checked(shared_id)))

    async def wait(self, ids: Sequence[str], seconds: float) -> tuple[SharedGraph, ...]:
        """Wait until all are over, and return them as they stand then, or when the time is over.

        Raises:
            InvalidRequestError: Too many are named.
            NotFoundError: One is not there.
            StoreError: Redis is away when the time is over.
        """
        if len(ids) > MOST_WAITED_FOR:
            raise InvalidRequestError(
                f"{len(ids)} shared graphs are too many to wait for at once",
                hint=f"Wait for {MOST_WAITED_FOR} at most.",
            )
        front = self._there()
        ends_at = anyio.current_time() + seconds
        return tuple(
            [
                SharedGraph(
                    one, await front.wait(_checked(one), max(0.0, ends_at - anyio.current_time()))
                )
                for one in dict.fromkeys(ids)
            ]
        )

    async def cancel(self, caller: Caller, shared_id: str, reason: str = "") -> SharedGraph:
        """Have whichever machine has it end it; what is over already stays as it is.

        Raises:
            NotFoundError: There is none.
            StoreError: Redis is away.
        """
        found = await self.show(shared_id)
        if found.standing.result is None:
            await self._there().cancel(shared_id, caller.name, reason)
        return found

    async def status(self) -> SharedStatus | None:
        """Return how this machine's part stands; None where it has none."""
        if self._front is None:
            return None
        now = self._front.statistics()
        try:
            machines = tuple(await self._front.machines())
        except StoreError:
            machines = ()
        return SharedStatus(now.connected, machines, now.taken, now.settled, now.problem)

    def _there(self) -> RedisFront:
        if self._front is None:
            raise RefusedError(
                "this machine takes part in no shared backlog",
                hint="Set ITERM_MCP_TASKS_FRONT=redis://HOST:6379 for the daemon and start it "
                "again (docs/scale.md); or submit it to this machine alone.",
                code="no_shared_backlog",
            )
        return self._front


def _checked(shared_id: str) -> str:
    if not is_shared(shared_id):
        raise InvalidRequestError(
            f"{shown(shared_id)!r} is no id of a shared graph", hint=f"It begins with {PREFIX}."
        )
    return shared_id
