"""Charts from the sums of all partitions: an event stands where it was kept, not when it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.event_queries import ChartBy, ChartRow, ChartStep, Sums
from iterm_mcp.models.events import TokenUsage
from iterm_mcp.store.events.rollups import HOUR, MINUTE
from iterm_mcp.store.events.rows import from_micros, to_micros
from iterm_mcp.store.events.schema import SUMS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from iterm_mcp.models.event_queries import ChartQuery
    from iterm_mcp.store.events.partition import Partition

MAX_ROWS = 20_000

Key = tuple[Any, ...]


class ChartPlan:
    """What a chart asks of every partition.

    Attributes:
        question: Equal for all queries that have the same answer.

    Raises:
        InvalidRequestError: Minutes know no conversations, or a time has no zone.
    """

    def __init__(self, query: ChartQuery) -> None:
        minutes = query.step is ChartStep.MINUTE
        asked = {*query.by, *(by for by, _ in query.only)}
        if minutes and ChartBy.CONVERSATION in asked:
            raise InvalidRequestError(
                "conversations are not told apart by the minute", hint="Ask for hours."
            )
        if query.since.tzinfo is None or query.until.tzinfo is None:
            raise InvalidRequestError("a time has no zone", hint="Give one with a zone.")
        width = MINUTE if minutes else HOUR
        since, until = to_micros(query.since), to_micros(query.until)
        self.since = since - since % width
        self.until = until + -until % width
        self._query = query
        self.question = self.since, self.until, query.step, query.by, query.only
        conditions = ["bucket >= :since", "bucket < :until"]
        self._values: dict[str, Any] = {"since": self.since, "until": self.until}
        for place, (by, value) in enumerate(query.only):
            conditions.append(f"{by.value} = :only{place}")
            self._values[f"only{place}"] = value
        columns = [":since" if query.step is None else "bucket", *(by.value for by in query.by)]
        self._sql = (
            f"SELECT {', '.join((*columns, *(f'sum({one})' for one in SUMS)))}"  # noqa: S608
            f" FROM {'minutes' if minutes else 'hours'} WHERE {' AND '.join(conditions)}"
            f" GROUP BY {', '.join(str(one + 1) for one in range(len(columns)))}"
        )

    def chart(
        self, partitions: Iterable[Partition], read: Callable[..., list[Key] | None]
    ) -> tuple[ChartRow, ...]:
        """Add up what all partitions have, oldest bucket first.

        Raises:
            InvalidRequestError: There are too many buckets.
        """
        total: dict[Key, list[int]] = {}
        width = len(self._query.by) + 1
        for partition in partitions:
            for row in read(partition, self._rows) or ():
                if row[width] is None:  # one sum over nothing
                    continue
                sums = total.setdefault(row[:width], [0] * len(SUMS))
                for place, one in enumerate(row[width:]):
                    sums[place] += one
            if len(total) > MAX_ROWS:
                raise InvalidRequestError(
                    f"the chart has more than {MAX_ROWS} values",
                    hint="Ask for a shorter time, for hours, or tell fewer things apart.",
                    code="chart_too_large",
                )
        return tuple(
            ChartRow(from_micros(key[0]), tuple(key[1:]), _sums(total[key]))
            for key in sorted(total)
        )

    def _rows(self, connection: sqlite3.Connection) -> list[Key]:
        return connection.execute(self._sql, self._values).fetchmany(MAX_ROWS + 1)


def _sums(values: list[int]) -> Sums:
    count, failures, duration, *usage, reported, computed, unpriced = values
    return Sums(count, failures, duration / 1e6, TokenUsage(*usage), reported, computed, unpriced)
