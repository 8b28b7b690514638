"""Keys, texts and payloads of events: one row each, or many in a compressed block."""

from __future__ import annotations

import sqlite3
import sys
import zlib
from typing import TYPE_CHECKING

import orjson

if sys.version_info >= (3, 14):  # pragma: no cover - the same module under its later name
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Sequence

Body = tuple[str, str, "str | None"]
"""Key, text, payload as JSON."""
Numbered = tuple[int, str, str, "str | None"]
"""An event's number, and its body."""

BLOCK_EVENTS = 32
"""To read one event of a block all are unpacked, in 0.04 ms; 100 would need 0.13."""
BLOCK_BYTES = 1 << 20
"""A block has fewer events when they are large."""
BITE_EVENTS = 16 * BLOCK_EVENTS
BITE_BYTES = 4 << 20
"""What is packed in one transaction: others wait for it."""
LEVEL = 1
"""Of compression by zstd: a third of the time of zlib's level 1, and a tenth fewer bytes."""
_ZSTD = b"\x28\xb5\x2f\xfd"
"""How its frames begin; older blocks are zlib's."""

SELECT_BODY = "SELECT key, text, payload FROM bodies WHERE number = ?"
# The block in which a number stands, if it is in one.
SELECT_BLOCK = "SELECT data FROM blocks WHERE last >= ? ORDER BY last LIMIT 1"
SELECT_OLDEST = "SELECT number, key, text, payload FROM bodies ORDER BY number LIMIT ?"
INSERT_BODY = "INSERT INTO bodies VALUES (?, ?, ?, ?)"
INSERT_BLOCK = "INSERT INTO blocks VALUES (?, ?)"
# Whether a block stands between two events.
SELECT_BETWEEN = "SELECT 1 FROM blocks WHERE last > ? AND last < ?"
DELETE_BODIES = "DELETE FROM bodies WHERE number <= ?"
DELETE_BODY = "DELETE FROM bodies WHERE number = ?"
SELECT_BLOCK_AT = "SELECT last, data FROM blocks WHERE last >= ? ORDER BY last LIMIT 1"
UPDATE_BLOCK = "UPDATE blocks SET data = ? WHERE last = ?"


class BodyLostError(sqlite3.DatabaseError):
    """An event stands there without its body: the file is damaged, and SQLite cannot know it."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


class BodyReader:
    """Reads bodies in any order; neighbours cost the unpacking of one block."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._block: dict[int, Body] = {}

    def body(self, number: int) -> Body:
        """Return an event's body.

        Raises:
            BodyLostError: There is none.
        """
        row: Body | None = self._connection.execute(SELECT_BODY, (number,)).fetchone()
        return row if row is not None else self.packed(number)

    def packed(self, number: int) -> Body:
        """Return the body of an event that stands in a block.

        Raises:
            BodyLostError: It does not.
        """
        if number not in self._block:
            found = self._connection.execute(SELECT_BLOCK, (number,)).fetchone()
            self._block = unpack(found[0]) if found else {}
        if number not in self._block:
            raise BodyLostError(f"event {number} has lost its body")
        return self._block[number]


def pack(bodies: Sequence[Numbered]) -> bytes:
    """Return a block."""
    return zstd.compress(orjson.dumps(bodies), LEVEL)


def unpack(data: bytes) -> dict[int, Body]:
    """Return what `pack` was given.

    Raises:
        BodyLostError: It is not what `pack` returned.
    """
    try:
        text = zstd.decompress(data) if data.startswith(_ZSTD) else zlib.decompress(data)
        rows = orjson.loads(text)
    except (zlib.error, zstd.ZstdError, ValueError) as error:
        raise BodyLostError(f"a block of bodies cannot be unpacked: {error}") from error
    return {number: (key, text, payload) for number, key, text, payload in rows}


def keep(connection: sqlite3.Connection, bodies: Sequence[Numbered]) -> None:
    """Write the bodies of new events, numbers in their order, inside a transaction.

    Whole blocks are packed at once, so that most bytes are written a single time; what is left
    stands in rows until the partition has gone cold.
    """
    blocks, rest = _packed(connection, bodies)
    connection.executemany(INSERT_BLOCK, [(last, data) for last, data, _ in blocks])
    connection.executemany(INSERT_BODY, rest)


def pack_oldest(connection: sqlite3.Connection) -> int:
    """Move the oldest bodies into blocks, inside a transaction; return how many were moved.

    About as many as `BITE_BYTES` and `BITE_EVENTS` say, and 0 when there are none left.
    """
    oldest: list[Numbered] = []
    size = 0
    for body in connection.execute(SELECT_OLDEST, (BITE_EVENTS,)):
        oldest.append(body)
        size += len(body[2]) + len(body[3] or "")
        if size >= BITE_BYTES:
            break
    blocks, rest = _packed(connection, oldest)
    if rest:
        blocks.append((rest[-1][0], pack(rest), len(rest)))
    if blocks:
        connection.executemany(INSERT_BLOCK, [(last, data) for last, data, _ in blocks])
        connection.execute(DELETE_BODIES, (blocks[-1][0],))
    return sum(count for _, _, count in blocks)


def _packed(
    connection: sqlite3.Connection, bodies: Sequence[Numbered]
) -> tuple[list[tuple[int, bytes, int]], list[Numbered]]:
    """Return full blocks with their last numbers and how many they hold, and what is left over.

    A block is found by its last number alone. So it ends where another one stands between two
    of its events.
    """
    blocks: list[tuple[int, bytes, int]] = []
    block: list[Numbered] = []
    size = before = 0
    for body in bodies:
        number = body[0]
        if block and number > before + 1:
            between = connection.execute(SELECT_BETWEEN, (before, number)).fetchone()
            if between is not None:
                blocks.append((before, pack(block), len(block)))
                block, size = [], 0
        before = number
        block.append(body)
        size += len(body[2]) + len(body[3] or "")
        if len(block) == BLOCK_EVENTS or size >= BLOCK_BYTES:
            blocks.append((number, pack(block), len(block)))
            block, size = [], 0
    return blocks, block


def remove(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Remove bodies for good, from blocks too, inside a transaction; numbers in their order."""
    connection.executemany(DELETE_BODY, ((number,) for number in numbers))
    waiting = list(numbers)
    while waiting:
        found = connection.execute(SELECT_BLOCK_AT, (waiting[0],)).fetchone()
        if found is None:
            return
        last, data = found
        here = {number for number in waiting if number <= last}
        block = unpack(data)
        if here & block.keys():
            rest = [(number, *body) for number, body in block.items() if number not in here]
            connection.execute(UPDATE_BLOCK, (pack(rest), last))
        waiting = [number for number in waiting if number > last]
