"""Layouts as values: presets, checks, splits in order. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.models.layouts import Pane, Splitter
from iterm_mcp.models.sessions import Direction
from iterm_mcp.services.layouts import sizes as layout_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterm_mcp.models.layouts import Node

MAX_PANES = 64
MAX_DEPTH = 16
LEAST_CHILDREN = 2


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
        InvalidRequestError: A splitter has fewer than two children or none that may stretch, a
            size makes no sense, the tree is too deep or too large, or two panes have one name,
            session or agent.
    """
    flat = _flatten(node, depth=0)
    panes = list(leaves(flat))
    if len(panes) > MAX_PANES:
        raise InvalidRequestError(
            f"{len(panes)} panes are more than the {MAX_PANES} that a tab may have",
            hint="Spread them over several layouts.",
        )
    _check_unique(panes)
    return flat


def leaves(node: Node) -> Iterator[Pane]:
    """Yield the panes in reading order."""
    if isinstance(node, Pane):
        yield node
    else:
        for child in node.children:
            yield from leaves(child)


def with_leaves(node: Node, panes: Iterator[Pane]) -> Node:
    """Return the same tree with other panes, in reading order."""
    if isinstance(node, Pane):
        return next(panes)
    return replace(node, children=tuple(with_leaves(child, panes) for child in node.children))


def splits(node: Node) -> list[Split]:
    """Return the steps that build a normalised tree from the one pane of leaf 0.

    The children of a splitter are all made before any of them is split itself, so that each
    new pane lands beside its elder sibling and becomes that splitter's child.
    """
    steps: list[Split] = []
    _plan(node, 0, steps)
    return steps


def _line(panes: Sequence[Pane], *, vertical: bool) -> Node:
    if len(panes) == 1:
        return panes[0]
    return Splitter(vertical=vertical, children=tuple(panes))


def _check_unique(panes: Sequence[Pane]) -> None:
    seen: set[tuple[str, str]] = set()
    for pane in panes:
        agent = None if pane.agent is None else pane.agent.name
        for what, value in (
            ("are named", pane.program.name),
            ("take session", pane.session_id),
            ("hold agent", agent),
        ):
            if value is not None and (what, value) in seen:
                raise InvalidRequestError(
                    f"two panes {what} {shown(value)!r}", hint="Name each only once."
                )
            seen.add((what, value or ""))


def _flatten(node: Node, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise InvalidRequestError(
            f"the layout is nested more than {MAX_DEPTH} deep", hint="Flatten it."
        )
    if not 0 < node.weight < float("inf"):
        raise InvalidRequestError(
            f"a size of {node.weight:g} is no share", hint="Give a positive number."
        )
    if isinstance(node, Pane):
        return node
    if len(node.children) < LEAST_CHILDREN:
        raise InvalidRequestError(
            "a split has at least two children", hint="Put the single pane in its place."
        )
    if all(child.cells is not None for child in node.children):
        raise InvalidRequestError(
            "all children of a split have a fixed number of cells",
            hint="Leave cells out for one of them at least: it takes what the others leave.",
        )
    children: list[Node] = []
    for child in (_flatten(child, depth + 1) for child in node.children):
        if isinstance(child, Splitter) and child.vertical == node.vertical:
            children += _dissolved(child)
        else:
            children.append(child)
    return replace(node, children=tuple(children))


def _dissolved(node: Splitter) -> list[Node]:
    """Return a splitter's children as those of the one around it, which splits the same way."""
    if node.cells is not None:
        parts = layout_sizes.divide(node, node.cells)
        return [replace(one, cells=part) for one, part in zip(node.children, parts, strict=True)]
    whole = sum(one.weight for one in node.children if one.cells is None)
    return [replace(one, weight=node.weight * one.weight / whole) for one in node.children]


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
