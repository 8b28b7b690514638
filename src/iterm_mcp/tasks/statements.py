"""Statements that are built once and run again and again.

On SQLite the driver itself runs them: SQLAlchemy's way to it and back takes several times as long
as what SQLite does. On Postgres it is the way to the server that takes long, and SQLAlchemy does.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from sqlalchemy.exc import DBAPIError, MultipleResultsFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import sqlalchemy as sa
    from sqlalchemy import Connection, Dialect

Record: TypeAlias = Any
"""A row; its columns are those of the query that it comes from."""

_NOTHING: Mapping[str, object] = {}


class Statement:
    """A statement with named parameters; those of an ``insert`` or ``update`` name columns as well.

    All rows are read at once, whichever way they are asked for.
    """

    def __init__(self, built: sa.Executable) -> None:
        self._built = built
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def run(self, connection: Connection, values: Mapping[str, object] = _NOTHING) -> None:
        """Run it.

        Args:
            values: Of its parameters.

        Raises:
            SQLAlchemyError: The database did not do it, or a parameter has no value.
        """
        self._rows(connection, values)

    def all(
        self, connection: Connection, values: Mapping[str, object] = _NOTHING
    ) -> Sequence[Record]:
        """Return its rows; see `run`."""
        return self._rows(connection, values)

    def one_or_none(
        self, connection: Connection, values: Mapping[str, object] = _NOTHING
    ) -> Record | None:
        """Return its row, if it has one; see `run`."""
        rows = self._rows(connection, values)
        if len(rows) > 1:
            raise MultipleResultsFound(f"{len(rows)} rows where one was expected")
        return rows[0] if rows else None

    def scalars(self, connection: Connection, values: Mapping[str, object] = _NOTHING) -> list[Any]:
        """Return the first column of its rows; see `run`."""
        return [row[0] for row in self._rows(connection, values)]

    def scalar(self, connection: Connection, values: Mapping[str, object] = _NOTHING) -> Any:  # noqa: ANN401 - as the column is
        """Return the first column of its first row; None if there is no row. See `run`."""
        rows = self._rows(connection, values)
        return rows[0][0] if rows else None

    def _rows(self, connection: Connection, values: Mapping[str, object]) -> Sequence[Record]:
        if connection.dialect.name != "sqlite":
            result = connection.execute(self._built, values)
            return result.all() if result.returns_rows else ()
        names = tuple(values)
        compiled = self._compiled.get(names)
        if compiled is None:  # two threads may do so at once: either is as good
            compiled = self._compiled[names] = _compile(self._built, connection.dialect, names)
        return compiled.rows(connection, values)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement in SQLite's words.

    Attributes:
        parameters: The name of each, in their order.
        fixed: The values of those that are part of the statement.
        row: Makes a row of what SQLite returns; None where it returns nothing.
        readers: What turns a value of SQLite's into ours, by its column.
    """

    text: str
    parameters: Sequence[str]
    fixed: Mapping[str, object]
    row: Callable[[Sequence[object]], Record] | None
    readers: Sequence[tuple[int, Callable[[Any], object]]]

    def rows(self, connection: Connection, values: Mapping[str, object]) -> Sequence[Record]:
        given = {**self.fixed, **values} if self.fixed else values
        driver = cast("sqlite3.Connection", connection.connection.dbapi_connection)
        try:
            found = driver.execute(self.text, [given[one] for one in self.parameters]).fetchall()
        except sqlite3.Error as error:
            raise DBAPIError.instance(
                self.text, None, error, sqlite3.Error, dialect=connection.dialect
            ) from error
        if self.row is None:
            return ()
        if self.readers:
            found = [self._read(one) for one in found]
        return list(map(self.row, found))

    def _read(self, found: Sequence[object]) -> Sequence[object]:
        values = list(found)
        for at, reader in self.readers:
            values[at] = reader(values[at])
        return values


def _compile(built: sa.Executable, dialect: Dialect, names: Sequence[str]) -> _Compiled:
    compiled: Any = cast("sa.ClauseElement", built).compile(
        dialect=dialect, column_keys=list(names)
    )
    state = compiled.construct_expanded_state(dict.fromkeys(names))
    parameters = tuple(state.positiontup)
    columns = list(getattr(built, "exported_columns", ()))
    make: Any = namedtuple  # noqa: PYI024 - of names that are known only now
    # What is computed has no name, and is found by where it stands.
    row = make("Row", [one.key for one in columns], rename=True)
    readers = [
        (at, one.type.dialect_impl(dialect).result_processor(dialect, None))
        for at, one in enumerate(columns)
    ]
    return _Compiled(
        state.statement,
        parameters,
        {one: state.parameters[one] for one in {*parameters} - {*names}},
        row._make if columns else None,
        [(at, reader) for at, reader in readers if reader is not None],
    )
