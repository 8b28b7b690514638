"""Which pane lies in which direction of another. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from iterm_mcp.host.tree import DIVIDER, Pane, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.host.tree import Node, Splitter

Direction = Literal["left", "right", "above", "below"]

_Box = tuple[int, int, int, int]  # left, top, right, bottom


def neighbour(root: Splitter, session_id: str, direction: Direction) -> str | None:
    """Return the session next to a session's pane, by the middle of its edge; None at the rim."""
    boxes = dict(_boxes(root, 0, 0))
    left, top, right, bottom = boxes[session_id]
    x, y = {
        "left": (left - DIVIDER - 1, (top + bottom) // 2),
        "right": (right + DIVIDER, (top + bottom) // 2),
        "above": ((left + right) // 2, top - DIVIDER - 1),
        "below": ((left + right) // 2, bottom + DIVIDER),
    }[direction]
    for other, box in boxes.items():
        # What lies in a divider counts to the pane before it.
        if box[0] <= x < box[2] + DIVIDER and box[1] <= y < box[3] + DIVIDER:
            return other
    return None


def _boxes(node: Node, left: int, top: int) -> Iterator[tuple[str, _Box]]:
    if isinstance(node, Pane):
        yield node.session_id, (left, top, left + node.columns, top + node.rows)
        return
    for child in node.children:
        yield from _boxes(child, left, top)
        columns, rows = span(child)
        if node.vertical:
            left += columns + DIVIDER
        else:
            top += rows + DIVIDER
