"""Messages on their way: safe before anything is typed, with all that became of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iterm_mcp.errors import ConflictError
from iterm_mcp.models.deliveries import Delivery, DeliveryId, Move, Policy, Stage
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from iterm_mcp.models.observations import Json
    from iterm_mcp.store.database import Database

COLUMNS = (
    "delivery_id, agent, session_id, text, policy, priority, accepted_at, not_after, sender_key, "
    "sender, epoch, details"
)

# A message that was accepted.
INSERT_DELIVERY = """
    INSERT INTO deliveries (delivery_id, agent, session_id, text, policy, priority, accepted_at,
                            not_after, sender_key, sender, epoch, details, request_hash, stage,
                            stage_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# One step of it.
INSERT_MOVE = """
    INSERT INTO delivery_moves (delivery_id, number, stage, at, reason, evidence)
    SELECT ?1, count(*), ?2, ?3, ?4, ?5 FROM delivery_moves WHERE delivery_id = ?1
"""
# Where it stands.
UPDATE_STAGE = "UPDATE deliveries SET stage = ?, stage_at = ? WHERE delivery_id = ?"
# What is remembered beside it.
UPDATE_DETAILS = """
    UPDATE deliveries SET details = json_patch(details, ?) WHERE delivery_id = ?
"""
# What a sender's key stands for.
SELECT_KEY = """
    SELECT delivery_id, request_hash FROM deliveries WHERE agent = ? AND sender_key = ?
"""
# Messages by id.
SELECT_BY_ID = f"SELECT {COLUMNS} FROM deliveries WHERE delivery_id = ?"  # noqa: S608
# The newest messages at one of some stages, of all agents or of one.
SELECT_BY_STAGE = f"""
    SELECT {COLUMNS} FROM deliveries
    WHERE stage IN (SELECT value FROM json_each(?)) AND stage_at >= ? AND (? = '' OR agent = ?)
    ORDER BY stage_at DESC, delivery_id LIMIT ?
"""  # noqa: S608
# How many stand there.
COUNT_STAGES = """
    SELECT count(*) FROM deliveries WHERE stage IN (SELECT value FROM json_each(?))
"""
# The history of one.
SELECT_MOVES = """
    SELECT stage, at, reason, evidence FROM delivery_moves WHERE delivery_id = ? ORDER BY number
"""
# What nobody asks for any more.
DELETE_PAST = """
    DELETE FROM deliveries
    WHERE stage IN (SELECT value FROM json_each(?)) AND stage_at < ? AND (? = '' OR agent = ?)
"""
DELETE_ONE = "DELETE FROM deliveries WHERE delivery_id = ?"

MOST_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """One step to be written down.

    Attributes:
        details: What is remembered from now on; a key with None is forgotten.
    """

    delivery_id: DeliveryId
    move: Move
    details: Mapping[str, Json] | None = None


class DeliveryStore:
    """Keeps messages. Which steps are legal is not its business.

    What a method has written is on the disk when it returns.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(self, deliveries: Sequence[Delivery]) -> tuple[Delivery, ...]:
        """Keep new messages, all of them or none.

        Returns:
            The messages in the order given; in the place of one whose key its agent has seen
            with the same text and policy, that one as it stands.

        Raises:
            ConflictError: A key was used for another message to that agent.
        """

        def work(connection: sqlite3.Connection) -> tuple[Delivery, ...]:
            return tuple(_accept(connection, one) for one in deliveries)

        return await self._database.write(work)

    async def record(self, changes: Iterable[Change]) -> None:
        """Write steps down, in the order given; those of messages that are gone are left out."""
        listed = tuple(changes)

        def work(connection: sqlite3.Connection) -> None:
            for one in listed:
                _record(connection, one)

        await self._database.write(work)

    async def find(self, ids: Iterable[DeliveryId]) -> dict[DeliveryId, Delivery]:
        """Return those messages that are still known."""
        wanted = tuple(ids)

        def work(connection: sqlite3.Connection) -> dict[DeliveryId, Delivery]:
            found = (_find(connection, one) for one in wanted)
            return {one.delivery_id: one for one in found if one is not None}

        return await self._database.read(work)

    async def at_stages(
        self,
        stages: Collection[Stage],
        *,
        since: datetime | None = None,
        agent: AgentName | None = None,
        limit: int = MOST_LISTED,
    ) -> tuple[Delivery, ...]:
        """Return messages that stand at one of some stages, those that moved last first.

        Args:
            since: Leave out those that have stood there longer.
        """
        after = "" if since is None else to_text(since)
        name = agent or ""

        def work(connection: sqlite3.Connection) -> tuple[Delivery, ...]:
            rows = connection.execute(SELECT_BY_STAGE, (_list(stages), after, name, name, limit))
            return tuple(_delivery(connection, row) for row in rows.fetchall())

        return await self._database.read(work)

    async def count(self, stages: Collection[Stage]) -> int:
        """Return how many messages stand at one of some stages."""
        listed = _list(stages)

        def work(connection: sqlite3.Connection) -> int:
            return int(connection.execute(COUNT_STAGES, (listed,)).fetchone()[0])

        return await self._database.read(work)

    async def purge(
        self, stages: Collection[Stage], before: datetime, agent: AgentName | None = None
    ) -> int:
        """Forget messages that have stood at one of some stages since before a time.

        Returns:
            How many there were.
        """
        values = (_list(stages), to_text(before), agent or "", agent or "")
        return await self._database.write(
            lambda connection: connection.execute(DELETE_PAST, values).rowcount
        )

    async def forget(self, ids: Iterable[DeliveryId]) -> int:
        """Forget messages by id, wherever they stand; return how many were known."""
        wanted = [(one,) for one in ids]
        return await self._database.write(
            lambda connection: connection.executemany(DELETE_ONE, wanted).rowcount
        )


def request_hash(delivery: Delivery) -> str:
    """Return a digest that is equal for messages that say and want the same."""
    content = json.dumps([delivery.text, delivery.policy.value])
    return hashlib.sha256(content.encode()).hexdigest()


def _accept(connection: sqlite3.Connection, delivery: Delivery) -> Delivery:
    digest = request_hash(delivery)
    if delivery.key:
        known = connection.execute(SELECT_KEY, (delivery.agent, delivery.key)).fetchone()
        if known is not None:
            if known[1] != digest:
                raise ConflictError(
                    f"the idempotency key {delivery.key!r} was used for another message to "
                    f"{delivery.agent}",
                    hint="Use a new key for a new message.",
                    code="idempotency_key_reused",
                )
            found = _find(connection, DeliveryId(known[0]))
            if found is not None:
                return found
    last = delivery.moves[-1]
    connection.execute(
        INSERT_DELIVERY, (*_row(delivery), digest, last.stage.value, to_text(last.at))
    )
    for move in delivery.moves:
        _insert_move(connection, delivery.delivery_id, move)
    return delivery


def _record(connection: sqlite3.Connection, change: Change) -> None:
    move, wanted = change.move, change.delivery_id
    values = (move.stage.value, to_text(move.at), wanted)
    if connection.execute(UPDATE_STAGE, values).rowcount == 0:
        return  # purged meanwhile
    _insert_move(connection, wanted, move)
    if change.details is not None:
        connection.execute(UPDATE_DETAILS, (json.dumps(dict(change.details)), wanted))


def _insert_move(connection: sqlite3.Connection, delivery_id: DeliveryId, move: Move) -> None:
    connection.execute(
        INSERT_MOVE, (delivery_id, move.stage.value, to_text(move.at), move.reason, move.evidence)
    )


def _find(connection: sqlite3.Connection, delivery_id: DeliveryId) -> Delivery | None:
    row = connection.execute(SELECT_BY_ID, (delivery_id,)).fetchone()
    return None if row is None else _delivery(connection, row)


def _row(one: Delivery) -> tuple[object, ...]:
    return (
        one.delivery_id,
        one.agent,
        one.session_id,
        one.text,
        one.policy.value,
        one.priority,
        to_text(one.accepted_at),
        to_text(one.not_after),
        one.key,
        one.sender,
        one.epoch,
        json.dumps(dict(one.details or {})),
    )


def _delivery(connection: sqlite3.Connection, row: tuple[object, ...]) -> Delivery:
    (
        delivery_id, agent, session_id, text, policy, priority, accepted_at, not_after, key,
        sender, epoch, details,
    ) = row  # fmt: skip
    moves = connection.execute(SELECT_MOVES, (delivery_id,)).fetchall()
    bare = Delivery(
        delivery_id=DeliveryId(str(delivery_id)),
        agent=AgentName(str(agent)),
        session_id=SessionId(str(session_id)),
        text=str(text),
        policy=Policy(str(policy)),
        priority=int(str(priority)),
        accepted_at=from_text(str(accepted_at)),
        not_after=from_text(str(not_after)),
        moves=tuple(
            Move(Stage(stage), from_text(at), reason, evidence)
            for stage, at, reason, evidence in moves
        ),
        key=str(key),
        sender=str(sender),
        details=json.loads(str(details)),
    )
    return bare if epoch is None else replace(bare, epoch=int(str(epoch)))


def _list(stages: Collection[Stage]) -> str:
    return json.dumps([stage.value for stage in stages])
