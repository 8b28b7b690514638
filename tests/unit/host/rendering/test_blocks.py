from __future__ import annotations

import pytest

from iterm_mcp.host.rendering.blocks import shape_of
from iterm_mcp.host.rendering.shapes import HEIGHT, WIDTH, Box, Shape, path_data

BOXES = [chr(point) for point in range(0x2500, 0x2580)]
BLOCKS = [chr(point) for point in range(0x2580, 0x25A0)]
MIDDLE_X, MIDDLE_Y = WIDTH // 2, HEIGHT // 2

# Which edges a character reaches, and where: pixels of its light (1), heavy (3) or two lines.
LIGHT, HEAVY, DOUBLE = (0,), (-1, 0, 1), (-1, 1)


def shape(character: str) -> Shape:
    found = shape_of(character)
    assert found is not None
    return found


def boxes(character: str) -> list[Box]:
    path = shape(character).path
    corners = [numbers for command, numbers in path if command in "MHV"]
    return [
        Box(int(left), int(top), int(right), int(bottom))
        for (left, top), (right,), (bottom,), _ in zip(*[iter(corners)] * 4, strict=True)
    ]


def inked(character: str) -> set[tuple[int, int]]:
    return {
        (x, y)
        for box in boxes(character)
        for x in range(box.left, box.right)
        for y in range(box.top, box.bottom)
    }


def edges(character: str) -> dict[str, tuple[int, ...]]:
    """Return which pixels at each edge are inked, counted from the middle."""
    pixels = inked(character)
    rows, columns = range(HEIGHT), range(WIDTH)
    found = {
        "left": tuple(y - MIDDLE_Y for y in rows if (0, y) in pixels),
        "right": tuple(y - MIDDLE_Y for y in rows if (WIDTH - 1, y) in pixels),
        "up": tuple(x - MIDDLE_X for x in columns if (x, 0) in pixels),
        "down": tuple(x - MIDDLE_X for x in columns if (x, HEIGHT - 1) in pixels),
    }
    return {edge: pixels for edge, pixels in found.items() if pixels}


@pytest.mark.parametrize(
    ("character", "expected"),
    [
        ("─", {"left": LIGHT, "right": LIGHT}),
        ("┃", {"up": HEAVY, "down": HEAVY}),
        ("┍", {"down": LIGHT, "right": HEAVY}),
        ("┞", {"up": HEAVY, "right": LIGHT, "down": LIGHT}),
        ("┡", {"down": LIGHT, "right": HEAVY, "up": HEAVY}),
        ("╆", {"right": HEAVY, "down": HEAVY, "left": LIGHT, "up": LIGHT}),
        ("╒", {"down": LIGHT, "right": DOUBLE}),
        ("╬", {"left": DOUBLE, "right": DOUBLE, "up": DOUBLE, "down": DOUBLE}),
        ("╫", {"left": LIGHT, "right": LIGHT, "up": DOUBLE, "down": DOUBLE}),
        ("╸", {"left": HEAVY}),
        ("╽", {"up": LIGHT, "down": HEAVY}),
    ],
)
def test_lines_reach_the_edges_that_the_character_shows(
    character: str, expected: dict[str, tuple[int, ...]]
) -> None:
    assert edges(character) == expected


def test_double_lines_leave_open_what_they_enclose() -> None:
    middle = (MIDDLE_X, MIDDLE_Y)

    assert middle not in inked("╬")
    assert middle not in inked("╔")
    assert {(MIDDLE_X - 1, MIDDLE_Y - 1), (MIDDLE_X + 1, MIDDLE_Y + 1)} <= inked("╔")
    assert (MIDDLE_X, MIDDLE_Y - 1) in inked("╔")
    assert middle in inked("╫")
    assert (MIDDLE_X, MIDDLE_Y) not in inked("╟")
    assert (MIDDLE_X - 1, MIDDLE_Y) in inked("╓")


def test_corners_have_no_notch() -> None:
    heavy = {(MIDDLE_X + x, MIDDLE_Y + y) for x in HEAVY for y in HEAVY}

    assert heavy <= inked("┏")
    assert (MIDDLE_X, MIDDLE_Y) in inked("┌")


@pytest.mark.parametrize("character", ["┄", "┅", "┈", "┉", "┆", "┊", "╌", "╎", "╍", "╏"])
def test_dashes_are_parted(character: str) -> None:
    count = {"┄": 3, "┅": 3, "┆": 3, "╌": 2, "╎": 2, "╍": 2, "╏": 2}.get(character, 4)

    assert len(boxes(character)) == count
    assert len(inked(character)) < len(inked("━" if character in "┄┅┈┉╌╍" else "┃"))


@pytest.mark.parametrize("character", [*BOXES, *BLOCKS, "\u28ff", "\u2801"])
def test_nothing_is_drawn_outside_of_the_cell(character: str) -> None:
    for command, numbers in shape(character).path:
        limits = {"H": (WIDTH,), "V": (HEIGHT,)}.get(command, (WIDTH, HEIGHT))
        for at, number in enumerate(numbers):
            assert 0 <= number <= limits[at % len(limits)]


def test_all_box_drawings_are_different() -> None:
    assert len({shape(character) for character in BOXES}) == len(BOXES)


@pytest.mark.parametrize(
    ("character", "box"),
    [
        ("█", Box(0, 0, WIDTH, HEIGHT)),
        ("▄", Box(0, HEIGHT // 2, WIDTH, HEIGHT)),
        ("▀", Box(0, 0, WIDTH, HEIGHT // 2)),
        ("▌", Box(0, 0, WIDTH // 2, HEIGHT)),
        ("▐", Box(WIDTH // 2, 0, WIDTH, HEIGHT)),
        ("▗", Box(WIDTH // 2, HEIGHT // 2, WIDTH, HEIGHT)),
    ],
)
def test_blocks_fill_their_part_of_the_cell(character: str, box: Box) -> None:
    assert boxes(character) == [box]


def test_eighths_grow() -> None:
    assert [len(inked(one)) for one in "▁▂▃▄▅▆▇█"] == sorted(len(inked(one)) for one in "▁▂▃▄▅▆▇█")
    assert len({len(inked(one)) for one in "▁▂▃▄▅▆▇█"}) == 8
    assert len({len(inked(one)) for one in "▏▎▍▌▋▊▉"}) == 7


def test_quadrants_are_made_of_quarters() -> None:
    assert inked("▙") == inked("▘") | inked("▖") | inked("▗")
    assert inked("▚") == inked("▘") | inked("▗")
    assert inked("▞") | inked("▚") == inked("█")


def test_shades_are_a_quarter_a_half_and_three_quarters() -> None:
    assert [shape(one).opacity for one in "░▒▓█"] == [0.25, 0.5, 0.75, 1]


def test_each_dot_of_braille_is_its_own() -> None:
    dots = [frozenset(inked(chr(0x2800 | 1 << bit))) for bit in range(8)]

    assert len(set(dots)) == 8
    assert set().union(*dots) == inked("\u28ff")
    assert max(x for x, _ in dots[0]) < min(x for x, _ in dots[3])
    assert max(y for _, y in dots[2]) < min(y for _, y in dots[6])


@pytest.mark.parametrize("character", ["\ue0b0", "\ue0b1", "\ue0b2", "\ue0b3"])
def test_powerline_arrows_reach_all_corners_of_their_side(character: str) -> None:
    points = {numbers for _, numbers in shape(character).path if numbers}
    back = 0 if character in "\ue0b0\ue0b1" else WIDTH

    assert {(back, 0), (back, HEIGHT), (WIDTH - back, HEIGHT // 2)} == points


@pytest.mark.parametrize("text", ["a", "", " ", "\u2800", "\u24ff", "─\u0301", "漢"])
def test_the_rest_is_left_to_fonts(text: str) -> None:
    assert shape_of(text) is None


def test_a_path_is_moved_as_a_whole() -> None:
    assert path_data(shape("╭").path, 90, 40).startswith(f"M{90 + WIDTH} 50.5Q94.5 50.5 94.5 ")
    assert path_data(shape("█").path, 9, 20) == "M9 20H18V40H9Z"
    assert path_data(shape("\u2573").path, 9, 0) == "M9 0L18 20M9 20L18 0"
