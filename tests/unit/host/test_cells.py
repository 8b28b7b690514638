from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.host import cells
from iterm_mcp.host.cells import build_line
from iterm_mcp.host.lines import PLAIN, Color, Line, Style, StyleRun
from iterm_mcp.host.styles import decode_style

BOLD = Style(bold=True)
CLUSTER, PALETTE, RGB = 1, 2, 3
WIDE, TAIL, HEAD = 1, 2, 3


def cell(
    text: str = "\0", *, tag: int = 0, style: int = 0, wide: int = 0, link: bool = False
) -> int:
    return tag | ord(text) << 2 | style << 26 | wide << 42 | link << 45


def written(text: str) -> list[int]:
    return [cell(letter) for letter in text]


class Row:
    """What a row of one style, "bold", answers."""

    def __init__(self, clusters: dict[int, str] | None = None) -> None:
        self.clusters = clusters or {}
        self.asked: list[int] = []

    def cluster(self, column: int) -> str:
        return self.clusters[column]

    def style(self, column: int) -> Style:
        self.asked.append(column)
        return BOLD

    def linked_style(self, column: int) -> Style:
        return Style(url=f"http://{column // 2}")


def line(row: list[int], source: Row | None = None, *, styles: bool = False) -> Line:
    source = source or Row()
    return build_line(
        row, source, clusters=bool(source.clusters), soft_wrapped=False, styles=styles
    )


def test_cells_never_written_are_dropped_at_the_end_and_zero_inside() -> None:
    found = line([cell(), *written("a"), cell(), *written("b "), cell(), cell()])

    assert found.text == "\0a\0b "
    assert found.cells == ((1, 5),)


def test_an_empty_row_has_no_runs() -> None:
    assert line([cell()] * 80, styles=True) == Line("")


def test_a_wide_character_is_its_cell_and_one_without_code_points() -> None:
    found = line([*written("a"), cell("漢", wide=WIDE), cell(wide=TAIL), *written("b"), cell()])

    assert found.text == "a漢b"
    assert found.cells == ((1, 2), (0, 1), (1, 1))
    assert found.width == 4


def test_a_wide_character_at_the_end_keeps_its_second_cell() -> None:
    found = line([cell("漢", wide=WIDE), cell(wide=TAIL), cell()])

    assert (found.text, found.cells) == ("漢", ((1, 1), (0, 1)))


def test_the_gap_before_a_wide_character_that_did_not_fit_is_dropped() -> None:
    assert line([*written("a"), cell(wide=HEAD)]).text == "a"


def test_a_cluster_counts_all_its_code_points() -> None:
    found = line([cell("e", tag=CLUSTER), *written("x")], Row({0: "e\u0301"}))

    assert (found.text, found.cells) == ("e\u0301x", ((2, 1), (1, 1)))


def test_a_cluster_and_a_wide_character_are_not_mistaken_for_plain_cells() -> None:
    row = [cell("e", tag=CLUSTER), cell("漢", wide=WIDE), cell(wide=TAIL)]

    assert line(row, Row({0: "e\u0301"})).cells == ((2, 1), (1, 1), (0, 1))


def test_styles_are_asked_for_once_a_run_and_cover_the_text_only() -> None:
    source = Row()
    row = [*written("a"), cell("b", style=3), cell("c", style=3), cell("d"), cell(style=3)]

    assert line([*row[:4], cell()], source, styles=True).styles == (
        StyleRun(PLAIN, 1),
        StyleRun(BOLD, 2),
        StyleRun(PLAIN, 1),
    )
    assert source.asked == [1]


def test_neighbours_that_look_alike_become_one_run() -> None:
    row = [cell("a", style=1), cell("b", style=2)]

    assert line(row, styles=True).styles == (StyleRun(BOLD, 2),)


def test_links_that_touch_are_told_apart() -> None:
    row = [cell(letter, link=True) for letter in "abcd"]

    assert line(row, styles=True).styles == (
        StyleRun(Style(url="http://0"), 2),
        StyleRun(Style(url="http://1"), 2),
    )


def test_a_cell_erased_with_a_background_keeps_it() -> None:
    row = [PALETTE | 4 << 2, RGB | 0x030201 << 2, *written("x")]
    found = line(row, styles=True)

    assert found.text == "\0\0x"
    assert [run.style.background for run in found.styles] == [
        Color("palette", 4),
        Color("rgb", 0x010203),
        Color("default"),
    ]


def test_styles_are_left_out_unless_asked_for() -> None:
    assert line([cell("b", style=3)]).styles == ()


def test_the_table_of_known_cells_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "_MAX_TABLE", 4)
    table = cells._CellText()

    assert [table[cell(letter)] for letter in "abcdefgh"] == list("abcdefgh")
    assert len(table) <= 4


@given(st.lists(st.integers(min_value=0, max_value=2**42 - 1).filter(lambda bits: bits & 3 != 1)))
def test_runs_always_cover_the_text(row: list[int]) -> None:
    row = [bits & ~(0x1FFFFF << 2) | ((bits >> 2) & 0xFFFF) << 2 for bits in row]
    found = line(row, styles=True)

    assert sum(size * repeats for size, repeats in found.cells) == len(found.text)
    assert sum(run.cells for run in found.styles) == found.width
    assert not found.text.endswith("\0")


@pytest.mark.parametrize("clusters", [{}, {1: "e\u0301"}])
def test_cells_erased_with_a_colour_are_kept_at_the_end_on_demand(clusters: dict[int, str]) -> None:
    row = [cell("a"), cell("e", tag=CLUSTER if clusters else 0), cell(), cell(tag=PALETTE), cell()]
    source = Row(clusters)

    found = build_line(
        row, source, clusters=bool(clusters), soft_wrapped=False, styles=True, erased=True
    )

    assert found.text == "a" + clusters.get(1, "e") + "\0\0"
    assert found.width == sum(run.cells for run in found.styles) == 4
    assert found.styles[-1] == StyleRun(Style(background=Color("palette", 0)), 1)
    assert line(row, source).width == 2


def record(
    *, colors: tuple[tuple[int, ...], ...] = ((0,),) * 3, flags: str = "", kind: int = 0
) -> bytes:
    names = ("bold", "italic", "faint", "blink", "inverse", "invisible", "strike", "overline")
    packed = struct.pack("=Q", 72)
    for tag, *value in colors:
        packed += struct.pack("=I4x", tag) + bytes(value).ljust(8, b"\0")
    packed += bytes(name in flags.split() for name in names)
    return packed + struct.pack("=i4x", kind)


def test_no_attribute_is_the_plain_style() -> None:
    assert decode_style(record()) == PLAIN


@pytest.mark.parametrize("name", ["bold", "italic", "faint", "blink", "inverse", "invisible"])
def test_each_attribute_is_its_own(name: str) -> None:
    assert decode_style(record(flags=name)) == Style(**{name: True})  # type: ignore[arg-type]


def test_strikethrough_overline_and_the_shape_of_an_underline_are_read() -> None:
    assert decode_style(record(flags="strike", kind=3)) == Style(
        strikethrough=True, underline=True, underline_shape="curly"
    )
    assert decode_style(record(flags="overline", kind=5)) == Style(
        overline=True, underline=True, underline_shape="dashed"
    )


def test_colours_are_palette_rgb_or_default() -> None:
    style = decode_style(record(colors=((1, 7), (2, 1, 2, 3), (1, 9))), "http://x")

    assert style == Style(
        foreground=Color("palette", 7),
        background=Color("rgb", 0x010203),
        underline_color=Color("palette", 9),
        url="http://x",
    )
