"""Machines, their leases, and what becomes of the work of one that is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.task_queries import Machine
from iterm_mcp.models.tasks import Outcome
from iterm_mcp.tasks.codec import dump, time_of
from iterm_mcp.tasks.settling import End, Holder, settle
from iterm_mcp.tasks.tables import ATTEMPTS, MACHINES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from iterm_mcp.tasks.writing import Writer


def enrol(
    writer: Writer,
    name: str,
    capacity: int,
    labels: Mapping[str, str],
    lease: tuple[float, float],
) -> int:
    """Begin a new life of a machine: what its last one worked on and was not lost is its own.

    Args:
        lease: The time by which leases are measured, and when this one ends.

    Returns:
        The epoch of the new life.
    """
    now, until = lease
    row = writer.connection.execute(
        sa.select(MACHINES).where(MACHINES.c.name == name).with_for_update()
    ).one_or_none()
    epoch = 1 if row is None else row.epoch + 1
    values = {
        "epoch": epoch,
        "capacity": capacity,
        "labels": dump(dict(labels)),
        "beat_at": now,
        "lease_until": until,
        "closed": False,
    }
    if row is None:
        writer.connection.execute(sa.insert(MACHINES).values(name=name, draining=False, **values))
        return epoch
    writer.connection.execute(sa.update(MACHINES).where(MACHINES.c.name == name).values(**values))
    adopted: dict[str, object] = {"epoch": epoch}
    if not row.closed:  # it was killed, or it fell: perhaps over one of these
        adopted["crashes"] = ATTEMPTS.c.crashes + 1
    writer.connection.execute(
        sa.update(ATTEMPTS)
        .where(ATTEMPTS.c.machine == name, ATTEMPTS.c.ended_at.is_(None))
        .values(**adopted)
    )
    return epoch


def renew(writer: Writer, holder: Holder, now: float, until: float) -> bool:
    """Renew a lease; tell whether it was still the machine's own."""
    renewed = writer.connection.execute(
        sa.update(MACHINES)
        .where(MACHINES.c.name == holder.machine, MACHINES.c.epoch == holder.epoch)
        .values(beat_at=now, lease_until=until)
    )
    return renewed.rowcount == 1


def leave(writer: Writer, holder: Holder, now: float) -> None:
    """End a machine's life in good order. Its work waits for the next one as long as the lease."""
    writer.connection.execute(
        sa.update(MACHINES)
        .where(MACHINES.c.name == holder.machine, MACHINES.c.epoch == holder.epoch)
        .values(closed=True, beat_at=now)
    )


def reap(writer: Writer, mine: str, now: float) -> list[str]:
    """Take the work of machines whose lease ran out, and give it back to the queue.

    Returns:
        Their names.
    """
    rows = writer.connection.execute(
        sa.select(MACHINES)
        .where(MACHINES.c.name != mine, MACHINES.c.lease_until < now)
        .with_for_update()
    ).all()
    taken = []
    for row in rows:
        query = sa.select(ATTEMPTS.c.task_id, ATTEMPTS.c.number, ATTEMPTS.c.epoch).where(
            ATTEMPTS.c.machine == row.name, ATTEMPTS.c.ended_at.is_(None)
        )
        attempts = writer.connection.execute(query.order_by(ATTEMPTS.c.started_at)).all()
        if not attempts:
            continue
        # From here on nothing that its last life writes is taken.
        writer.connection.execute(
            sa.update(MACHINES).where(MACHINES.c.name == row.name).values(epoch=row.epoch + 1)
        )
        reason = f"machine {row.name} was not heard of for {now - row.beat_at:.0f} s"
        for one in attempts:
            holder = Holder(row.name, one.epoch)
            settle(writer, holder, one.task_id, one.number, End(Outcome.LOST, reason))
        taken.append(row.name)
    return taken


def drain(writer: Writer, name: str, *, draining: bool) -> None:
    """Have a machine take nothing new, or take work again.

    Raises:
        NotFoundError: There is no such machine.
    """
    done = writer.connection.execute(
        sa.update(MACHINES).where(MACHINES.c.name == name).values(draining=draining)
    )
    if not done.rowcount:
        raise NotFoundError("machine", name, hint="List machines to see which there are.")


def machines(connection: Connection, now: float) -> list[Machine]:
    """Return all machines that ever worked on these tasks."""
    counted = connection.execute(
        sa.select(ATTEMPTS.c.machine, sa.func.count().label("attempts"))
        .where(ATTEMPTS.c.ended_at.is_(None))
        .group_by(ATTEMPTS.c.machine)
    )
    running: dict[str, int] = {row.machine: row.attempts for row in counted.all()}
    return [
        Machine(
            row.name,
            row.capacity,
            json.loads(row.labels),
            row.epoch,
            running.get(row.name, 0),
            row.draining,
            row.lease_until >= now and not row.closed,
            time_of(row.beat_at),
        )
        for row in connection.execute(sa.select(MACHINES).order_by(MACHINES.c.name))
    ]
