"""The shared backlog as this machine takes part in it.

Redis only carries: what was taken is written down here and done by this machine's own engine. With
Redis away the engine goes on, what is submitted is done here, and results wait to be handed over.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import NotFoundError, StoreError
from iterm_mcp.tasks.checking import check_graph
from iterm_mcp.tasks.codec import graph_json
from iterm_mcp.tasks.front.keeper import Keeper
from iterm_mcp.tasks.front.ledger import Entry, Ledger
from iterm_mcp.tasks.front.results import FrontResult, Standing, level_of, message_id
from iterm_mcp.tasks.front.shelf import Holding, Shelf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.task_graphs import GraphSpec
    from iterm_mcp.tasks.engine import TaskEngine
    from iterm_mcp.tasks.front.carrier import Carrier
    from iterm_mcp.tasks.front.keeper import Kept
    from iterm_mcp.tasks.front.options import FrontOptions

BEATS = 4
"""So often does a machine say that it lives before it would be thought gone."""

POLL_SECONDS = 0.5

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FrontStatistics:
    """How a machine's part stands.

    Attributes:
        taken: Messages that are worked on here, or wait to be handed back.
        settled: Those of them that wait to be handed back.
        problem: Why the server cannot be had; empty while it can.
    """

    connected: bool
    taken: int
    settled: int
    problem: str = ""


class RedisFront:
    """Made by `open_front`."""

    def __init__(self, options: FrontOptions, keeper: Keeper, streaq: Any) -> None:  # noqa: ANN401
        self._options = options
        self._keeper = keeper
        self._streaq = streaq
        self._carrier: Carrier | None = None
        self._shelf: Shelf | None = None
        self._since = 0.0
        self._carried: set[str] = set()
        self._problem = ""

    def statistics(self) -> FrontStatistics:
        """Return how it stands."""
        kept = self._keeper.kept
        settled = sum(one.result is not None for one in kept)
        return FrontStatistics(self._shelf is not None, len(kept), settled, self._problem)

    async def submit(self, graph: GraphSpec, submitter: str = "") -> str:
        """Have whichever machine has room do a graph; return the message's id.

        The same key again gives the same message. While Redis is away it is done here.

        Raises:
            InvalidRequestError: It cannot be done as it is asked for.
            StoreError: Redis went away meanwhile, and may have it or not.
        """
        check_graph(graph)
        message, value = message_id(graph.key), graph_json(graph)
        carrier, shelf = self._carrier, self._shelf
        if carrier is None or shelf is None:
            await self._keeper.take(Entry(message, 0, value, submitter))
            return message
        try:
            if self._keeper.has(message) or await shelf.result(message) is not None:
                return message
            await self._streaq.publish(carrier, message, value, submitter, level_of(graph))
        except self._streaq.FAILURES as error:
            raise self._away(error) from error
        return message

    async def result(self, message: str) -> FrontResult | None:
        """Return what came of a message; None while it is not over, or is not known.

        Raises:
            StoreError: Redis is away, and it is not this machine's.
        """
        own = self._own(message)
        if own is not None:
            return own.result
        try:
            return await self._at_hand().result(message)
        except self._streaq.FAILURES as error:
            raise self._away(error) from error

    async def look(self, message: str) -> Standing:
        """Return how a message stands.

        Raises:
            NotFoundError: There is none, or its result has been forgotten.
            StoreError: Redis is away, and it is not this machine's.
        """
        own = self._own(message)
        if own is not None:
            return Standing(self._options.machine, own.result)
        shelf = self._at_hand()
        try:
            if (result := await shelf.result(message)) is not None:
                return Standing(result.machine, result)
            if owner := await shelf.owner(message):
                return Standing(owner)
            if self._carrier is not None and await self._streaq.is_queued(self._carrier, message):
                return Standing()
            result = await shelf.result(message)  # it may have been handed over meanwhile
        except self._streaq.FAILURES as error:
            raise self._away(error) from error
        if result is None:
            raise NotFoundError(
                "graph", message, hint="The result of a shared one is kept for a week; ask by then."
            )
        return Standing(result.machine, result)

    async def wait(self, message: str, seconds: float) -> Standing:
        """Wait until a message is over, and return how it stands then, or when the time is over.

        Raises:
            NotFoundError: There is none.
            StoreError: Redis is away when the time is over.
        """
        ends_at = self._options.clock.monotonic() + seconds
        while True:
            left = ends_at - self._options.clock.monotonic()
            try:
                found = await self.look(message)
            except StoreError:  # it may be back in time
                if left <= 0:
                    raise
            else:
                if found.result is not None or left <= 0:
                    return found
            await anyio.sleep(min(POLL_SECONDS, max(left, 0)))

    async def cancel(self, message: str, who: str = "", reason: str = "") -> bool:
        """Have whichever machine has a message end it; tell whether it was not over.

        Raises:
            StoreError: Redis is away.
        """
        why = f"cancelled by {who or 'somebody'}{f': {reason}' if reason else ''}"
        try:
            return await self._at_hand().cancel(message, why)
        except self._streaq.FAILURES as error:
            raise self._away(error) from error

    async def machines(self) -> list[str]:
        """Return the machines that take part now.

        Raises:
            StoreError: Redis is away.
        """
        try:
            return await self._at_hand().alive()
        except self._streaq.FAILURES as error:
            raise self._away(error) from error

    async def run(self) -> None:
        """Take part for ever, each time anew when the connection was lost."""
        while True:
            try:
                await self._take_part()
            except* self._streaq.FAILURES as errors:
                self._problem = _first(errors)
                _log.warning("front_away", error=self._problem)
            finally:
                self._carrier = self._shelf = None
            await anyio.sleep(self._options.again_seconds)

    async def _take_part(self) -> None:
        carrier: Carrier = self._streaq.make_carrier(self._options, self._body)
        async with anyio.create_task_group() as group:
            await group.start(carrier.run_async)
            shelf = Shelf(self._options, carrier.redis)
            await shelf.beat()
            self._since = self._options.clock.monotonic()
            self._carrier, self._shelf, self._problem = carrier, shelf, ""
            _log.info("front_open", machine=self._options.machine)
            group.start_soon(self._beat, shelf)
            group.start_soon(self._hand, shelf)

    async def _body(self, message: str, graph: dict[str, Any], submitter: str) -> bool:
        """Do what a message asks; False puts it back.

        One that is carried here already is put back, too: streaQ ends each body by its message.
        """
        if message in self._carried:
            return False
        self._carried.add(message)
        try:
            return await self._carry(message, graph, submitter)
        finally:
            self._carried.discard(message)

    async def _carry(self, message: str, graph: dict[str, Any], submitter: str) -> bool:
        shelf, keeper = self._shelf, self._keeper
        if shelf is None or not (keeper.has(message) or await keeper.takes_work()):
            return False
        claim = await shelf.claim(message, takes_over=self._takes_over)
        if claim.holding is not Holding.MINE:
            return claim.holding is Holding.DONE
        if claim.cancel and not keeper.has(message):
            await shelf.hand(message, FrontResult("", "", reason=claim.cancel))
            return True
        try:
            kept = await keeper.take(Entry(message, claim.take, graph, submitter))
        except StoreError as error:
            _log.warning("front_not_taken", message=message, error=str(error))
            return False
        await kept.over.wait()
        return not kept.lost  # else it would be gone with the machine that has it now

    @property
    def _takes_over(self) -> bool:
        """Whether others have had the time to say that they live, since Redis is back."""
        return self._options.clock.monotonic() - self._since >= self._options.alive_seconds

    async def _beat(self, shelf: Shelf) -> None:
        """Say that this machine lives, and let go of what others have taken over."""
        while True:
            await shelf.beat()
            for kept in self._keeper.kept:
                claim = await shelf.claim(kept.entry.message, takes_over=self._takes_over)
                try:
                    await self._heed(kept, claim.holding, claim.cancel)
                except StoreError as error:
                    _log.warning("front_not_heeded", error=str(error))
            beat_seconds = self._options.alive_seconds / BEATS
            await anyio.sleep(min(beat_seconds, self._options.again_seconds))

    async def _heed(self, kept: Kept, holding: Holding, cancel: str) -> None:
        if holding is Holding.HELD:
            _log.warning("front_message_lost", message=kept.entry.message)
            kept.lost = True
            await self._keeper.drop(kept, "another machine has taken it over")
        elif holding is Holding.DONE:
            await self._keeper.drop(kept, "another machine has done it")
        elif cancel:
            await self._keeper.cancel(kept, cancel)

    async def _hand(self, shelf: Shelf) -> None:
        """Hand over what has settled."""
        while True:
            stepped = self._keeper.stepped
            for kept in self._keeper.kept:
                if kept.result is None:
                    continue
                await shelf.hand(kept.entry.message, kept.result)
                try:
                    await self._keeper.finish(kept)
                except StoreError as error:
                    _log.warning("front_not_finished", error=str(error))
            with anyio.move_on_after(self._options.again_seconds):
                await stepped.wait()

    def _own(self, message: str) -> Kept | None:
        return next((one for one in self._keeper.kept if one.entry.message == message), None)

    def _at_hand(self) -> Shelf:
        if self._shelf is None:
            raise self._away(None)
        return self._shelf

    def _away(self, error: BaseException | None) -> StoreError:
        said = str(error or self._problem or "not connected yet")
        return StoreError(
            f"the shared backlog in Redis cannot be had: {said}",
            hint="Try again; with the same key nothing is done twice.",
            code="front_unavailable",
        )


def load_carrier() -> Any:  # noqa: ANN401
    """Return the module over streaQ.

    Raises:
        StoreError: The extra is not installed.
    """
    try:
        return import_module("iterm_mcp.tasks.front.carrier")
    except ModuleNotFoundError as error:
        raise StoreError(
            f"a shared backlog in Redis needs an optional part of iterm-mcp ({error.name})",
            hint="pip install 'iterm-mcp[redis]', or unset ITERM_MCP_TASKS_FRONT.",
            code="extra_missing",
        ) from error


@asynccontextmanager
async def open_front(options: FrontOptions, engine: TaskEngine) -> AsyncIterator[RedisFront]:
    """Take part in a shared backlog for the block; Redis need not be there.

    Raises:
        StoreError: The extra is not installed, or what was taken before cannot be read.
    """
    streaq = await to_thread.run_sync(load_carrier)
    async with anyio.create_task_group() as group:
        keeper = Keeper(options, engine, Ledger(options.folder), group)
        await keeper.restore()
        front = RedisFront(options, keeper, streaq)
        group.start_soon(front.run)
        try:
            yield front
        finally:
            group.cancel_scope.cancel()


def _first(error: BaseException) -> str:
    """Return what the first of errors says."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseException", error.exceptions[0])
    return f"{type(error).__name__}: {error}"
