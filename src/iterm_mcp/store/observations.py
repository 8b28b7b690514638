"""The ledger: what was seen of agents, only ever added to, and which life each of them is in."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import StoreError
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.observations import Fact, Observation, ObservationSource, Sighting
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from datetime import datetime

    from iterm_mcp.store.database import Database

EVIDENCE_CHARACTERS = 2000

# One thing that was seen.
INSERT_OBSERVATION = """
    INSERT INTO observations (agent, epoch, fact, source, value, evidence, at)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
# What was seen of an agent, oldest first, from after a number.
SELECT_AFTER = """
    SELECT number, agent, epoch, fact, source, value, evidence, at FROM observations
    WHERE agent = ? AND number > ? ORDER BY number LIMIT ?
"""
# What was last seen of an agent in one of its lives, newest first.
SELECT_NEWEST = """
    SELECT number, agent, epoch, fact, source, value, evidence, at FROM observations
    WHERE agent = ? AND epoch = ? ORDER BY number DESC LIMIT ?
"""
# Every life that is under way.
SELECT_EPOCHS = "SELECT agent, epoch, begun_at FROM agent_epochs"
# An agent's next life, and its first.
BEGIN_EPOCH = """
    INSERT INTO agent_epochs (agent, epoch, begun_at) VALUES (?, 1, ?)
    ON CONFLICT (agent) DO UPDATE SET epoch = epoch + 1, begun_at = excluded.begun_at
    RETURNING epoch
"""
# What is too old or too much; of each fact and source the newest word stays, however old.
DELETE_PAST = """
    DELETE FROM observations
    WHERE number IN (
        SELECT number FROM (
            SELECT number, at, row_number() OVER (PARTITION BY agent ORDER BY number DESC) AS place
            FROM observations
        ) WHERE at < ? OR place > ?
    ) AND number NOT IN (SELECT max(number) FROM observations GROUP BY agent, fact, source)
"""


@dataclass(frozen=True, slots=True)
class Epoch:
    """A life of an agent, counted from 1."""

    number: int
    begun_at: datetime


@dataclass(slots=True, eq=False)
class _Batch:
    """What one caller adds."""

    observations: tuple[Observation, ...]
    stored: tuple[Observation, ...] | None = None
    failure: StoreError | None = None

    @property
    def settled(self) -> bool:
        return self.stored is not None or self.failure is not None


class ObservationStore:
    """Keeps observations. What follows from them is not its business."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Batch] = []
        self._turn = anyio.Lock()

    async def append(self, observations: Iterable[Observation]) -> tuple[Observation, ...]:
        """Add observations, and return them with their numbers when they are safe.

        Many callers at once share a transaction, and so the wait for the disk. Who is cancelled
        before it has begun has added nothing.
        """
        mine = _Batch(tuple(observations))
        if not mine.observations:
            return ()
        self._waiting.append(mine)
        try:
            async with self._turn:
                if not mine.settled:
                    await self._write()
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)
        if mine.failure is not None:
            raise mine.failure
        return mine.stored or ()

    async def _write(self) -> None:
        """Write what waits, for all that wait."""
        batches, self._waiting = self._waiting, []
        try:
            with anyio.CancelScope(shield=True):  # others wait for it; bounded by the busy timeout
                stored = await self._database.write(lambda connection: _insert(connection, batches))
        except BaseException as error:
            for one in batches:
                one.failure = error if isinstance(error, StoreError) else _cut_off()
            raise
        for batch, rows in zip(batches, stored, strict=True):
            batch.stored = rows

    async def after(
        self, agent: AgentName, number: int = 0, *, limit: int = 1000
    ) -> tuple[Observation, ...]:
        """Return what was seen of an agent in all its lives, oldest first.

        Args:
            number: Begin behind the observation of this number.
        """
        return await self._database.read(
            lambda connection: tuple(
                _observation(row)
                for row in connection.execute(SELECT_AFTER, (agent, number, limit))
            )
        )

    async def newest(
        self, agent: AgentName, epoch: int, *, limit: int = 1000
    ) -> tuple[Observation, ...]:
        """Return what was last seen of an agent in one of its lives, oldest first."""
        rows = await self._database.read(
            lambda connection: connection.execute(SELECT_NEWEST, (agent, epoch, limit)).fetchall()
        )
        return tuple(_observation(row) for row in reversed(rows))

    async def epochs(self) -> dict[AgentName, Epoch]:
        """Return the present life of every agent that ever had one."""
        return await self._database.read(
            lambda connection: {
                AgentName(agent): Epoch(number, from_text(begun_at))
                for agent, number, begun_at in connection.execute(SELECT_EPOCHS)
            }
        )

    async def begin_epoch(self, agent: AgentName, at: datetime) -> Epoch:
        """Begin an agent's next life."""

        def work(connection: sqlite3.Connection) -> int:
            (number,) = connection.execute(BEGIN_EPOCH, (agent, to_text(at))).fetchone()
            return int(number)

        return Epoch(await self._database.write(work), at)

    async def forget(self, before: datetime, most: int) -> int:
        """Delete what was seen before a time, and all but the newest of each agent.

        The newest word of each source on each fact stays: a conversation's id is never too old.

        Args:
            most: How many observations an agent may keep.

        Returns:
            How many were deleted.
        """
        return await self._database.write(
            lambda connection: connection.execute(DELETE_PAST, (to_text(before), most)).rowcount
        )


def _cut_off() -> StoreError:
    return StoreError("the store: writing was cut off, and may have been done", hint="Look again.")


def _insert(connection: sqlite3.Connection, batches: list[_Batch]) -> list[tuple[Observation, ...]]:
    return [
        tuple(
            replace(
                one,
                number=connection.execute(INSERT_OBSERVATION, _row(one)).lastrowid or 0,
                sighting=replace(one.sighting, evidence=_plain(one.sighting.evidence)),
            )
            for one in batch.observations
        )
        for batch in batches
    ]


def _row(one: Observation) -> tuple[object, ...]:
    seen = one.sighting
    return (
        one.agent,
        one.epoch,
        seen.fact.value,
        seen.source.value,
        json.dumps(dict(seen.value), separators=(",", ":")),
        _plain(seen.evidence),
        to_text(one.at),
    )


def _plain(evidence: str) -> str:
    """Return an excerpt as it can be kept: what a terminal printed may be no text."""
    return evidence[:EVIDENCE_CHARACTERS].encode(errors="replace").decode()


def _observation(row: tuple[object, ...]) -> Observation:
    number, agent, epoch, fact, source, value, evidence, at = row
    return Observation(
        AgentName(str(agent)),
        int(str(epoch)),
        Sighting(
            Fact(str(fact)), json.loads(str(value)), ObservationSource(str(source)), str(evidence)
        ),
        from_text(str(at)),
        int(str(number)),
    )
