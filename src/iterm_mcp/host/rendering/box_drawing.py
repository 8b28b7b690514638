"""Box-drawing characters (U+2500 to U+257F) as lines that meet at their cells' edges."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

from iterm_mcp.host.rendering.shapes import HEIGHT, WIDTH, Box, Path, Shape, area, line

_CENTRE_X, _CENTRE_Y = WIDTH // 2, HEIGHT // 2
_LIGHT, _HEAVY, _DOUBLE = 1, 2, 3
_WEIGHTS = {"LIGHT": _LIGHT, "SINGLE": _LIGHT, "HEAVY": _HEAVY, "DOUBLE": _DOUBLE}
_ARMS = {
    "LEFT": ("left",), "RIGHT": ("right",), "UP": ("up",), "DOWN": ("down",),
    "HORIZONTAL": ("left", "right"), "VERTICAL": ("up", "down"),
}  # fmt: skip
_AROUND = {
    "left": ("right", "up", "down"), "right": ("left", "up", "down"),
    "up": ("down", "left", "right"), "down": ("up", "left", "right"),
}  # fmt: skip
"""The arm opposite to each, and the arms at its sides."""
_LEVEL = ("left", "right")
_DASHES = {"DOUBLE": 2, "TRIPLE": 3, "QUADRUPLE": 4}


def box_drawing(character: str) -> Shape:
    """Return the lines of a character from U+2500 to U+257F."""
    words = unicodedata.name(character).removeprefix("BOX DRAWINGS ").split()
    if "DIAGONAL" in words:
        falling, rising = line((0, 0), (WIDTH, HEIGHT)), line((0, HEIGHT), (WIDTH, 0))
        path = falling + rising if "CROSS" in words else rising if "RIGHT" in words[:4] else falling
        return Shape(path, stroked=True)
    if "ARC" in words:
        return Shape(_arc("RIGHT" in words, "DOWN" in words), stroked=True)
    if "DASH" in words:
        return Shape(area(*_dashes(_DASHES[words[1]], words[0] == "HEAVY", words[-1])))
    return Shape(area(*_lines(_arms(words))))


def _arms(words: list[str]) -> dict[str, int]:
    """Read a name: a weight stands before the directions it is for, or after them."""
    arms: dict[str, int] = {}
    weight = _LIGHT
    after = words[-1] in _WEIGHTS
    for word in reversed(words) if after else words:
        if word in _WEIGHTS:
            weight = _WEIGHTS[word]
        else:
            arms.update(dict.fromkeys(_ARMS.get(word, ()), weight))
    return arms


def _lines(arms: dict[str, int]) -> list[Box]:
    """Return the bars from the middle to the edges, joined as the characters show them."""
    boxes = []
    for name, (opposite, before, after) in _AROUND.items():
        weight = arms.get(name)
        if weight is None:
            continue
        sides = arms.get(before, 0), arms.get(after, 0)
        if weight == _DOUBLE:
            for offset, (near, far) in ((-1, sides), (1, sides[::-1])):
                reach = -(near == _DOUBLE) if near else int(far == _DOUBLE)
                boxes.append(_bar(name, reach, offset, 1))
            continue
        if opposite in arms:
            reach = 0
        elif sides == (_DOUBLE, _DOUBLE):
            reach = -1
        else:
            reach = int(max(sides) > _LIGHT)
        thick = weight == _HEAVY
        boxes.append(_bar(name, reach, -thick, 3 if thick else 1))
    return boxes


def _bar(arm: str, reach: int, offset: int, thickness: int) -> Box:
    """Return a bar from `reach` pixels beyond the middle to an edge, moved aside by `offset`."""
    across = (_CENTRE_Y if arm in _LEVEL else _CENTRE_X) + offset
    end = across + thickness
    if arm == "right":
        return Box(_CENTRE_X - reach, across, WIDTH, end)
    if arm == "left":
        return Box(0, across, _CENTRE_X + 1 + reach, end)
    if arm == "down":
        return Box(across, _CENTRE_Y - reach, end, HEIGHT)
    return Box(across, 0, end, _CENTRE_Y + 1 + reach)


def _dashes(count: int, heavy: bool, direction: str) -> list[Box]:  # noqa: FBT001
    level = direction == "HORIZONTAL"
    length, middle = (WIDTH, _CENTRE_Y) if level else (HEIGHT, _CENTRE_X)
    near, far = middle - heavy, middle + 1 + heavy
    gap = 1 if level else 2
    cuts = [length * number // count for number in range(count + 1)]
    spans = [(start, end - gap) for start, end in pairwise(cuts)]
    return [Box(a, near, b, far) if level else Box(near, a, far, b) for a, b in spans]


def _arc(right: bool, down: bool) -> Path:  # noqa: FBT001
    x, y = _CENTRE_X + 0.5, _CENTRE_Y + 0.5
    edge_x, edge_y = WIDTH if right else 0, HEIGHT if down else 0
    return (("M", (edge_x, y)), ("Q", (x, y, x, y + (x if down else -x))), ("V", (edge_y,)))
