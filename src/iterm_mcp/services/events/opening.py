"""Everything about events, opened once."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.event_queries import IntakeStats
from iterm_mcp.services.events.conversations import newest_word, starts_of
from iterm_mcp.services.events.handoffs import Handoffs
from iterm_mcp.services.events.intake import EventIntake
from iterm_mcp.services.events.looking import Looker
from iterm_mcp.services.events.observing import IntakeObservers
from iterm_mcp.services.events.prices import PriceSource, read_own_file
from iterm_mcp.services.events.recorder import Recorder
from iterm_mcp.services.events.shell_changes import ShellChanges
from iterm_mcp.store.events import EventStore, open_event_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.events.intake import IntakeObserver, Registered
    from iterm_mcp.services.events.spool import Spool
    from iterm_mcp.store.events import EventSettings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Events:
    """What happened.

    Attributes:
        store: Asked for what happened.
        intake: The way into it.
        recorder: The way into it for what we do ourselves: nobody waits.
        observers: Who is told of what was taken in; more may be added.
        changes: Follows what shell commands change.
        problems: What cannot be used, for people to mend.
    """

    store: EventStore
    intake: EventIntake
    prices: PriceSource
    recorder: Recorder
    handoffs: Handoffs
    observers: IntakeObservers
    changes: ShellChanges
    problems: tuple[str, ...] = ()

    def intake_stats(self, spool: Spool) -> IntakeStats:
        """Tell how what leads into the store is, without looking at the disk."""
        files, size = spool.seen
        return IntakeStats(
            own_waiting=self.recorder.waiting,
            own_dropped=self.recorder.dropped,
            looks_skipped=self.changes.skipped,
            spool_files=files,
            spool_bytes=size,
            spool_torn=spool.put_aside,
        )


@asynccontextmanager
async def open_events(
    folder: str,
    prices_file: str,
    clock: Clock,
    agents: Registered,
    observer: IntakeObserver | None = None,
    settings: EventSettings | None = None,
) -> AsyncIterator[Events]:
    """Open the events in a folder for the block; at its end all that was taken is written.

    Args:
        prices_file: The user's own prices. Where they mean nothing the listed ones count, and it
            is told in `Events.problems`: no event waits for a typing error.

    Raises:
        ConflictError: Another process has them open.
        StoreError: The folder cannot be used.
    """
    problems: tuple[str, ...] = ()
    try:
        prices = PriceSource(await read_own_file(prices_file))
    except InvalidRequestError as error:
        log.error("prices_unusable", error=str(error), hint=error.hint)  # noqa: TRY400 - expected
        prices, problems = PriceSource(), (str(error),)
    async with open_event_store(folder, clock, settings) as store:
        observers = IntakeObservers() if observer is None else IntakeObservers(observer)
        intake = EventIntake(store, prices, agents, observers)
        recorder = Recorder(intake, clock)
        handoffs = Handoffs(recorder, clock)
        observers.add(handoffs)

        async def begun_in(conversation: str) -> str:
            return newest_word(await starts_of(store, conversation), "directory")

        changes = ShellChanges(recorder, clock, Looker(), begun_in)
        observers.add(changes)
        async with recorder.running(), changes.running():
            yield Events(store, intake, prices, recorder, handoffs, observers, changes, problems)
