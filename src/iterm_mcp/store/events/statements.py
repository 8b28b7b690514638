"""The statements of a query, and the windows of numbers that they are run over. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.store.events.selecting import Selection

FIRST_WINDOW = 2048
LAST_WINDOW = 131_072
GROWTH = 4

FEW = 300
"""So few candidates are each looked up in the full-text index, instead of the other way round."""


def windows(selection: Selection, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield parts of a range of numbers in the order of the answer, small ones first.

    What is asked for is mostly near, and between two windows there is a time to stop. A question
    to the full-text index has its costs at the beginning, and is asked once.
    """
    size = high - low + 1 if selection.match else FIRST_WINDOW
    while low <= high:
        if selection.newest_first:
            yield max(low, high - size + 1), high
            high -= size
        else:
            yield low, min(high, low + size - 1)
            low += size
        size = min(size * GROWTH, LAST_WINDOW)


def candidates_sql(selection: Selection) -> str:
    """Return how many events the index leaves, as far as it matters."""
    return (
        f"SELECT count(*) FROM (SELECT 1 FROM events e INDEXED BY {selection.index}"  # noqa: S608
        f" WHERE {selection.indexed} AND e.number BETWEEN :low AND :high LIMIT {FEW + 1})"
    )


def numbers_sql(selection: Selection, *, few: bool = False) -> str:
    """Return the statement that finds numbers, in order, at most ``:limit``.

    Args:
        few: There are few candidates by the index; only with words.
    """
    source, order = _source(selection, few=few)
    return f"SELECT {order} FROM {source} ORDER BY {_ordered(order, selection)} LIMIT :limit"  # noqa: S608


def texts_sql(selection: Selection, *, few: bool = False) -> str:
    """Return the statement that finds numbers, subjects and texts, in order.

    The text is NULL where it stands in a block.
    """
    source, order = _source(selection, few=few, columns=True)
    source = source.replace(" WHERE ", " LEFT JOIN bodies b ON b.number = e.number WHERE ", 1)
    return (
        f"SELECT e.number, e.subject, b.text FROM {source}"  # noqa: S608 - our own words
        f" ORDER BY {_ordered(order, selection)}"
    )


def _source(selection: Selection, *, few: bool, columns: bool = False) -> tuple[str, str]:
    """Return tables with conditions, and what the answer is ordered by."""
    between = "BETWEEN :low AND :high"
    if not selection.match:
        index = f" INDEXED BY {selection.index}" if selection.index else ""
        return f"events e{index} WHERE e.number {between} AND {selection.where}", "e.number"
    if few:
        tables = f"events e INDEXED BY {selection.index} CROSS JOIN search"
        return (
            f"{tables} ON search.rowid = e.number"
            f" WHERE e.number {between} AND {selection.where} AND search MATCH :match"
        ), "e.number"
    matching = f"search MATCH :match AND search.rowid {between}"
    if selection.where == "1" and not columns:
        return f"search WHERE {matching}", "search.rowid"
    tables = "search CROSS JOIN events e ON e.number = search.rowid"
    return f"{tables} WHERE {matching} AND {selection.where}", "search.rowid"


def _ordered(column: str, selection: Selection) -> str:
    return f"{column} DESC" if selection.newest_first else column
