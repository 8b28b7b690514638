"""Attempts that run here are told to stop: cancelled, lost to another machine, or not trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import sqlalchemy as sa

from iterm_mcp.errors import StoreError
from iterm_mcp.tasks.attempt_rows import course_of
from iterm_mcp.tasks.tables import ATTEMPTS, TASKS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from iterm_mcp.tasks.desk import Desk
    from iterm_mcp.tasks.lease import Lease
    from iterm_mcp.tasks.settling import Holder

LOOK_SECONDS = 1.0


class Stops:
    """One look at the database for all that run."""

    def __init__(self, desk: Desk, lease: Lease) -> None:
        self._desk = desk
        self._lease = lease
        self._events: dict[str, anyio.Event] = {}

    def of(self, attempt_id: str) -> anyio.Event:
        """Return what is set as soon as this attempt must stop."""
        event = self._events.get(attempt_id)
        if event is None:
            event = self._events[attempt_id] = anyio.Event()
        return event

    def forget(self, attempt_id: str) -> None:
        """Forget an attempt that is over."""
        self._events.pop(attempt_id, None)

    async def watch(self) -> None:
        """Look whenever something was asked to end here, and now and then, for ever."""
        while True:
            event = self._desk.stops.next()
            if self._events:
                await self.look()
            await self._desk.stops.wait(event, LOOK_SECONDS)

    async def look(self) -> None:
        """Look once."""
        if not self._lease.trusted:
            for event in self._events.values():
                event.set()
            return
        holder = self._lease.holder
        try:
            going_on = await self._desk.read(lambda at: _going_on(at, holder))
        except StoreError:
            return  # as long as the lease is trusted, what runs goes on
        for attempt_id, event in self._events.items():
            if attempt_id not in going_on:
                event.set()


def _going_on(connection: Connection, holder: Holder) -> set[str]:
    query = (
        sa.select(ATTEMPTS.c.task_id, ATTEMPTS.c.number)
        .join(TASKS, TASKS.c.task_id == ATTEMPTS.c.task_id)
        .where(
            ATTEMPTS.c.machine == holder.machine,
            ATTEMPTS.c.epoch == holder.epoch,
            ATTEMPTS.c.ended_at.is_(None),
            TASKS.c.cancelling == "",
        )
    )
    return {course_of(*one) for one in connection.execute(query)}
