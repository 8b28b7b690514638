"""Layouts as values: presets, checks, splits in order, sizes in cells. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.layouts import Pane, Splitter
from iterm_mcp.models.sessions import Direction, Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_PANES = 64
MAX_DEPTH = 16
DIVIDER = 1
"""Cells between two panes. iTerm2's dividers are thinner; it rounds."""

Node = Pane | Splitter


@dataclass(frozen=True, slots=True)
class Split:
    """One step: split the pane that holds leaf `source`; the new session is leaf `target`.

    Leaves are numbered in reading order.
    """

    source: int
    target: int
    direction: Direction


def columns(panes: Sequence[Pane]) -> Node:
    """Return panes side by side."""
    return _line(panes, vertical=True)


def rows(panes: Sequence[Pane]) -> Node:
    """Return panes one below the other."""
    return _line(panes, vertical=False)


def grid(panes: Sequence[Pane], across: int) -> Node:
    """Return rows of `across` panes each; the last row may hold fewer.

    Raises:
        InvalidRequestError: `across` is not positive.
    """
    if across < 1:
        raise InvalidRequestError("a grid has at least one column", hint="Give columns >= 1.")
    lines = [panes[start : start + across] for start in range(0, len(panes), across)]
    nodes = [columns(line) for line in lines]
    return nodes[0] if len(nodes) == 1 else Splitter(vertical=False, children=tuple(nodes))


def main_stack(panes: Sequence[Pane]) -> Node:
    """Return the first pane on the left half and the others stacked on the right."""
    if len(panes) == 1:
        return panes[0]
    return Splitter(vertical=True, children=(panes[0], rows(panes[1:])))


def normalise(node: Node) -> Node:
    """Return the same picture as iTerm2 keeps it: no splitter within one of its own kind.

    A child that splits the same way is dissolved into its parent; its share is divided among
    its own children.

    Raises:
        InvalidRequestError: A splitter has fewer than two children, a weight is not positive,
            the tree is too deep or too large, or two panes have one name.
    """
    flat = _flatten(node, depth=0)
    panes = list(leaves(flat))
    if len(panes) > MAX_PANES:
        raise InvalidRequestError(
            f"{len(panes)} panes are more than the {MAX_PANES} that a tab may have",
            hint="Spread them over several layouts.",
        )
    seen: set[str] = set()
    for pane in panes:
        name = pane.program.name
        if name is not None and name in seen:
            raise InvalidRequestError(f"two panes are named {name!r}", hint="Make names unique.")
        seen.add(name or "")
    return flat


def leaves(node: Node) -> Iterator[Pane]:
    """Yield the panes in reading order."""
    if isinstance(node, Pane):
        yield node
    else:
        for child in node.children:
            yield from leaves(child)


def splits(node: Node) -> list[Split]:
    """Return the steps that build a normalised tree from the one pane of leaf 0.

    The children of a splitter are all made before any of them is split itself, so that each
    new pane lands beside its elder sibling and becomes that splitter's child.
    """
    steps: list[Split] = []
    _plan(node, 0, steps)
    return steps


def allot(node: Node, total: Size) -> list[Size]:
    """Return the size of every leaf, in reading order, of a tree that fills `total`.

    The cells that dividers leave are shared by weight, to the last cell.

    Raises:
        InvalidRequestError: Some pane would have no cell.
    """
    sizes: list[Size] = []
    _allot(node, total, sizes)
    if any(size.columns < 1 or size.rows < 1 for size in sizes):
        raise InvalidRequestError(
            f"{len(sizes)} panes do not fit into {total.columns}x{total.rows} cells",
            hint="Ask for fewer panes or other sizes.",
        )
    return sizes


def span(node: Node, sizes: Iterator[Size]) -> Size:
    """Return the size that a tree covers, given its leaves' sizes in reading order."""
    if isinstance(node, Pane):
        return next(sizes)
    parts = [span(child, sizes) for child in node.children]
    gaps = DIVIDER * (len(parts) - 1)
    if node.vertical:
        return Size(sum(part.columns for part in parts) + gaps, max(part.rows for part in parts))
    return Size(max(part.columns for part in parts), sum(part.rows for part in parts) + gaps)


def _line(panes: Sequence[Pane], *, vertical: bool) -> Node:
    if len(panes) == 1:
        return panes[0]
    return Splitter(vertical=vertical, children=tuple(panes))


def _flatten(node: Node, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise InvalidRequestError(
            f"the layout is nested more than {MAX_DEPTH} deep", hint="Flatten it."
        )
    if not node.weight > 0 or node.weight == float("inf"):
        raise InvalidRequestError(
            f"a size of {node.weight:g} is no share", hint="Give a positive number."
        )
    if isinstance(node, Pane):
        return node
    if len(node.children) < 2:  # noqa: PLR2004 - what a split is
        raise InvalidRequestError(
            "a split has at least two children", hint="Put the single pane in its place."
        )
    children: list[Node] = []
    for child in (_flatten(child, depth + 1) for child in node.children):
        if isinstance(child, Splitter) and child.vertical == node.vertical:
            whole = sum(one.weight for one in child.children)
            children += [
                replace(one, weight=child.weight * one.weight / whole) for one in child.children
            ]
        else:
            children.append(child)
    return replace(node, children=tuple(children))


def _plan(node: Node, first: int, steps: list[Split]) -> int:
    """Append the steps for a node whose first leaf is `first`; return how many leaves it has."""
    if isinstance(node, Pane):
        return 1
    direction = Direction.RIGHT if node.vertical else Direction.BELOW
    starts: list[int] = []
    start = first
    for child in node.children:
        starts.append(start)
        start += sum(1 for _ in leaves(child))
    steps += [Split(before, after, direction) for before, after in pairwise(starts)]
    for child, at in zip(node.children, starts, strict=True):
        _plan(child, at, steps)
    return start - first


def _allot(node: Node, total: Size, sizes: list[Size]) -> None:
    if isinstance(node, Pane):
        sizes.append(total)
        return
    length = total.columns if node.vertical else total.rows
    parts = _share(length - DIVIDER * (len(node.children) - 1), [c.weight for c in node.children])
    for child, part in zip(node.children, parts, strict=True):
        size = Size(part, total.rows) if node.vertical else Size(total.columns, part)
        _allot(child, size, sizes)


def _share(length: int, weights: list[float]) -> list[int]:
    """Divide cells by weight so that they add up exactly and nobody is off by a whole cell."""
    whole = sum(weights)
    ends = [round(length * sum(weights[: n + 1]) / whole) for n in range(len(weights))]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]
