"""What hooks left in the spool, brought into the event store as it comes, and at the start."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError, ItermMcpError, StoreError
from iterm_mcp.services.approvals.hook_intake import HookSender, SilentHookObserver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.events import Event
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.approvals.hook_intake import HookObserver
    from iterm_mcp.services.events.hook_events import HookEvents
    from iterm_mcp.services.events.spool import Claimed, Spool, SpooledEvent

POLL_SECONDS = 0.2
"""How often the folder is looked into where nobody can call."""
CALLED_SECONDS = 0.002
"""How long it may take, from the call, until an event is there; each further look is later."""
CALLS = 1 << 16
AGAIN_SECONDS = 1.0
AGAIN_SECONDS_MOST = 30.0
FRESH_SECONDS = 10.0
"""What was left longer ago tells of turns that were, and nothing of how an agent is now."""
ASKING = "permissionrequest"
"""Agents that we have started ask this over HTTP, and wait there for the answer."""

log = structlog.get_logger()


class StateIntake(Protocol):
    """Learns from hooks how agents are."""

    async def take(self, kind: str, payload: Mapping[str, Json], sender: HookSender) -> object:
        """Record what a hook tells of a registered agent."""

    async def take_past(
        self, kind: str, payload: Mapping[str, Json], sender: HookSender, at: datetime
    ) -> None:
        """Record what one told then that is so whenever it is heard."""


class SpoolDrain:
    """Empties the spool.

    Args:
        states: Told of hooks, each before it is kept, but for those that came over HTTP and told
            it there.
        observer: Told ``kept`` of each, or ``torn`` of what was none.
    """

    def __init__(
        self,
        spool: Spool,
        events: HookEvents,
        clock: Clock,
        states: StateIntake | None = None,
        observer: HookObserver | None = None,
    ) -> None:
        self._spool = spool
        self._events = events
        self._clock = clock
        self._states = states
        self._observer = observer or SilentHookObserver()
        self.problem = ""
        self._told: set[str] = set()

    async def run(self, poll_seconds: float = POLL_SECONDS) -> None:
        """Empty it again and again, until cancelled. What cannot be kept now stays in it."""
        bell = await to_thread.run_sync(self._spool.hang_bell)
        try:
            await self._run(_Bell(bell), poll_seconds)
        finally:
            if bell is not None:
                os.close(bell)

    async def _run(self, bell: _Bell, poll_seconds: float) -> None:
        pause, look = AGAIN_SECONDS, poll_seconds
        while True:
            try:
                drained = await self.drain()
            except StoreError as error:
                if str(error) != self.problem:
                    log.error("spool_stuck", error=str(error), hint=error.hint)  # noqa: TRY400 - expected
                self.problem = str(error)
                await anyio.sleep(pause)
                pause = min(pause * 2, AGAIN_SECONDS_MOST)
                continue
            self.problem, pause = "", AGAIN_SECONDS
            if drained:
                look = poll_seconds
            elif await bell.rings_within(look):
                look = CALLED_SECONDS
            else:
                look = min(look * 2, poll_seconds)

    async def drain(self) -> int:
        """Keep what is there now, some at a time; return how many events that were.

        Raises:
            StoreError: Not all could be kept, or not now; the rest is still there.
        """
        claimed = await to_thread.run_sync(self._spool.claim, self._clock.now().timestamp())
        if not claimed:
            return 0
        events = [one for file in claimed for one in file.events]
        for one in events:
            await self._tell(one)
        refused = await self._keep(claimed)
        self._told.clear()
        for file in claimed:
            for one in file.events:
                self._observer.hook_taken(one.kind, "kept")
        await to_thread.run_sync(self._release, [*claimed, *refused])
        return len(claimed)

    async def _keep(self, claimed: list[Claimed]) -> list[Claimed]:
        """Keep what is in files; take out of them those that the store refuses for good."""
        try:
            await self._events.keep([event for file in claimed for event in self._read(file)])
        except InvalidRequestError:
            if len(claimed) > 1:
                found = [(one, [one]) for one in claimed]
                refused = [bad for one, alone in found for bad in await self._keep(alone)]
                claimed[:] = [one for one, alone in found if alone]
                return refused
            log.exception("spooled_event_refused", file=claimed[0].path.name)
            return [replace(claimed.pop(), torn=True)]
        return []

    def _read(self, file: Claimed) -> list[Event]:
        return [
            event
            for one in file.events
            for event in self._events.read(
                one.kind, one.payload, _sender(one), datetime.fromtimestamp(one.written_at, UTC),
                one.delivery,
            )
        ]  # fmt: skip

    def _release(self, claimed: Sequence[Claimed]) -> None:
        for one in claimed:
            self._spool.release(one)
            if one.torn:
                log.error("spooled_event_torn", file=one.path.name)
                self._observer.hook_taken("", "torn")

    async def _tell(self, one: SpooledEvent) -> None:
        old = self._clock.now().timestamp() - one.written_at > FRESH_SECONDS
        asks = one.agent and str(one.payload.get("hook_event_name")).lower() == ASKING
        if self._states is None or one.own or asks or one.delivery in self._told:
            return
        self._told.add(one.delivery)  # it comes again if it cannot be kept now
        try:
            if old:  # such as while no daemon ran
                at = datetime.fromtimestamp(one.written_at, UTC)
                await self._states.take_past(one.kind, one.payload, _sender(one), at)
            else:
                await self._states.take(one.kind, one.payload, _sender(one))
        except ItermMcpError as error:
            log.warning("spooled_state_lost", error=str(error))


class _Bell:
    """Whoever leaves an event calls by a pipe; where there is none, nobody does."""

    def __init__(self, pipe: int | None) -> None:
        self._pipe = pipe

    async def rings_within(self, seconds: float) -> bool:
        """Wait until somebody calls, or so long; tell which."""
        with anyio.move_on_after(seconds):
            if self._pipe is None:
                await anyio.sleep_forever()
            else:
                await anyio.wait_readable(self._pipe)
                os.read(self._pipe, CALLS)
                return True
        return False


def _sender(one: SpooledEvent) -> HookSender:
    return HookSender(one.agent, one.session, one.epoch)
