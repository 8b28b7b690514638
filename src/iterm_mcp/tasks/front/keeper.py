"""Messages that this machine has taken: its engine works on them, whatever becomes of Redis."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import ItermMcpError, StoreError
from iterm_mcp.models.task_queries import EVERYTHING
from iterm_mcp.models.tasks import SETTLED
from iterm_mcp.tasks.codec import read_graph
from iterm_mcp.tasks.front.results import FrontResult, result_of

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from iterm_mcp.tasks.engine import TaskEngine
    from iterm_mcp.tasks.front.ledger import Entry, Ledger
    from iterm_mcp.tasks.front.options import FrontOptions

WAIT_SECONDS = 600.0
ASKED_SECONDS = 1.0
"""How often is looked whether somebody has answered what a task asks."""

_log = structlog.get_logger()


@dataclass(eq=False, slots=True)
class Kept:
    """A message that was taken.

    Attributes:
        graph_id: Of the engine's tasks for it; empty until they are submitted.
        result: What came of it; None until all tasks have settled.
        over: It was handed back, or is another machine's.
        lost: It is another machine's, which has not done it yet.
    """

    entry: Entry
    graph_id: str = ""
    result: FrontResult | None = None
    over: anyio.Event = field(default_factory=anyio.Event)
    lost: bool = False


class Keeper:
    """Hands messages to the engine and waits for what comes of them."""

    def __init__(
        self, options: FrontOptions, engine: TaskEngine, ledger: Ledger, group: TaskGroup
    ) -> None:
        self._options = options
        self._engine = engine
        self._ledger = ledger
        self._group = group
        self._kept: dict[str, Kept] = {}
        self._stepped = anyio.Event()

    @property
    def kept(self) -> list[Kept]:
        """What is not over yet."""
        return list(self._kept.values())

    @property
    def stepped(self) -> anyio.Event:
        """Set when the next message has settled."""
        return self._stepped

    def has(self, message: str) -> bool:
        """Tell whether a message is being worked on here, or waits to be handed back."""
        return message in self._kept

    async def restore(self) -> None:
        """Go on with what was taken before the last end.

        Raises:
            StoreError: What was taken cannot be read.
        """
        for entry in await to_thread.run_sync(self._ledger.entries):
            self._keep(entry)

    async def take(self, entry: Entry) -> Kept:
        """Work on a message; what is worked on already goes on.

        Raises:
            StoreError: It cannot be written down, and nothing was begun.
        """
        if entry.message not in self._kept:
            await to_thread.run_sync(self._ledger.write, entry)
        return self._keep(entry)

    async def finish(self, kept: Kept) -> None:
        """Forget a message that is over.

        Raises:
            StoreError: It cannot be forgotten now.
        """
        await to_thread.run_sync(self._ledger.remove, kept.entry.message)
        self._kept.pop(kept.entry.message, None)
        kept.over.set()

    async def drop(self, kept: Kept, why: str) -> None:
        """End work on a message that is no longer this machine's.

        Raises:
            StoreError: It cannot be ended now.
        """
        await self.cancel(kept, why)
        await self.finish(kept)

    async def cancel(self, kept: Kept, why: str) -> None:
        """End the tasks of a message; they settle as cancelled.

        Raises:
            StoreError: They cannot be ended now.
        """
        if not kept.graph_id or kept.result is not None:
            return
        try:
            await self._engine.cancel_graph(kept.graph_id, "the shared backlog", why)
        except StoreError:
            raise
        except ItermMcpError as error:  # all of it has settled, or was forgotten
            _log.info("front_not_cancelled", message=kept.entry.message, error=str(error))

    async def takes_work(self) -> bool:
        """Tell whether this machine is neither paused nor being drained."""
        if not self._options.at_once:
            return False
        try:
            if any(one.scope == EVERYTHING for one in await self._engine.pauses()):
                return False
            mine = self._options.machine
            return not any(
                one.draining and one.name == mine for one in await self._engine.machines()
            )
        except StoreError:
            return False

    def _keep(self, entry: Entry) -> Kept:
        if (found := self._kept.get(entry.message)) is not None:
            return found
        kept = self._kept[entry.message] = Kept(entry)
        self._group.start_soon(self._follow, kept)
        return kept

    async def _follow(self, kept: Kept) -> None:
        """Have the engine do it, and note what came of it."""
        while not kept.over.is_set():
            try:
                kept.result = await self._done(kept)
                break
            except StoreError as error:
                _log.warning("front_waits", message=kept.entry.message, error=str(error))
                await anyio.sleep(self._options.again_seconds)
            except (ItermMcpError, ValueError, TypeError, KeyError) as error:
                reason = f"{self._options.machine} cannot do what the message asks: {error}"
                kept.result = FrontResult(self._options.machine, kept.graph_id, reason=reason)
                break
        self._stepped.set()
        self._stepped = anyio.Event()

    async def _done(self, kept: Kept) -> FrontResult:
        entry, engine = kept.entry, self._engine
        if not kept.graph_id:
            graph = replace(read_graph(entry.graph), key=entry.key)
            kept.graph_id = (await engine.submit(graph, entry.submitter)).graph_id
        while True:
            known = (await engine.graph(kept.graph_id)).tasks
            tasks = await engine.wait(list(known.values()), WAIT_SECONDS)
            if all(one.state in SETTLED for one in tasks):
                # A task may have added others to its graph meanwhile.
                if (await engine.graph(kept.graph_id)).tasks == known:
                    return result_of(self._options.machine, kept.graph_id, tasks)
            else:
                await anyio.sleep(ASKED_SECONDS)
