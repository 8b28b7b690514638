"""What became of cascades that carried an idempotency key, for as long as the key lives."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import ConflictError
from iterm_mcp.models.deliveries import DeliveryId, Stage
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.messages import CascadeResult, Receipt, ReceiptState, Source
from iterm_mcp.store.times import from_text, to_text

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.store.database import Database

# What is known under a key that still lives.
SELECT_CASCADE = """
    SELECT request_hash, result FROM cascades WHERE idempotency_key = ? AND expires_at > ?
"""
# A key with the latest that is known about it.
UPSERT_CASCADE = """
    INSERT INTO cascades (idempotency_key, request_hash, result, expires_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (idempotency_key) DO UPDATE SET
        request_hash = excluded.request_hash,
        result = excluded.result,
        expires_at = excluded.expires_at
"""
# Every key whose time is over.
DELETE_EXPIRED = "DELETE FROM cascades WHERE expires_at <= ?"


class CascadeStore:
    """Idempotency keys: a key is claimed before anything is typed, and settled afterwards.

    What is stored with the claim is what is true if nobody ever comes back to settle it.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, key: str, request_hash: str) -> CascadeResult | None:
        """Return the result stored under a live key, marked as replayed; None if there is none.

        Raises:
            ConflictError: The key was used for another request.
        """
        now = self._clock.now()
        return await self._database.read(
            lambda connection: _find(connection, key, request_hash, now)
        )

    async def claim(
        self, key: str, request_hash: str, result: CascadeResult, expires_at: datetime
    ) -> CascadeResult | None:
        """Take a key, or learn who has: None means that it is the caller's now.

        Keys whose time is over are purged on the way.

        Returns:
            The result stored under the key, marked as replayed, when it was taken before.

        Raises:
            ConflictError: The key was used for another request.
        """
        now = self._clock.now()

        def work(connection: sqlite3.Connection) -> CascadeResult | None:
            connection.execute(DELETE_EXPIRED, (to_text(now),))
            known = _find(connection, key, request_hash, now)
            if known is None:
                _put(connection, key, request_hash, result, expires_at)
            return known

        return await self._database.write(work)

    async def settle(
        self, key: str, request_hash: str, result: CascadeResult, expires_at: datetime
    ) -> None:
        """Store the final result under a claimed key, and its new expiry."""
        await self._database.write(
            lambda connection: _put(connection, key, request_hash, result, expires_at)
        )

    async def purge(self) -> int:
        """Forget every key whose time is over, and return how many there were."""
        now = to_text(self._clock.now())
        return await self._database.write(
            lambda connection: connection.execute(DELETE_EXPIRED, (now,)).rowcount
        )


def _find(
    connection: sqlite3.Connection, key: str, request_hash: str, now: datetime
) -> CascadeResult | None:
    row = connection.execute(SELECT_CASCADE, (key, to_text(now))).fetchone()
    if row is None:
        return None
    if row[0] != request_hash:
        raise ConflictError(
            f"the idempotency key {key!r} was used for another message",
            hint="Use a new key for a new message.",
            code="idempotency_key_reused",
        )
    return replace(_from_json(row[1]), replayed=True)


def _put(
    connection: sqlite3.Connection,
    key: str,
    request_hash: str,
    result: CascadeResult,
    expires_at: datetime,
) -> None:
    connection.execute(UPSERT_CASCADE, (key, request_hash, _to_json(result), to_text(expires_at)))


def _to_json(result: CascadeResult) -> str:
    """Return the result with each text once, however many agents share it."""
    places: dict[str, int] = {}
    receipts = [
        {
            "agent": receipt.agent,
            "session_id": receipt.session_id,
            "text": places.setdefault(receipt.text, len(places)),
            "source": receipt.source,
            "team": receipt.team,
            "state": receipt.state,
            "reason": receipt.reason,
            "at": to_text(receipt.at),
            "delivery_id": receipt.delivery_id,
            "stage": receipt.stage,
            "evidence": receipt.evidence,
        }
        for receipt in result.receipts
    ]
    return json.dumps({"texts": list(places), "receipts": receipts, "unreached": result.unreached})


def _from_json(text: str) -> CascadeResult:
    stored = json.loads(text)
    return CascadeResult(
        receipts=tuple(_receipt(one, stored["texts"]) for one in stored["receipts"]),
        unreached=tuple(AgentName(name) for name in stored["unreached"]),
    )


def _receipt(stored: dict[str, Any], texts: list[str]) -> Receipt:
    team, delivery_id, stage = stored["team"], stored.get("delivery_id"), stored.get("stage")
    return Receipt(
        agent=AgentName(stored["agent"]),
        session_id=SessionId(stored["session_id"]),
        text=texts[stored["text"]],
        source=Source(stored["source"]),
        team=None if team is None else TeamName(team),
        state=ReceiptState(stored["state"]),
        reason=stored["reason"],
        at=from_text(stored["at"]),
        delivery_id=None if delivery_id is None else DeliveryId(delivery_id),
        stage=None if stage is None else Stage(stage),
        evidence=stored.get("evidence", ""),
    )
