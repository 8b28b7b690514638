"""A cell's size, and shapes in it: pixels from its upper left corner."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

WIDTH, HEIGHT = 9, 20
"""A cell in pixels. The width is that of most monospaced fonts at 15 pixels: 0.6 of it."""

Path: TypeAlias = tuple[tuple[str, tuple[float, ...]], ...]


class Box(NamedTuple):
    """A rectangle."""

    left: int
    top: int
    right: int
    bottom: int


class Shape(NamedTuple):
    """How to draw a character.

    Attributes:
        path: Commands of an SVG path and their coordinates: M, L, Q, H, V and Z.
        stroked: A line one pixel wide instead of an area.
        opacity: Less than 1 for shades.
        crisp: Its edges fall on whole pixels, lest a seam shows beside another colour; not for
            thin lines, which could vanish in a small picture.
    """

    path: Path
    stroked: bool = False
    opacity: float = 1.0
    crisp: bool = False


def area(*boxes: Box) -> Path:
    """Return the path around rectangles."""
    path: list[tuple[str, tuple[float, ...]]] = []
    for left, top, right, bottom in boxes:
        path += [("M", (left, top)), ("H", (right,)), ("V", (bottom,)), ("H", (left,)), ("Z", ())]
    return tuple(path)


def line(*points: tuple[float, float], closed: bool = False) -> Path:
    """Return a path from point to point."""
    first, *others = points
    end: Path = (("Z", ()),) if closed else ()
    return (("M", first), *(("L", point) for point in others), *end)


def path_data(path: Path, left: float, top: float) -> str:
    """Return a path as SVG writes it, moved."""
    out: list[str] = []
    for command, numbers in path:
        moves = {"H": (left,), "V": (top,)}.get(command, (left, top))
        moved = (number + moves[at % len(moves)] for at, number in enumerate(numbers))
        out.append(command + " ".join(f"{number:g}" for number in moved))
    return "".join(out)
