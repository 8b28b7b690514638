"""The bytes that turn one picture into another, played by a real emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.attach.frame import BLANK, Frame, cells_of, changes
from iterm_mcp.host.engine import Engine

if TYPE_CHECKING:
    from iterm_mcp.attach.frame import Cell

COLUMNS, ROWS = 9, 3
GLYPHS: list[list[Cell]] = [
    [(text, style), ("", style)] if text == "字" else [(text, style)]
    for text in ("a", "é", "字", " ")
    for style in ("", "1", "38;5;1", "48;2;1;2;3")
]


def _frame(rows: list[list[list[Cell]]], cursor: tuple[int, int] | None = None) -> Frame:
    frame = Frame(COLUMNS, ROWS, cursor)
    for y, glyphs in enumerate(rows):
        frame.put(0, y, [cell for glyph in glyphs for cell in glyph], COLUMNS)
    return frame


frames = st.builds(
    _frame,
    st.lists(st.lists(st.sampled_from(GLYPHS), max_size=COLUMNS), max_size=ROWS),
    st.none() | st.tuples(st.integers(0, COLUMNS - 1), st.integers(0, ROWS - 1)),
)


def _shown(engine: Engine) -> list[tuple[str, list[object]]]:
    found: list[tuple[str, list[object]]] = []
    for line in engine.lines(engine.history, ROWS, styles=True):
        looks: list[object] = [
            (run.style.bold, run.style.foreground.kind, run.style.background.value)
            for run in line.styles
            for _ in range(run.cells)
        ]
        text = line.text.replace("\0", " ")
        while text.endswith(" ") and looks and looks[-1] == (False, "default", 0):
            text, looks = text[:-1], looks[:-1]
        found.append((text, looks))
    return found


def _terminal() -> Engine:
    return Engine(COLUMNS, ROWS, scrollback=0, on_osc=lambda _: None)


@given(st.lists(frames, min_size=1, max_size=4))
def test_a_terminal_that_was_sent_only_changes_shows_the_last_picture(
    pictures: list[Frame],
) -> None:
    bit_by_bit, at_once = _terminal(), _terminal()
    before = None
    for picture in pictures:
        bit_by_bit.feed(changes(before, picture))
        before = picture
    at_once.feed(changes(None, pictures[-1]))
    assert _shown(bit_by_bit) == _shown(at_once)
    assert [text.rstrip() for text, _ in _shown(at_once)] == pictures[-1].text()
    if pictures[-1].cursor is not None:
        assert bit_by_bit.cursor[0] == pictures[-1].cursor[0]
    bit_by_bit.close()
    at_once.close()


def test_the_same_picture_takes_no_bytes() -> None:
    one, same = Frame(4, 2), Frame(4, 2)
    assert changes(one, same) == b""
    same.put(0, 0, cells_of("x"), 4)
    assert changes(one, same) != b""


def test_one_changed_letter_takes_few_bytes_whatever_the_size() -> None:
    one, other = Frame(200, 50), Frame(200, 50)
    other.put(10, 10, cells_of("x"), 1)
    sent = changes(one, other)
    assert b"\x1b[11;11Hx" in sent
    assert len(sent) < 50
    assert sent.startswith(b"\x1b[?2026h")
    assert sent.endswith(b"\x1b[?2026l")


def test_another_size_is_drawn_afresh() -> None:
    assert b"\x1b[2J" in changes(Frame(4, 2), Frame(5, 2))


def test_only_the_cursor_moving_is_a_change() -> None:
    assert b"\x1b[2;3H\x1b[?25h" in changes(Frame(4, 2), Frame(4, 2, (2, 1)))
    assert b"\x1b[?25h" not in changes(Frame(4, 2, (2, 1)), Frame(4, 2))


def test_a_wide_letter_is_not_cut_in_two() -> None:
    frame = Frame(5, 1)
    frame.put(0, 0, cells_of("a字"), 2)
    assert frame.cells[0][:3] == [("a", ""), BLANK, BLANK]
    frame.put(7, 0, cells_of("beyond"), 3)
    frame.put(0, 9, cells_of("beyond"), 3)
    assert frame.text() == ["a"]


def test_what_cannot_be_printed_is_left_out_of_plain_text() -> None:
    assert cells_of("a\x1b\u202eb", "7") == [("a", "7"), ("b", "7")]
