"""Where the panes of a tab stand on the screen. Pure.

Each pane has a row with its title above it, so a row of panes is one row higher than the host
says. Panes of the host are one cell apart: between columns stands a line, between rows a title.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE_ROWS = 1
STATUS_ROWS = 1
GAP = 1


@dataclass(frozen=True, slots=True)
class Pane:
    """A session's pane, by its grid."""

    session_id: str
    columns: int
    rows: int
    title: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """Panes side by side when vertical, else one above the other."""

    vertical: bool
    children: tuple[Pane | Split, ...]


Node = Pane | Split


@dataclass(frozen=True, slots=True)
class Placed:
    """A pane's cells begin at column `x` and row `y`; its title stands in the row above."""

    pane: Pane
    x: int
    y: int

    @property
    def center(self) -> tuple[float, float]:
        """Return the middle of the pane."""
        return self.x + self.pane.columns / 2, self.y + self.pane.rows / 2


@dataclass(frozen=True, slots=True)
class Divider:
    """A line downwards from row `y`."""

    x: int
    y: int
    rows: int


def span(node: Node) -> tuple[int, int]:
    """Return the columns and rows of the host's grid that a node covers."""
    if isinstance(node, Pane):
        return node.columns, node.rows
    parts = [span(child) for child in node.children]
    along, across = (0, 1) if node.vertical else (1, 0)
    length = sum(part[along] for part in parts) + GAP * (len(parts) - 1)
    breadth = max((part[across] for part in parts), default=0)
    return (length, breadth) if node.vertical else (breadth, length)


def place(node: Node, x: int = 0, y: int = 0) -> Iterator[Placed | Divider]:
    """Yield panes and lines; `y` is the row of the topmost titles."""
    if isinstance(node, Pane):
        yield Placed(node, x, y + TITLE_ROWS)
        return
    for number, child in enumerate(node.children):
        if number and node.vertical:
            yield Divider(x - GAP, y, span(node)[1] + TITLE_ROWS)
        yield from place(child, x, y)
        columns, rows = span(child)
        if node.vertical:
            x += columns + GAP
        else:
            y += rows + GAP


def panes(node: Node) -> list[Placed]:
    """Return the panes in reading order."""
    return [one for one in place(node) if isinstance(one, Placed)]


def neighbour(node: Node, session_id: str, direction: str) -> str:
    """Return the nearest session left, right, above or below; the same when there is none."""
    placed = panes(node)
    here = next((one for one in placed if one.pane.session_id == session_id), None)
    if here is None:
        return session_id
    axis = 0 if direction in {"left", "right"} else 1
    sign = 1 if direction in {"right", "down"} else -1

    def edges(one: Placed) -> tuple[int, int]:
        start = (one.x, one.y)[axis]
        return start, start + (one.pane.columns, one.pane.rows)[axis]

    def distance(one: Placed) -> tuple[float, float]:
        ahead = sign * (one.center[axis] - here.center[axis])
        return ahead, abs(one.center[1 - axis] - here.center[1 - axis])

    def beyond(one: Placed) -> bool:
        start, end = edges(here)
        return edges(one)[0] >= end if sign > 0 else edges(one)[1] <= start

    found = [one for one in placed if beyond(one)]
    return min(found, key=distance, default=here).pane.session_id


def after(node: Node, session_id: str) -> str:
    """Return the session after one in reading order, and the first after the last."""
    ids = [one.pane.session_id for one in panes(node)]
    return ids[(ids.index(session_id) + 1) % len(ids)] if session_id in ids else session_id
