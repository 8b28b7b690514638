from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.host.engine import EngineClosedError
from iterm_mcp.host.ghostty import MAX_REPLY_BYTES
from iterm_mcp.host.lines import Color, Style, StyleRun
from iterm_mcp.host.osc import OscEvent
from iterm_mcp.host.rendering.palette import DARK

if TYPE_CHECKING:
    from tests.unit.host.conftest import OpenEngine
    from tests.unit.host.screens import Screen


def numbered(first: int, end: int) -> bytes:
    return b"".join(b"%d\r\n" % number for number in range(first, end))


@pytest.mark.behaves("numbers", source="4")
def test_a_line_keeps_its_number_when_it_leaves_the_screen(engine: Screen) -> None:
    engine.feed(numbered(0, 10))

    assert (engine.overflow, engine.history) == (0, 7)
    assert [line.text for line in engine.lines(2, 3, styles=False)] == ["2", "3", "4"]


def test_no_more_lines_are_kept_than_the_scrollback_allows(open_engine: OpenEngine) -> None:
    engine = open_engine(scrollback=10)
    engine.feed(numbered(0, 1000))

    assert (engine.overflow, engine.history) == (987, 10)
    assert engine.texts() == [str(number) for number in range(987, 1000)] + [""]


def test_without_scrollback_only_the_screen_is_kept(open_engine: OpenEngine) -> None:
    engine = open_engine(scrollback=0)
    engine.feed(numbered(0, 5000))

    assert (engine.overflow, engine.history) == (4997, 0)
    assert engine.texts() == ["4997", "4998", "4999", ""]


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (1, 60), (80, 24), (500, 3)])
@pytest.mark.parametrize("scrollback", [0, 100, 5000])
def test_lines_pruned_in_bulk_are_counted_exactly(
    open_engine: OpenEngine, columns: int, rows: int, scrollback: int
) -> None:
    engine = open_engine(columns, rows, scrollback=scrollback)
    engine.feed(b"x\r\n" * 50_000)

    assert engine.cursor == (0, 50_000)
    assert engine.history == scrollback


def test_one_endless_line_is_counted_by_its_rows(open_engine: OpenEngine) -> None:
    engine = open_engine(100, 24, scrollback=1000)
    engine.feed(b"x" * 10_000_000)

    assert engine.cursor == (100, 99_999)
    assert all(line.soft_wrapped for line in engine.lines(engine.overflow, 1023, styles=False))


def test_lines_heavy_with_colour_keep_most_of_the_scrollback(open_engine: OpenEngine) -> None:
    engine = open_engine(80, 24, scrollback=5000)
    for number in range(20_000):
        words = (b"\x1b[38;2;%d;%d;9mw%d " % (number % 256, word, word) for word in range(16))
        engine.feed(b"".join(words) + b"\r\n")

    assert engine.cursor == (0, 20_000)
    assert 4000 <= engine.history <= 5000


def test_lines_are_clipped_to_what_is_kept(open_engine: OpenEngine) -> None:
    engine = open_engine(scrollback=2)
    engine.feed(numbered(0, 10))

    assert engine.overflow == 5
    assert [line.text for line in engine.lines(0, 7, styles=False)] == ["5", "6"]
    assert engine.lines(0, 5, styles=False) == []
    assert engine.lines(11, 5, styles=False) == []
    assert engine.lines(6, 0, styles=False) == []


@pytest.mark.behaves("wrapping", source="4")
def test_a_wrapped_line_says_that_it_goes_on(engine: Screen) -> None:
    engine.feed(b"a" * 25 + b"\r\nb")
    wrapped = [line.soft_wrapped for line in engine.lines(0, 3, styles=False)]

    assert engine.texts()[:3] == ["a" * 20, "a" * 5, "b"]
    assert wrapped == [True, False, False]


@pytest.mark.behaves("cursor", source="4")
def test_the_cursor_stands_beyond_the_last_column_while_a_wrap_pends(engine: Screen) -> None:
    engine.feed(b"a" * 20)

    assert engine.cursor == (20, 0)


@pytest.mark.behaves("empty cells", source="4")
def test_erased_cells_inside_a_row_are_zero(engine: Screen) -> None:
    engine.feed(b"ab\tcd\x1b[1;2H\x1b[X")

    assert engine.texts()[0] == "a" + "\0" * 7 + "cd"


@pytest.mark.behaves("cells", source="4")
def test_wide_characters_and_clusters_are_counted_in_code_points(engine: Screen) -> None:
    family = "👨\u200d👩\u200d👧"
    engine.feed(f"漢e\u0301{family}".encode())
    line = engine.lines(0, 1, styles=False)[0]

    assert line.text == f"漢e\u0301{family}"
    assert line.cells == ((1, 1), (0, 1), (2, 2), (0, 1), (2, 1), (0, 1), (1, 1), (0, 1))


def test_bytes_that_are_not_utf_8_are_replaced(engine: Screen) -> None:
    engine.feed(b"a\xff\xfeb")

    assert engine.texts()[0] == "a\ufffd\ufffdb"


def test_styles_come_as_runs(engine: Screen) -> None:
    engine.feed(b"a\x1b[1;31;48;2;1;2;3mbc\x1b[0;4:3;58;5;9md\x1b[0m ")

    assert engine.lines(0, 1, styles=True)[0].styles == (
        StyleRun(Style(), 1),
        StyleRun(
            Style(bold=True, foreground=Color("palette", 1), background=Color("rgb", 0x010203)),
            2,
        ),
        StyleRun(
            Style(underline=True, underline_shape="curly", underline_color=Color("palette", 9)), 1
        ),
        StyleRun(Style(), 1),
    )


@pytest.mark.behaves("OSC 8", source="7.5")
def test_a_link_is_part_of_the_style(engine: Screen) -> None:
    engine.feed(b"\x1b]8;;http://a/\x1b\\x\x1b]8;;http://b/\x1b\\y\x1b]8;;\x1b\\z")
    line = engine.lines(0, 1, styles=True)[0]

    assert [(run.style.url, run.cells) for run in line.styles] == [
        ("http://a/", 1),
        ("http://b/", 1),
        (None, 1),
    ]
    assert engine.events == []


def test_an_osc_is_reported_where_the_cursor_stands(engine: Screen) -> None:
    engine.feed(b"out\r\n\x1b]133;A\x07$ \x1b]133;B\x1b\\ls")

    assert engine.events == [
        OscEvent(133, "A", column=0, line=1),
        OscEvent(133, "B", column=2, line=1, end=b"\x1b\\"),
    ]


def test_a_prompt_that_does_not_begin_a_line_gets_one_of_its_own(engine: Screen) -> None:
    engine.feed(b"no newline\x1b]133;A\x07$ ")

    assert engine.events == [OscEvent(133, "A", column=0, line=1)]
    assert engine.texts()[:2] == ["no newline", "$ "]


def test_titles_and_unknown_oscs_are_reported(engine: Screen) -> None:
    engine.feed("\x1b]0;naïve\x07\x1b]1337;SetUserVar=a=Yg==\x07\x1b]4711\x07".encode())

    assert [(event.code, event.payload) for event in engine.events] == [
        (0, "naïve"),
        (1337, "SetUserVar=a=Yg=="),
        (4711, ""),
    ]


def test_an_osc_past_the_scrollback_has_its_absolute_line(open_engine: OpenEngine) -> None:
    engine = open_engine(scrollback=10)
    engine.feed(numbered(0, 3000) + b"\x1b]133;A\x07" + numbered(3000, 6000))

    assert engine.events == [OscEvent(133, "A", column=0, line=3000)]


def test_the_reader_of_an_osc_sees_the_terminal_as_it_was_then(engine: Screen) -> None:
    seen: list[list[str]] = []
    engine._on_osc = lambda _event: seen.append(engine.texts())
    engine.feed(b"before\x1b]2;t\x07 after")

    assert seen[0][0] == "before"


def test_questions_are_answered(engine: Screen) -> None:
    engine.feed(b"ab\x1b[6n\x1b[>q\x1b[18t\x1b[c")

    assert engine.take_replies() == (
        b"\x1b[1;3R" + b"\x1bP>|iterm-mcp\x1b\\" + b"\x1b[8;4;20t" + b"\x1b[?62;22c"
    )
    assert engine.take_replies() == b""


def test_the_size_is_answered_as_it_is_now(engine: Screen) -> None:
    engine.resize(30, 5)
    engine.feed(b"\x1b[18t")

    assert engine.take_replies() == b"\x1b[8;5;30t"


def test_replies_nobody_takes_do_not_pile_up(engine: Screen) -> None:
    engine.feed(b"\x1b[6n" * 100_000)

    assert MAX_REPLY_BYTES - 6 <= len(engine.take_replies()) <= MAX_REPLY_BYTES


@pytest.mark.behaves("bellCount", source="7.6")
def test_the_bell_is_counted(engine: Screen) -> None:
    engine.feed(b"\x07ding\x07\x1b]2;title\x07")

    assert engine.bell_count == 2


@pytest.mark.behaves("mouseReportingMode", source="7.6")
@pytest.mark.parametrize(
    ("sequence", "mode"),
    [
        (b"", -1),
        (b"\x1b[?1000h", 0),
        (b"\x1b[?9h", 0),
        (b"\x1b[?1002h", 2),
        (b"\x1b[?1003h", 3),
        (b"\x1b[?1000h\x1b[?1003h", 3),
        (b"\x1b[?1003h\x1b[?1003l", -1),
        (b"\x1b[?1006h", -1),
    ],
)
def test_the_mouse_mode_is_the_one_that_reports_most(
    engine: Screen, sequence: bytes, mode: int
) -> None:
    engine.feed(sequence)

    assert engine.mouse_mode == mode


@pytest.mark.behaves("showingAlternateScreen", "applicationKeypad", source="7.6")
@pytest.mark.parametrize(
    ("name", "on", "off"),
    [
        ("application_keypad", b"\x1b=", b"\x1b>"),
        ("application_cursor", b"\x1b[?1h", b"\x1b[?1l"),
        ("bracketed_paste", b"\x1b[?2004h", b"\x1b[?2004l"),
        ("alternate_screen", b"\x1b[?1049h", b"\x1b[?1049l"),
        ("alternate_screen", b"\x1b[?47h", b"\x1b[?47l"),
        ("alternate_screen", b"\x1b[?1049;2004h", b"\x1b[?1049l"),
    ],
)
def test_modes_follow_the_program(engine: Screen, name: str, on: bytes, off: bytes) -> None:
    states = [getattr(engine, name)]
    for sequence in (on, off):
        engine.feed(sequence)
        states.append(getattr(engine, name))

    assert states == [False, True, False]


def test_a_change_is_told_once(engine: Screen) -> None:
    told = [engine.take_changed(), engine.take_changed()]
    for data in (b"text", b"\x1b[3;3H", b"\r\n\r\n\r\n\r\n", b"\x1b[?2004h"):
        engine.feed(data)
        told += [engine.take_changed(), engine.take_changed()]

    assert told == [True, False, True, False, True, False, True, False, False, False]


def test_reading_lines_hides_no_change_and_makes_none(engine: Screen) -> None:
    engine.feed(numbered(0, 50))
    engine.lines(0, 100, styles=True)
    told = [engine.take_changed()]
    engine.lines(0, 100, styles=True)
    engine.feed(b"")
    told.append(engine.take_changed())

    assert told == [True, False]


def test_a_program_writes_to_the_screen_after_its_history_was_read(engine: Screen) -> None:
    engine.feed(numbered(0, 50))
    engine.lines(0, 1, styles=False)
    engine.feed(numbered(50, 60))

    assert engine.screen() == ["57", "58", "59", ""]


def test_compressing_keeps_every_line(open_engine: OpenEngine) -> None:
    engine = open_engine(80, 24, scrollback=5000)
    engine.feed(numbered(0, 6000))
    before = engine.lines(0, 10_000, styles=True)
    engine.take_changed()
    steps = 1
    while not engine.compress():
        steps += 1

    assert steps < 100
    assert not engine.take_changed()
    assert engine.lines(0, 10_000, styles=True) == before


def test_closing_twice_is_harmless_and_later_use_is_refused(engine: Screen) -> None:
    engine.close()
    engine.close()

    with pytest.raises(EngineClosedError, match="closed"):
        engine.feed(b"x")
    with pytest.raises(EngineClosedError):
        engine.cursor  # noqa: B018 - reading it is the point


def test_the_cursor_has_the_look_that_the_program_chose(engine: Screen) -> None:
    looks = [engine.cursor_look]
    for sequence in (b"\x1b[5 q", b"\x1b[4 q", b"\x1b[?25l", b"\x1b[?25h\x1b[0 q"):
        engine.feed(sequence)
        looks.append(engine.cursor_look)

    assert looks == ["block", "bar", "underline", None, "block"]


def test_the_colours_in_use_are_the_default_until_a_program_sets_them(engine: Screen) -> None:
    before = engine.colors()
    engine.feed(b"\x1b]4;1;#010203\x07\x1b]11;#040506\x07\x1b]12;#070809\x07\x1b[?5h")
    after = engine.colors()

    default: dict[str | int, int] = {"foreground": 0xC7C7C7, "background": 0}
    assert before == default | dict(enumerate(DARK.palette))
    changes: dict[str | int, int] = {
        1: 0x010203,
        "foreground": 0x040506,
        "background": 0xC7C7C7,
        "cursor": 0x070809,
    }
    assert after == before | changes
    assert engine.reverse_video
