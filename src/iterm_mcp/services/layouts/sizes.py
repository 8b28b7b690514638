"""How many cells each pane of a layout gets: exactly, to the last one. Pure."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.layouts import Pane, StandingPane
from iterm_mcp.models.sessions import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.layouts import Node, Splitter, StandingNode

DIVIDER = 1
"""Cells between two panes. iTerm2's dividers are thinner; it rounds."""

LEAST = 2
"""The fewest columns and rows of a pane."""


def allot(node: Node, total: Size) -> list[Size]:
    """Return the size of every leaf, in reading order, of a tree that fills `total`.

    Children with fixed cells get them. The others share by weight what those and the dividers
    leave, to the last cell, and none gets less than it needs.

    Raises:
        InvalidRequestError: There is no room for some pane.
    """
    sizes: list[Size] = []
    _allot(node, total, sizes)
    return sizes


def divide(splitter: Splitter, length: int) -> list[int]:
    """Return how much of its own length each child of a splitter gets.

    Raises:
        InvalidRequestError: There is no room for some pane.
    """
    children = splitter.children
    least = [_least(child, vertical=splitter.vertical) for child in children]
    if any(child.cells is not None and child.cells < needed
           for child, needed in zip(children, least, strict=True)):  # fmt: skip
        raise _no_room("a fixed size")
    fixed = sum(child.cells or 0 for child in children)
    left = length - DIVIDER * (len(children) - 1) - fixed
    elastic = [at for at, child in enumerate(children) if child.cells is None]
    shares = _share(
        left, [Fraction(children[at].weight) for at in elastic], [least[at] for at in elastic]
    )
    parts = [child.cells or 0 for child in children]
    for at, part in zip(elastic, shares, strict=True):
        parts[at] = part
    return parts


def span(node: StandingNode) -> Size:
    """Return the size that a standing tree covers."""
    if isinstance(node, StandingPane):
        return node.size
    parts = [span(child) for child in node.children]
    gaps = DIVIDER * (len(parts) - 1)
    if node.vertical:
        return Size(sum(part.columns for part in parts) + gaps, max(part.rows for part in parts))
    return Size(max(part.columns for part in parts), sum(part.rows for part in parts) + gaps)


def _allot(node: Node, total: Size, sizes: list[Size]) -> None:
    if isinstance(node, Pane):
        if min(total.columns, total.rows) < LEAST:
            raise _no_room(f"{total.columns}x{total.rows} cells")
        sizes.append(total)
        return
    parts = divide(node, total.columns if node.vertical else total.rows)
    for child, part in zip(node.children, parts, strict=True):
        size = Size(part, total.rows) if node.vertical else Size(total.columns, part)
        _allot(child, size, sizes)


def _share(length: int, weights: Sequence[Fraction], least: Sequence[int]) -> list[int]:
    """Divide cells by weight, each at least its least.

    Who would get less than that gets just that; among the others the shares add up to the cell,
    and nobody is off by a whole one.
    """
    if length < sum(least):
        raise _no_room(f"{length} cells")
    parts = list(least)
    open_ = list(range(len(weights)))
    while True:
        left = length - sum(part for at, part in enumerate(parts) if at not in open_)
        whole = sum(weights[at] for at in open_)
        small = [at for at in open_ if left * weights[at] < least[at] * whole]
        if not small:
            ends = [_rounded(left * end / whole) for end in accumulate(weights[at] for at in open_)]
            for at, (start, end) in zip(open_, pairwise([0, *ends]), strict=True):
                parts[at] = end - start
            return parts
        open_ = [at for at in open_ if at not in small]


def _rounded(value: Fraction) -> int:
    """Round halves up: so a span of whole cells keeps its length wherever it begins."""
    return int((2 * value + 1) // 2)


def _least(node: Node, *, vertical: bool) -> int:
    """Return the fewest columns (`vertical`) or rows that a node can do with."""
    if isinstance(node, Pane):
        return LEAST
    needs = [_least(child, vertical=vertical) for child in node.children]
    if node.vertical != vertical:
        return max(needs)
    wants = (child.cells or need for child, need in zip(node.children, needs, strict=True))
    return sum(wants) + DIVIDER * (len(needs) - 1)


def _no_room(what: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"the panes do not fit: {what} would be too little for some of them",
        hint=f"Ask for fewer panes or other sizes: each has {LEAST} columns and rows at least.",
    )
