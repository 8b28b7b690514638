"""Block, Braille and Powerline characters as shapes that fill their cells.

Fonts differ in how high these are, and gaps between rows would show.
"""

from __future__ import annotations

from functools import cache

from iterm_mcp.host.rendering.box_drawing import box_drawing
from iterm_mcp.host.rendering.shapes import HEIGHT, WIDTH, Box, Shape, area, line

_HALF_X, _HALF_Y = WIDTH // 2, HEIGHT // 2
_QUADRANTS = (0b0100, 0b1000, 0b0001, 0b1101, 0b1001, 0b0111, 0b1011, 0b0010, 0b0110, 0b1110)
"""U+2596 to U+259F: upper left is the lowest bit, then upper right, lower left, lower right."""
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""The column and row of each dot of Braille, by its bit."""
_TO_RIGHT = ((0, 0), (WIDTH, _HALF_Y), (0, HEIGHT))
_TO_LEFT = ((WIDTH, 0), (0, _HALF_Y), (WIDTH, HEIGHT))


@cache
def shape_of(character: str) -> Shape | None:
    """Return how to draw a character, or None when a font has to."""
    if len(character) == 1:
        if "\u2500" <= character <= "\u257f":
            return box_drawing(character)
        if "\u2801" <= character <= "\u28ff":
            return Shape(area(*_dots(ord(character) & 0xFF)))
    return _SHAPES.get(character)


def _dots(bits: int) -> list[Box]:
    places = [place for bit, place in enumerate(_DOTS) if bits >> bit & 1]
    return [Box(1 + 5 * x, 2 + 5 * y, 3 + 5 * x, 4 + 5 * y) for x, y in places]


def _quarters(bits: int) -> list[Box]:
    xs, ys = (0, _HALF_X, WIDTH), (0, _HALF_Y, HEIGHT)
    places = [divmod(bit, 2) for bit in range(4) if bits >> bit & 1]
    return [Box(xs[x], ys[y], xs[x + 1], ys[y + 1]) for y, x in places]


def _blocks() -> dict[str, Shape]:
    whole = Box(0, 0, WIDTH, HEIGHT)
    boxes = {
        "\u2580": Box(0, 0, WIDTH, _HALF_Y),
        "\u2590": Box(_HALF_X, 0, WIDTH, HEIGHT),
        "\u2594": Box(0, 0, WIDTH, round(HEIGHT / 8)),
        "\u2595": Box(WIDTH - round(WIDTH / 8), 0, WIDTH, HEIGHT),
    }
    for eighths in range(1, 9):
        boxes[chr(0x2580 + eighths)] = Box(0, HEIGHT - HEIGHT * eighths // 8, WIDTH, HEIGHT)
    for eighths in range(1, 8):
        boxes[chr(0x2590 - eighths)] = Box(0, 0, max(1, WIDTH * eighths // 8), HEIGHT)
    shapes = {character: Shape(area(box), crisp=True) for character, box in boxes.items()}
    for quarters in range(1, 4):
        shapes[chr(0x2590 + quarters)] = Shape(area(whole), opacity=quarters / 4, crisp=True)
    for number, bits in enumerate(_QUADRANTS):
        shapes[chr(0x2596 + number)] = Shape(area(*_quarters(bits)), crisp=True)
    return shapes


_SHAPES = _blocks() | {
    "\ue0b0": Shape(line(*_TO_RIGHT, closed=True)),
    "\ue0b1": Shape(line(*_TO_RIGHT), stroked=True),
    "\ue0b2": Shape(line(*_TO_LEFT, closed=True)),
    "\ue0b3": Shape(line(*_TO_LEFT), stroked=True),
}
