"""Sums for charts, kept beside the events that they are of."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from iterm_mcp.models.events import CostBasis
from iterm_mcp.store.events.schema import COLUMNS, HOUR_KEYS, MINUTE_KEYS, SUMS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

MINUTE = 60_000_000
HOUR = 60 * MINUTE

_PLACE = {name: place for place, name in enumerate(COLUMNS)}
_KEYS = itemgetter(
    *(_PLACE[name] for name in ("at", "kind", "agent", "agent_kind", "model", "conversation"))
)
_DURATION, _FAILED, _NANODOLLARS, _BASIS = (
    _PLACE[name] for name in ("duration", "failed", "nanodollars", "basis")
)
_USAGE = slice(_PLACE["input"], _PLACE["reasoning"] + 1)
_PLACE_OF_COST = {
    CostBasis.REPORTED.value: SUMS.index("reported"),
    CostBasis.COMPUTED.value: SUMS.index("computed"),
    CostBasis.UNPRICED.value: SUMS.index("unpriced"),
}

Buckets = dict[tuple[Any, ...], list[int]]


def _upsert(table: str, keys: tuple[str, ...]) -> str:
    return f"""
        INSERT INTO {table} VALUES ({", ".join("?" * (len(keys) + len(SUMS)))})
        ON CONFLICT DO UPDATE SET {", ".join(f"{one} = {one} + excluded.{one}" for one in SUMS)}
    """  # noqa: S608 - our own names


UPSERT_MINUTES = _upsert("minutes", MINUTE_KEYS)
UPSERT_HOURS = _upsert("hours", HOUR_KEYS)
# A bucket from which everything was purged.
DELETE_EMPTY = ("DELETE FROM minutes WHERE count = 0", "DELETE FROM hours WHERE count = 0")


def gather(rows: Iterable[Sequence[Any]], sign: int = 1) -> tuple[Buckets, Buckets]:
    """Add up whole rows of events, by minutes and by hours.

    Args:
        sign: -1 to take them away.
    """
    minutes: Buckets = {}
    hours: Buckets = {}
    for row in rows:
        at, kind, agent, agent_kind, model, conversation = _KEYS(row)
        agent, agent_kind, model = agent or "", agent_kind or "", model or ""
        _add(minutes, (at - at % MINUTE, kind, agent, agent_kind, model), row, sign)
        key = (at - at % HOUR, kind, agent, agent_kind, model, conversation or "")
        _add(hours, key, row, sign)
    return minutes, hours


def _add(buckets: Buckets, key: tuple[Any, ...], row: Sequence[Any], sign: int) -> None:
    sums = buckets.get(key)
    if sums is None:
        sums = buckets[key] = [0] * len(SUMS)
    duration, failed, usage, basis = row[_DURATION], row[_FAILED], row[_USAGE], row[_BASIS]
    sums[0] += sign
    if failed:
        sums[1] += sign
    if duration:
        sums[2] += sign * duration
    if usage[0] is not None:
        for place, one in enumerate(usage, 3):
            sums[place] += sign * one
    if basis is not None:
        place, amount = _PLACE_OF_COST[basis], row[_NANODOLLARS]
        sums[place] += sign * (1 if basis == CostBasis.UNPRICED else amount)


def add(connection: sqlite3.Connection, rows: Iterable[Sequence[Any]], sign: int = 1) -> None:
    """Add events to the sums of their partition, or take them away."""
    minutes, hours = gather(rows, sign)
    connection.executemany(UPSERT_MINUTES, ((*key, *sums) for key, sums in minutes.items()))
    connection.executemany(UPSERT_HOURS, ((*key, *sums) for key, sums in hours.items()))
    if sign < 0:
        for statement in DELETE_EMPTY:
            connection.execute(statement)
