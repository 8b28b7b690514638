"""Windows, tabs and split trees, with sizes in cells. Pure.

The invariants are the app's: a tab's root is always a splitter, even around a single pane; any
other splitter has at least two children and splits the other way than its parent. All tabs of
a window fill the same grid. Between two neighbours stands a divider of one cell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MINIMUM = 2
"""A pane has at least two columns and two rows."""

MAXIMUM = 1000
"""A pane or window has at most so many of each: every cell takes memory, and time."""

DIVIDER = 1


class CannotSplitError(Exception):
    """The pane has no room for two."""


class WrongTreeError(Exception):
    """The tree that was given does not look like the one that stands."""


@dataclass(eq=False, slots=True)
class Pane:
    """A leaf: one session's place."""

    session_id: str
    columns: int
    rows: int


@dataclass(eq=False, slots=True)
class Splitter:
    """An inner node. `vertical`: the dividers are, so the children stand side by side."""

    vertical: bool
    children: list[Pane | Splitter]


Node = Pane | Splitter


@dataclass(eq=False, slots=True)
class Tab:
    """One tab: a tree and the pane that has its focus."""

    tab_id: str
    root: Splitter
    active: str

    def panes(self) -> Iterator[Pane]:
        """Yield the panes in reading order."""
        return panes(self.root)


@dataclass(eq=False, slots=True)
class Window:
    """One window; `number` is 0-based and free numbers are used again."""

    window_id: str
    number: int
    columns: int
    rows: int
    tabs: list[Tab] = field(default_factory=list)
    selected: Tab | None = None
    origin: tuple[int, int] = (0, 0)


def within_bounds(length: int) -> int:
    """Return the number of columns or rows that is nearest to this one and allowed."""
    return min(max(length, MINIMUM), MAXIMUM)


def panes(node: Node) -> Iterator[Pane]:
    """Yield the panes below a node in reading order."""
    if isinstance(node, Pane):
        yield node
    else:
        for child in node.children:
            yield from panes(child)


def span(node: Node) -> tuple[int, int]:
    """Return the columns and rows that a node covers, dividers included."""
    if isinstance(node, Pane):
        return node.columns, node.rows
    parts = [span(child) for child in node.children]
    gaps = DIVIDER * (len(parts) - 1)
    if node.vertical:
        return sum(part[0] for part in parts) + gaps, max(part[1] for part in parts)
    return max(part[0] for part in parts), sum(part[1] for part in parts) + gaps


def minimum(node: Node) -> tuple[int, int]:
    """Return the least columns and rows that a node can do with."""
    if isinstance(node, Pane):
        return MINIMUM, MINIMUM
    parts = [minimum(child) for child in node.children]
    gaps = DIVIDER * (len(parts) - 1)
    if node.vertical:
        return sum(part[0] for part in parts) + gaps, max(part[1] for part in parts)
    return max(part[0] for part in parts), sum(part[1] for part in parts) + gaps


def fit(node: Node, columns: int, rows: int) -> None:
    """Give a node this size; children keep their shares, and nobody falls below the minimum."""
    if isinstance(node, Pane):
        node.columns, node.rows = columns, rows
        return
    axis = 0 if node.vertical else 1
    length = (columns, rows)[axis] - DIVIDER * (len(node.children) - 1)
    shares = share(
        length,
        [span(child)[axis] for child in node.children],
        [minimum(child)[axis] for child in node.children],
    )
    for child, part in zip(node.children, shares, strict=True):
        fit(child, part, rows) if node.vertical else fit(child, columns, part)


def resize(node: Splitter, session_id: str, columns: int, rows: int) -> bool:
    """Give one pane this size; tell whether it is below this node.

    What stands beside it becomes as high, what stands above or below it as wide, as far as that
    has room for its own panes; otherwise everybody keeps his size, and the total changes.
    """
    for child in node.children:
        if isinstance(child, Splitter):
            if not resize(child, session_id, columns, rows):
                continue
        elif child.session_id == session_id:
            child.columns, child.rows = columns, rows
        else:
            continue
        width, height = span(child)
        for other in node.children:
            if other is not child and node.vertical:
                fit(other, span(other)[0], height)
            elif other is not child:
                fit(other, width, span(other)[1])
        return True
    return False


def share(length: int, weights: Sequence[int], least: Sequence[int]) -> list[int]:
    """Divide a length by weight, exactly, giving each at least its least.

    When even the least does not fit, each gets its least and the sum is larger.
    """
    total = sum(weights) or 1
    ends = [round(length * sum(weights[: n + 1]) / total) for n in range(len(weights))]
    parts = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    for index, floor in enumerate(least):
        while parts[index] < floor:
            giver = max(range(len(parts)), key=lambda n: parts[n] - least[n])
            if parts[giver] <= least[giver]:
                parts[index] = floor
                break
            parts[giver] -= 1
            parts[index] += 1
    return parts


def split(tab: Tab, session_id: str, new_id: str, *, vertical: bool, before: bool) -> Pane:
    """Put a new pane beside one that stands.

    Raises:
        CannotSplitError: One of the two would fall below the minimum.
    """
    parent, pane = find(tab.root, session_id)
    columns, rows = span(tab.root)
    new = Pane(new_id, pane.columns, pane.rows)
    if len(parent.children) == 1:
        parent.vertical = vertical
    if parent.vertical == vertical:
        axis = 0 if vertical else 1
        whole = span(parent)[axis] - DIVIDER * len(parent.children)
        least = sum(minimum(child)[axis] for child in parent.children) + MINIMUM
        if whole < least:
            raise CannotSplitError
        at = parent.children.index(pane) + (0 if before else 1)
        width, height = span(parent)
        parent.children.insert(at, new)
        _equalise(parent, width, height)
    else:
        length = pane.columns if vertical else pane.rows
        if length < 2 * MINIMUM + DIVIDER:
            raise CannotSplitError
        inner = Splitter(vertical, [new, pane] if before else [pane, new])
        parent.children[parent.children.index(pane)] = inner
        _equalise(inner, pane.columns, pane.rows)
    fit(tab.root, columns, rows)
    return new


def remove(tab: Tab, session_id: str) -> bool:
    """Take a pane out; its neighbours get the room. False when the tab is empty now."""
    columns, rows = span(tab.root)
    parent, pane = find(tab.root, session_id)
    parent.children.remove(pane)
    if not tab.root.children:
        return False
    tab.root = _collapse(tab.root)
    fit(tab.root, columns, rows)
    if tab.active == session_id:
        tab.active = next(panes(tab.root)).session_id
    return True


def find(root: Splitter, session_id: str) -> tuple[Splitter, Pane]:
    """Return a pane and its parent.

    Raises:
        KeyError: It is not below this root.
    """
    for child in root.children:
        if isinstance(child, Pane):
            if child.session_id == session_id:
                return root, child
        else:
            try:
                return find(child, session_id)
            except KeyError:
                continue
    raise KeyError(session_id)


def apply_sizes(root: Splitter, wanted: Splitter) -> None:
    """Take over the sizes of a tree of the same shape; the total grows or shrinks with them.

    Raises:
        WrongTreeError: Orientation, number of children or kind differ somewhere.
    """
    _check_shape(root, wanted)
    for pane, size in zip(panes(root), panes(wanted), strict=True):
        pane.columns, pane.rows = within_bounds(size.columns), within_bounds(size.rows)
    fit(root, *span(root))


def _check_shape(one: Node, other: Node) -> None:
    if isinstance(one, Pane) or isinstance(other, Pane):
        if type(one) is not type(other):
            raise WrongTreeError
        return
    single = len(one.children) == 1
    if len(one.children) != len(other.children) or (one.vertical != other.vertical and not single):
        raise WrongTreeError
    for mine, theirs in zip(one.children, other.children, strict=True):
        _check_shape(mine, theirs)


def _equalise(node: Splitter, columns: int, rows: int) -> None:
    axis = 0 if node.vertical else 1
    length = (columns, rows)[axis] - DIVIDER * (len(node.children) - 1)
    least = [minimum(child)[axis] for child in node.children]
    parts = share(length, [1] * len(node.children), least)
    for child, part in zip(node.children, parts, strict=True):
        fit(child, part, rows) if node.vertical else fit(child, columns, part)


def _collapse(root: Splitter) -> Splitter:
    """Restore the invariants after a pane was taken out."""
    for index, child in enumerate(root.children):
        if isinstance(child, Splitter):
            root.children[index] = _tidy(child)
    flat: list[Node] = []
    for child in root.children:
        if isinstance(child, Splitter) and child.vertical == root.vertical:
            flat += child.children
        else:
            flat.append(child)
    root.children = flat
    only = root.children[0]
    if len(root.children) == 1 and isinstance(only, Splitter):
        return only
    return root


def _tidy(node: Splitter) -> Node:
    node = _collapse(node)
    return node.children[0] if len(node.children) == 1 else node


def rehearse_split(tab: Tab, session_id: str, *, vertical: bool) -> None:
    """See that a split would have room, without making it.

    Raises:
        CannotSplitError: There is no room.
    """
    copy = Tab(tab.tab_id, _copy(tab.root), tab.active)
    split(copy, session_id, "rehearsed", vertical=vertical, before=False)


def _copy(node: Splitter) -> Splitter:
    return Splitter(
        node.vertical,
        [
            Pane(child.session_id, child.columns, child.rows)
            if isinstance(child, Pane)
            else _copy(child)
            for child in node.children
        ],
    )
