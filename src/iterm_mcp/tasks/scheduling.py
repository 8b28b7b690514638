"""Work that is submitted at its time, or again and again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from croniter import CroniterError, croniter

from iterm_mcp.errors import InvalidRequestError, NotFoundError, shown
from iterm_mcp.models.task_queries import Schedule
from iterm_mcp.tasks.codec import dump, graph_json, read_graph, seconds_of, time_of, time_or_none
from iterm_mcp.tasks.statements import Statement
from iterm_mcp.tasks.tables import SCHEDULES
from iterm_mcp.tasks.writing import clean

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from iterm_mcp.tasks.writing import Writer

FIELDS = 5
_NEXT = Statement(sa.select(sa.func.min(SCHEDULES.c.next_at)))


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """Return when a cron expression is due next.

    Raises:
        InvalidRequestError: It is none, names no time that ever comes, or there is no such zone.
    """
    try:
        local = after.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidRequestError(
            f"{shown(zone)!r} is no time zone", hint="Use a name such as Europe/Berlin, or UTC."
        ) from None
    if len(cron.split()) != FIELDS:
        raise _bad(cron)
    try:
        found: datetime = croniter(cron, local).get_next(datetime)
    except (CroniterError, ValueError, KeyError, AttributeError, TypeError):
        raise _bad(cron) from None
    return found.astimezone(UTC)


def _bad(cron: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{shown(cron)!r} is no cron expression",
        hint="Give minute, hour, day, month and weekday, as in '30 6 * * mon-fri'.",
        code="bad_cron",
    )


def keep(writer: Writer, schedule: Schedule) -> None:
    """Write a schedule down; one of the same name is replaced."""
    writer.connection.execute(sa.delete(SCHEDULES).where(SCHEDULES.c.name == schedule.name))
    writer.connection.execute(
        sa.insert(SCHEDULES).values(
            name=schedule.name,
            graph=dump(graph_json(schedule.graph)),
            cron=schedule.cron,
            zone=schedule.zone,
            who=clean(schedule.who),
            next_at=seconds_of(schedule.next_at) if schedule.next_at else None,
            last_graph="",
        )
    )


def forget(writer: Writer, name: str) -> None:
    """Forget a schedule; what it has submitted stays.

    Raises:
        NotFoundError: There is none of this name.
    """
    gone = writer.connection.execute(sa.delete(SCHEDULES).where(SCHEDULES.c.name == name))
    if not gone.rowcount:
        raise NotFoundError("schedule", name, hint="List schedules to see which there are.")


def schedules(connection: Connection) -> list[Schedule]:
    """Return all schedules by name."""
    rows = connection.execute(sa.select(SCHEDULES).order_by(SCHEDULES.c.name))
    return [
        Schedule(
            row.name,
            read_graph(json.loads(row.graph)),
            row.cron,
            row.zone,
            row.who,
            time_or_none(row.next_at),
            row.last_graph,
        )
        for row in rows
    ]


def next_schedule(connection: Connection) -> float | None:
    """Return when the next schedule is due; None when none is."""
    found: float | None = _NEXT.scalar(connection)
    return found


def due(connection: Connection, now: float) -> list[Schedule]:
    """Return schedules whose time has come, however long ago it was."""
    return [
        one
        for one in schedules(connection)
        if one.next_at is not None and seconds_of(one.next_at) <= now
    ]


def done(writer: Writer, schedule: Schedule, graph_id: str) -> None:
    """Write down that a schedule's time was used; what was missed meanwhile is not made up for."""
    before = seconds_of(schedule.next_at) if schedule.next_at else None
    following = (
        seconds_of(next_time(schedule.cron, schedule.zone, time_of(writer.now)))
        if schedule.cron
        else None
    )
    writer.connection.execute(
        sa.update(SCHEDULES)
        .where(SCHEDULES.c.name == schedule.name, SCHEDULES.c.next_at == before)
        .values(next_at=following, last_graph=graph_id)
    )
