"""Which tabs change when a layout takes its place among what stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.models.layouts import Pane, StandingPane, StandingSplitter
from iterm_mcp.models.sessions import Size

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from iterm_mcp.models.ids import SessionId, TabId
    from iterm_mcp.models.layouts import Node, StandingNode, StandingTab

UNKNOWN = Size(0, 0)


@dataclass(frozen=True, slots=True)
class Moves:
    """What is to be asked of the terminal.

    Attributes:
        trees: The tabs that change.
        closing: The tabs that give all their sessions away.
        left_over: The tab's sessions that the layout has no place for.
        homeless: True when they have no tab to go to: nothing may be asked for yet.
    """

    trees: dict[TabId, StandingNode]
    closing: tuple[TabId, ...]
    left_over: tuple[SessionId, ...]
    homeless: bool


def declared(node: Node, session_ids: Iterator[SessionId]) -> StandingNode:
    """Return a declared tree as it is to stand; `session_ids` come in reading order."""
    if isinstance(node, Pane):
        return StandingPane(next(session_ids), UNKNOWN)
    return StandingSplitter(
        node.vertical, tuple(declared(child, session_ids) for child in node.children)
    )


def plan_moves(wanted: StandingNode, goal: StandingTab, tabs: Iterable[StandingTab]) -> Moves:
    """Return what gives a tab, `goal`, this tree, and every other session a place.

    Sessions of that tab that `wanted` has no place for go together, arranged as they were,
    to a tab of the same window that gives away all it had.
    """
    placed = {pane.session_id for pane in wanted.panes()}
    trees: dict[TabId, StandingNode] = {}
    closing: list[StandingTab] = []
    for tab in tabs:
        rest = without(tab.root, placed)
        if tab is goal or placed.isdisjoint(tab.session_ids()):
            continue
        if rest is None:
            closing.append(tab)
        else:
            trees[tab.tab_id] = rest
    left = without(goal.root, placed)
    spare = next((tab for tab in closing if tab.window_id == goal.window_id), None)
    if left is not None and spare is not None:
        closing.remove(spare)
        trees[spare.tab_id] = left
    if not same_shape(wanted, goal.root):
        trees[goal.tab_id] = wanted
    return Moves(
        trees=trees,
        closing=tuple(tab.tab_id for tab in closing),
        left_over=() if left is None else tuple(pane.session_id for pane in left.panes()),
        homeless=left is not None and spare is None,
    )


def without(node: StandingNode, gone: Container[SessionId]) -> StandingNode | None:
    """Return what is left of a tree without some sessions; None for nothing."""
    if isinstance(node, StandingPane):
        return None if node.session_id in gone else node
    children: list[StandingNode] = []
    for child in node.children:
        rest = without(child, gone)
        if isinstance(rest, StandingSplitter) and rest.vertical == node.vertical:
            children += rest.children
        elif rest is not None:
            children.append(rest)
    if len(children) > 1:
        return StandingSplitter(node.vertical, tuple(children))
    return children[0] if children else None


def same_shape(one: StandingNode, other: StandingNode) -> bool:
    """Tell whether two trees hold the same sessions in the same places, whatever their sizes."""
    if isinstance(one, StandingPane) or isinstance(other, StandingPane):
        return (
            isinstance(one, StandingPane)
            and isinstance(other, StandingPane)
            and one.session_id == other.session_id
        )
    return (
        one.vertical == other.vertical
        and len(one.children) == len(other.children)
        and all(same_shape(a, b) for a, b in zip(one.children, other.children, strict=True))
    )
