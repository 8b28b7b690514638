"""How the sessions of a tab share its space. Pure.

A splitter's children alternate with dividers one cell wide. ``vertical`` says, as iTerm2 does,
that the dividers are vertical, so the children stand side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterm_mcp.models.layouts import StandingPane, StandingSplitter
from iterm_mcp.models.sessions import Direction, Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.layouts import StandingNode

DIVIDER = 1
LEAST = 2
"""The fewest columns or rows that a split may leave to either side."""


@dataclass
class Leaf:
    """One session's pane."""

    session_id: SessionId
    size: Size


@dataclass
class Branch:
    """A splitter with two children at least (none: an empty tab)."""

    vertical: bool
    children: list[Leaf | Branch] = field(default_factory=list)


def leaves(node: Leaf | Branch) -> Iterator[Leaf]:
    """Yield the panes in reading order."""
    if isinstance(node, Leaf):
        yield node
    else:
        for child in node.children:
            yield from leaves(child)


def split(root: Branch, session_id: SessionId, direction: Direction, new: SessionId) -> bool:
    """Put a new pane beside a session's, halving its space; False when it is too small."""
    vertical = direction in {Direction.LEFT, Direction.RIGHT}
    before = direction in {Direction.LEFT, Direction.ABOVE}
    parent, index = _place(root, session_id)
    old = parent.children[index]
    assert isinstance(old, Leaf)  # noqa: S101 - `_place` finds leaves only
    length = old.size.columns if vertical else old.size.rows
    if length < 2 * LEAST + DIVIDER:
        return False
    share = (length - DIVIDER) // 2
    added = Leaf(new, _with_length(old.size, share, vertical=vertical))
    old.size = _with_length(old.size, length - DIVIDER - share, vertical=vertical)
    if len(parent.children) == 1:
        parent.vertical = vertical
    if parent.vertical == vertical:
        parent.children.insert(index if before else index + 1, added)
    else:
        pair: list[Leaf | Branch] = [added, old] if before else [old, added]
        parent.children[index] = Branch(vertical, pair)
    return True


def remove(root: Branch, session_id: SessionId) -> None:
    """Take a session's pane away and give its space to a neighbour."""
    parent, index = _place(root, session_id)
    gone = parent.children.pop(index)
    assert isinstance(gone, Leaf)  # noqa: S101 - `_place` finds leaves only
    if parent.children:
        length = gone.size.columns if parent.vertical else gone.size.rows
        _grow(parent.children[max(0, index - 1)], length + DIVIDER, vertical=parent.vertical)
    _collapse(root)


def standing(node: Leaf | Branch) -> StandingNode:
    """Return a tree as terminals tell of it: without a splitter around a single pane."""
    if isinstance(node, Leaf):
        return StandingPane(node.session_id, node.size)
    if len(node.children) == 1:
        return standing(node.children[0])
    return StandingSplitter(node.vertical, tuple(standing(child) for child in node.children))


def spread(wanted: StandingNode, size: Size) -> Branch:
    """Return a new tree of this shape and size, whose splitters' children share evenly.

    Raises:
        LookupError: Some pane would be too small.
    """
    root = _spread(wanted, size)
    return root if isinstance(root, Branch) else Branch(vertical=True, children=[root])


def span(node: Leaf | Branch) -> Size:
    """Return the size that a tree covers."""
    if isinstance(node, Leaf):
        return node.size
    parts = [span(child) for child in node.children]
    gaps = DIVIDER * (len(parts) - 1)
    if node.vertical:
        return Size(sum(part.columns for part in parts) + gaps, max(part.rows for part in parts))
    return Size(max(part.columns for part in parts), sum(part.rows for part in parts) + gaps)


def _spread(wanted: StandingNode, size: Size) -> Leaf | Branch:
    if min(size.columns, size.rows) < LEAST:
        raise LookupError("no room")
    if isinstance(wanted, StandingPane):
        return Leaf(wanted.session_id, size)
    count = len(wanted.children)
    length = size.columns if wanted.vertical else size.rows
    share, more = divmod(length - DIVIDER * (count - 1), count)
    return Branch(
        wanted.vertical,
        [
            _spread(child, _with_length(size, share + (at < more), vertical=wanted.vertical))
            for at, child in enumerate(wanted.children)
        ],
    )


def _place(branch: Branch, session_id: SessionId) -> tuple[Branch, int]:
    """Return the branch and the position in it at which a session's pane stands."""
    for index, child in enumerate(branch.children):
        if any(leaf.session_id == session_id for leaf in leaves(child)):
            return (branch, index) if isinstance(child, Leaf) else _place(child, session_id)
    raise LookupError(session_id)


def _grow(node: Leaf | Branch, by: int, *, vertical: bool) -> None:
    """Make a node longer: its last child if it lies that way, every child if across."""
    if isinstance(node, Leaf):
        length = node.size.columns if vertical else node.size.rows
        node.size = _with_length(node.size, length + by, vertical=vertical)
        return
    for child in node.children[-1:] if node.vertical == vertical else node.children:
        _grow(child, by, vertical=vertical)


def _collapse(branch: Branch) -> None:
    """Replace every branch that has one child left by that child; the root stays."""
    for index, child in enumerate(branch.children):
        if isinstance(child, Branch):
            _collapse(child)
            if len(child.children) == 1:
                branch.children[index] = child.children[0]


def _with_length(size: Size, length: int, *, vertical: bool) -> Size:
    return Size(length, size.rows) if vertical else Size(size.columns, length)
