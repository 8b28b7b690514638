"""Has queued tasks start as soon as they may, and what stands half-way go on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import sqlalchemy as sa
import structlog

from iterm_mcp.errors import ItermMcpError, StoreError
from iterm_mcp.models.tasks import Outcome
from iterm_mcp.tasks import asking, scheduling
from iterm_mcp.tasks.attempt_rows import course_of, parts_of
from iterm_mcp.tasks.claiming import Demands, claim
from iterm_mcp.tasks.course import ABANDONED
from iterm_mcp.tasks.desk import Waits
from iterm_mcp.tasks.settling import End, settle
from iterm_mcp.tasks.tables import ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from iterm_mcp.models.task_queries import Schedule
    from iterm_mcp.tasks.attempt_rows import AttemptRows
    from iterm_mcp.tasks.desk import Desk
    from iterm_mcp.tasks.durable import Durable
    from iterm_mcp.tasks.engine import EngineOptions
    from iterm_mcp.tasks.lease import Lease
    from iterm_mcp.tasks.settling import Holder
    from iterm_mcp.tasks.writing import Writer

AGAIN_SECONDS = 2.0
SHARED_SECONDS = 1.0
"""How soon what other machines have submitted or freed is seen."""

ALONE_SECONDS = 10.0
"""How often is looked though nothing was heard: admission tells nobody when it changes its mind."""

RECONCILE_SECONDS = 10.0
RETENTION_SECONDS = 3600.0

_log = structlog.get_logger()


class Dispatcher:
    """One for each engine."""

    def __init__(
        self,
        options: EngineOptions,
        desk: Desk,
        lease: Lease,
        rows: AttemptRows,
        durable: Durable,
    ) -> None:
        self._options = options
        self._desk = desk
        self._lease = lease
        self._rows = rows
        self._durable = durable
        self._demands = Demands()
        self._schedule_at: float | None = 0.0  # not known yet
        self._poll_seconds = SHARED_SECONDS if desk.is_shared else ALONE_SECONDS

    async def run(self) -> None:
        """Start what may start, for ever."""
        while True:
            event = self._desk.bell.next()
            try:
                wait = await self._dispatch()
            except StoreError as error:
                _log.warning("nothing_dispatched", error=str(error))
                wait = AGAIN_SECONDS
            await self._desk.bell.wait(event, wait)

    async def reconcile(self) -> None:
        """Have attempts of this machine go on that stand half-way, now and for ever."""
        while True:
            try:
                await self._reconcile()
            except StoreError as error:
                _log.warning("attempts_not_reconciled", error=str(error))
            await anyio.sleep(RECONCILE_SECONDS)

    async def retain(self) -> None:
        """Forget what is too old, now and for ever."""
        while True:
            try:
                await self._purge()
            except StoreError as error:
                _log.warning("tasks_not_purged", error=str(error))
            await anyio.sleep(RETENTION_SECONDS)

    async def _dispatch(self) -> float:
        """Start what may start; return how long to wait before looking again."""
        if self._schedule_at is not None and self._schedule_at <= self._desk.now():
            await self._submit_due()
        if not self._lease.trusted:
            return AGAIN_SECONDS
        limits = self._options.limits()
        admission = self._options.admission
        holder = self._lease.holder
        claimed, self._schedule_at = await self._desk.write(
            lambda at: (
                claim(at, holder, limits, admission, self._demands),
                scheduling.next_schedule(at.connection),
            )
        )
        reasons = {task_id: one.sentence for task_id, one in claimed.obstacles.items()}
        self._desk.waits = Waits(reasons, claimed.full, claimed.behind)
        for attempt_id, found in claimed.attempts.items():
            self._rows.see(attempt_id, found)
        if claimed.attempts:
            await self._durable.start(list(claimed.attempts))
        wakes = (claimed.wake_at, self._schedule_at)
        times = [at - self._desk.now() for at in wakes if at is not None]
        return max(0.01, min([self._poll_seconds, *times]))

    async def _submit_due(self) -> None:
        """Submit what schedules ask for; one that cannot be submitted waits for its next time."""
        now = self._desk.now()
        for one in await self._desk.read(lambda at: scheduling.due(at, now)):
            at = one.next_at.isoformat() if one.next_at else ""
            graph = replace(one.graph, key=f"schedule:{one.name}:{at}")
            try:
                found = (await self._desk.submit(graph, one.who)).graph_id
            except StoreError:
                raise
            except ItermMcpError as error:
                _log.warning("schedule_not_submitted", schedule=one.name, error=str(error))
                found = None
            await self._use(one, found or one.last_graph)

    async def _use(self, schedule: Schedule, graph_id: str) -> None:
        await self._desk.write(lambda at: scheduling.done(at, schedule, graph_id))

    async def _reconcile(self) -> None:
        await self._close_lost()
        holder = self._lease.holder
        ids = await self._desk.read(lambda at: _going_on(at, holder))
        if not ids:
            return
        ended = await self._durable.ended(ids)
        # It attaches to what was started before.
        await self._durable.start([one for one in ids if one not in ended])
        # One may have ended between the two looks, and have settled its attempt by now.
        still = set(await self._desk.read(lambda at: _going_on(at, holder)))
        broken = [one for one in ended if one in still]
        given_up = await self._durable.ended([f"{one}{ABANDONED}" for one in broken])
        for attempt_id in broken:
            reason = f"internal error: {ended[attempt_id] or 'its workflow ended before it did'}"
            _log.error("attempt_broken", attempt=attempt_id, reason=reason)
            if f"{attempt_id}{ABANDONED}" in given_up:
                await self._fail(attempt_id, holder, reason)
            else:
                await self._durable.abandon(attempt_id, reason)

    async def _close_lost(self) -> None:
        """Close what attempts have opened here that others have taken over meanwhile.

        Their courses do that by themselves, unless they broke, or there was no time to begin them.
        """
        machine = self._lease.holder.machine
        ids = await self._desk.read(lambda at: _lost(at, machine))
        if not ids:
            return
        ended = await self._durable.ended(ids)
        for attempt_id in ids:
            if attempt_id in ended:
                await self._durable.abandon(attempt_id, "it was lost, and its course broke")
        await self._durable.start([one for one in ids if one not in ended])

    async def _fail(self, attempt_id: str, holder: Holder, reason: str) -> None:
        """End an attempt that could not even be cleaned up after."""
        task_id, number = parts_of(attempt_id)

        def work(writer: Writer) -> None:
            settle(writer, holder, task_id, number, End(Outcome.FAILED, reason))

        await self._desk.write(work)

    async def _purge(self) -> None:
        while True:
            before = self._desk.now() - self._options.keep_seconds
            ids = await self._desk.read(lambda at, before=before: asking.expired(at, before))  # type: ignore[misc]
            if not ids:
                return
            await self._desk.purge(ids)


def _going_on(connection: Connection, holder: Holder) -> Sequence[str]:
    query = sa.select(ATTEMPTS.c.task_id, ATTEMPTS.c.number).where(
        ATTEMPTS.c.machine == holder.machine,
        ATTEMPTS.c.epoch == holder.epoch,
        ATTEMPTS.c.ended_at.is_(None),
    )
    return [course_of(*one) for one in connection.execute(query)]


def _lost(connection: Connection, machine: str) -> Sequence[str]:
    query = sa.select(ATTEMPTS.c.task_id, ATTEMPTS.c.number).where(
        ATTEMPTS.c.machine == machine,
        ATTEMPTS.c.ended_at.is_not(None),
        ATTEMPTS.c.outcome == Outcome.LOST,
        ATTEMPTS.c.cleaned.is_(False),
    )
    return [course_of(*one) for one in connection.execute(query)]
