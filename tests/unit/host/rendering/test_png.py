from __future__ import annotations

import struct
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from tests.unit.host.rendering.views import view_of

from iterm_mcp.host.rendering import png
from iterm_mcp.host.rendering.png import PngUnavailableError, font_files, render_png
from iterm_mcp.host.rendering.shapes import HEIGHT, WIDTH
from iterm_mcp.host.rendering.svg import MARGIN, render_svg

SCALE = int(png.SCALE)


class Pixels:
    """A PNG of eight bits and four channels, read back."""

    def __init__(self, data: bytes) -> None:
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        self.width, self.height, depth, kind = struct.unpack_from(">IIBB", data, 16)
        assert (depth, kind) == (8, 6)
        at, packed = 8, b""
        while at < len(data):
            (size,) = struct.unpack_from(">I", data, at)
            if data[at + 4 : at + 8] == b"IDAT":
                packed += data[at + 8 : at + 8 + size]
            at += size + 12
        self._rows = self._unfilter(zlib.decompress(packed))

    def _unfilter(self, raw: bytes) -> list[bytes]:
        stride = self.width * 4
        rows: list[bytes] = []
        above = bytes(stride)
        for start in range(0, len(raw), stride + 1):
            kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
            for at in range(stride):
                left = row[at - 4] if at >= 4 else 0
                corner = above[at - 4] if at >= 4 else 0
                row[at] = (row[at] + _predicted(kind, left, above[at], corner)) & 0xFF
            above = bytes(row)
            rows.append(above)
        return rows

    def row(self, y: int) -> list[int]:
        """Colours as 0xRRGGBB."""
        line = self._rows[y]
        return [int.from_bytes(line[at : at + 3]) for at in range(0, len(line), 4)]

    def cell(self, column: int, row: int) -> set[int]:
        """The colours in a cell."""
        left, top = (MARGIN + column * WIDTH) * SCALE, (MARGIN + row * HEIGHT) * SCALE
        return {
            color
            for y in range(top, top + HEIGHT * SCALE)
            for color in self.row(y)[left : left + WIDTH * SCALE]
        }


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind < 4:
        return (0, left, up, (left + up) // 2)[kind]
    distances = [abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)]
    return (left, up, corner)[distances.index(min(distances))]


def drawn(printed: str, *, columns: int = 8, rows: int = 1) -> Pixels:
    return Pixels(render_png(render_svg(view_of(printed, columns=columns, rows=rows))))


def test_a_png_has_two_pixels_for_each_of_the_picture() -> None:
    found = drawn("", columns=8, rows=2)

    width, height = 8 * WIDTH + 2 * MARGIN, 2 * HEIGHT + 2 * MARGIN
    assert (found.width, found.height) == (width * SCALE, height * SCALE)


def test_a_huge_picture_is_made_smaller() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="20000" height="30000"></svg>'

    data = render_png(svg)

    width, height = struct.unpack_from(">II", data, 16)
    assert 0.9 * png.MAX_PIXELS < width * height < 1.1 * png.MAX_PIXELS


@pytest.mark.parametrize("text", ["漢", "👍", "한", "⚡", "é", "א", "Я", "→", "¥"])
def test_each_character_stays_in_its_cells_with_fonts_of_our_own(text: str) -> None:
    found = drawn(f"\x1b[38;2;255;255;255m  {text}", columns=7)

    inked = [column for column in range(7) if found.cell(column, 0) != {0}]
    assert 2 in inked
    assert set(inked) <= {2, 3}


def test_wide_characters_do_not_touch_the_lines_between_them() -> None:
    found = drawn("\x1b[31m│\x1b[32m漢\x1b[31m│\x1b[32m👍\x1b[31m│", columns=8)

    line = found.cell(0, 0)
    assert line == found.cell(3, 0) == found.cell(6, 0)
    assert found.cell(7, 0) == {0}


def test_blocks_meet_without_a_seam() -> None:
    found = drawn("\x1b[38;2;255;0;0m███\n███", columns=3, rows=2)

    middle = found.row((MARGIN + HEIGHT) * SCALE)
    inside = middle[MARGIN * SCALE : (MARGIN + 3 * WIDTH) * SCALE]
    assert set(inside) == {0xFF0000}
    assert {found.cell(column, row) == {0xFF0000} for column in range(3) for row in range(2)} == {
        True
    }


def test_bold_is_bolder() -> None:
    plain, bold = (
        sum(map(bool, (c for y in range(found.height) for c in found.row(y))))
        for found in (drawn("mmm"), drawn("\x1b[1mmmm"))
    )

    assert bold > plain


def test_the_fonts_of_the_extra_are_found() -> None:
    names = [Path(file).name for file in font_files()]

    assert any("JetBrainsMono[" in name for name in names)
    assert any("CJK" in name for name in names)
    assert all(Path(one).is_file() for one in font_files())
    assert all(a != b for a, b in pairwise(sorted(names)))


def test_fonts_that_are_not_installed_are_not_missed() -> None:
    assert font_files(("no_such_package_of_fonts",)) == []


def test_without_the_extra_the_error_says_what_to_install() -> None:
    with pytest.raises(PngUnavailableError, match=r"pip install 'iterm-mcp\[png\]'"):
        render_png("<svg/>", renderer="no_such_renderer")
