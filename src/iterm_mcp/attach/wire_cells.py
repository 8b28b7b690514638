"""From the host's messages to cells and panes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.attach.layout import Node, Pane, Split

if TYPE_CHECKING:
    from iterm2 import api_pb2 as wire

    from iterm_mcp.attach.frame import Cell

_FLAGS = (
    ("bold", "1"), ("faint", "2"), ("italic", "3"), ("underline", "4"), ("blink", "5"),
    ("inverse", "7"), ("invisible", "8"), ("strikethrough", "9"),
)  # fmt: skip


def tree_of(root: wire.SplitTreeNode) -> Node:
    """Return a tab's panes."""
    children: list[Node] = []
    for link in root.links:
        if link.HasField("session"):
            one = link.session
            size = one.grid_size
            children.append(Pane(one.unique_identifier, size.width, size.height, one.title))
        else:
            children.append(tree_of(link.node))
    return Split(root.vertical, tuple(children))


def line_cells(line: wire.LineContents) -> list[Cell]:
    """Return a line as cells; one that was never written is blank."""
    cells: list[Cell] = []
    styles = [sgr(one) for one in line.style for _ in range(one.repeats)]
    at = 0
    for run in line.code_points_per_cell:
        for _ in range(run.repeats):
            text = line.text[at : at + run.num_code_points]
            at += run.num_code_points
            style = styles[len(cells)] if len(cells) < len(styles) else ""
            cells.append((text if _harmless(text) else " ", style))
    return cells


def _harmless(text: str) -> bool:
    """Tell whether it can be printed: what a host sends is written to a person's terminal."""
    return all(one >= " " and not "\x7f" <= one <= "\x9f" for one in text)


def sgr(style: wire.CellStyle) -> str:
    """Return a style as the parameters of SGR; empty when it is plain."""
    found = [code for name, code in _FLAGS if getattr(style, name)]
    found += _color(style, "fg", 38)
    found += _color(style, "bg", 48)
    return ";".join(found)


def _color(style: wire.CellStyle, part: str, code: int) -> list[str]:
    if style.HasField(f"{part}Standard"):  # type: ignore[arg-type]
        return [f"{code};5;{getattr(style, f'{part}Standard')}"]
    if style.HasField(f"{part}Rgb"):  # type: ignore[arg-type]
        rgb = getattr(style, f"{part}Rgb")
        return [f"{code};2;{rgb.red};{rgb.green};{rgb.blue}"]
    return []
