"""Which processes belong to which tree. Pure.

A child belongs to its parent's tree, and stays in it when its parent ends and another takes its
place. Of what was never seen as a child, three things tell whose it is: a group of the system that
holds it, the POSIX session that a member leads or led, and what stands in its environment.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterm_mcp.services.resources.table import ZOMBIES, is_row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from iterm_mcp.services.agents.processes import ProcessId
    from iterm_mcp.services.resources.table import Row, Table

    Claims = Callable[[Row], str]
    """Returns the key of the tree whose mark a process carries; empty for none."""


@dataclass(frozen=True, slots=True)
class Root:
    """Where a tree begins.

    Attributes:
        owns_session: All of the POSIX session in which it runs is its, once nobody's child.
        held: Ids of processes that a group of the system holds for it.
    """

    process: ProcessId
    owns_session: bool = True
    held: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Members:
    """What belongs to a tree.

    Attributes:
        rows: By id, the root first while it is there.
        sessions: POSIX sessions that members lead, or led, and in which some still are.
    """

    rows: Mapping[int, Row] = field(default_factory=dict)
    sessions: frozenset[int] = frozenset()


NOBODY = Members()


def gather(
    table: Table,
    roots: Mapping[str, Root],
    before: Mapping[str, Members],
    *,
    user: int,
    spared: Collection[int],
    claims: Claims,
) -> dict[str, Members]:
    """Return who belongs to each tree now.

    A process belongs to the tree of the nearest root above it, so to one at most.

    Args:
        before: What this returned for the table before.
        user: Whose processes are taken that are nobody's children.
        spared: Processes that belong to no tree, with all that stands below them alone.
    """
    search = _Search(table, spared)
    _begin(search, table, roots, before)
    search.descend()
    sessions = _sessions(table, roots, before, search)
    for row in search.free(user):
        if _is_nobodys(row, table) and row.session != row.pid:
            search.take(row, sessions.get(row.session, ""))
    for row in search.free(user):
        search.take(row, claims(row))
    search.descend()
    return search.found(roots, sessions)


def _begin(
    search: _Search, table: Table, roots: Mapping[str, Root], before: Mapping[str, Members]
) -> None:
    """Give trees their roots, then who was in them before, then whom the system holds in them."""
    for key, root in roots.items():
        row = table.get(root.process.pid)
        if row is not None and is_row(row, root.process):
            search.take(row, key)
    for key in roots:
        for one in before.get(key, NOBODY).rows.values():
            row = table.get(one.pid)
            if row is not None and row.process == one.process:
                search.take(row, key)
    for key, root in roots.items():
        for pid in root.held:
            if pid in table:
                search.take(table[pid], key)


class _Search:
    """Gives processes to trees, each once."""

    def __init__(self, table: Table, spared: Collection[int]) -> None:
        self._table = table
        self._spared = frozenset(spared) | {0, 1}
        self._owner: dict[int, str] = {}
        self._new: deque[int] = deque()
        self._children: dict[int, list[Row]] = {}
        for row in table.values():
            self._children.setdefault(row.parent, []).append(row)

    def take(self, row: Row, key: str) -> None:
        """Give a process to a tree, unless it has one or must not."""
        if key and row.pid not in self._owner and row.pid not in self._spared:
            self._owner[row.pid] = key
            self._new.append(row.pid)

    def descend(self) -> None:
        """Give their trees all that stands below the processes taken since the last time."""
        while self._new:
            pid = self._new.popleft()
            for child in self._children.get(pid, ()):
                if child.born >= self._table[pid].born:
                    self.take(child, self._owner[pid])

    def free(self, user: int) -> Iterator[Row]:
        """Yield a user's processes that have no tree and may have one."""
        for row in self._table.values():
            if row.owner == user and row.pid not in self._owner and row.pid not in self._spared:
                yield row

    def owner(self, pid: int) -> str:
        """Return the tree of a process; empty for none."""
        return self._owner.get(pid, "")

    def found(self, roots: Mapping[str, Root], sessions: Mapping[int, str]) -> dict[str, Members]:
        """Return all trees; those of which nothing is left are empty."""
        rows: dict[str, dict[int, Row]] = {key: {} for key in roots}
        for key, root in roots.items():  # the root first
            if self.owner(root.process.pid) == key:
                rows[key][root.process.pid] = self._table[root.process.pid]
        for pid, key in self._owner.items():
            rows[key].setdefault(pid, self._table[pid])
        led: dict[str, set[int]] = {key: set() for key in roots}
        for session, key in sessions.items():
            led[key].add(session)
        return {
            key: Members(
                {pid: row for pid, row in mine.items() if row.state not in ZOMBIES},
                frozenset(led[key]),
            )
            for key, mine in rows.items()
        }


def _sessions(
    table: Table, roots: Mapping[str, Root], before: Mapping[str, Members], search: _Search
) -> dict[int, str]:
    """Return the POSIX sessions that are all one tree's.

    While anybody is in a session its id is no other's, so one that was a tree's stays that tree's
    for as long as some member is in it.
    """
    found: dict[int, str] = {}
    for row in table.values():
        key = search.owner(row.pid)
        if not key:
            continue
        root = roots[key]
        led = row.session == row.pid or row.session in before.get(key, NOBODY).sessions
        own = root.owns_session and row.pid == root.process.pid
        if led or own:
            found.setdefault(row.session, key)
    return found


def _is_nobodys(row: Row, table: Table) -> bool:
    """Tell whether a process has lost its parent: another took its place, outside its session."""
    parent = table.get(row.parent)
    return row.parent <= 1 or parent is None or parent.session != row.session
