"""Whose a process is by what stands in its environment, read once for each process."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterm_mcp.services.agents.processes import ProcessId
    from iterm_mcp.services.resources.table import Row, Table

ALL = "ITERM_MCP_"
"""Of an environment nothing else is kept: it may hold secrets."""

Mark = tuple[str, str]
"""A variable and its value."""


class Marks:
    """Remembers the marks of processes.

    Args:
        read: Returns a process's environment; empty where it cannot be read.
    """

    def __init__(self, read: Callable[[int], Mapping[str, str]] | None = None) -> None:
        self._read = read or _environment
        self._known: dict[ProcessId, frozenset[Mark]] = {}

    def of(self, row: Row) -> frozenset[Mark]:
        """Return the marks of a process."""
        known = self._known.get(row.process)
        if known is None:
            found = self._read(row.pid).items()
            known = frozenset((name, value) for name, value in found if name.startswith(ALL))
            self._known[row.process] = known
        return known

    def forget(self, table: Table) -> None:
        """Forget processes that have ended."""
        if len(self._known) > 2 * len(table):
            alive = {row.process for row in table.values()}
            self._known = {one: marks for one, marks in self._known.items() if one in alive}


def _environment(pid: int) -> Mapping[str, str]:
    with suppress(psutil.Error, OSError):
        return psutil.Process(pid).environ()
    return {}
