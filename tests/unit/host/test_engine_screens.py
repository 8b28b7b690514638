"""Alternate screen, clearing and resizing: where line numbers could go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.host.conftest import OpenEngine
    from tests.unit.host.screens import Screen

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


def numbered(first: int, end: int) -> bytes:
    return b"".join(b"%d\r\n" % number for number in range(first, end))


@pytest.fixture
def engine(open_engine: OpenEngine) -> Screen:
    """Lines 0 to 9, of which the last three and an empty one are on the screen."""
    engine = open_engine()
    engine.feed(numbered(0, 10))
    return engine


@pytest.mark.behaves("alternate screen", source="4")
def test_the_alternate_screen_stands_where_the_primary_one_was(engine: Screen) -> None:
    engine.feed(ENTER + b"\x1b[Hfull screen")

    assert (engine.overflow, engine.history, engine.cursor) == (0, 7, (11, 7))
    assert engine.texts() == [str(n) for n in range(7)] + ["full screen", "", "", ""]


def test_reading_the_history_meanwhile_leaves_no_trace(engine: Screen) -> None:
    engine.feed(ENTER + b"\x1b[2;5H\x1b[31mred")
    engine.take_changed()
    engine.texts()
    engine.feed(b"\x1b[?47$p")

    assert engine.take_replies() == b"\x1b[?47;2$y"
    assert not engine.take_changed()
    engine.feed(b"der")
    assert engine.screen() == ["", "\0\0\0\0redder", "", ""]
    assert len(engine.lines(8, 1, styles=True)[0].styles) == 2
    engine.feed(LEAVE + b"back")
    assert engine.screen() == ["7", "8", "9", "back"]


def test_history_cannot_be_reached_in_the_middle_of_a_sequence(engine: Screen) -> None:
    engine.feed(ENTER + b"\x1b[Hx\x1b[")

    assert engine.texts() == ["x", "", "", ""]
    engine.feed(b"31my")
    assert engine.texts() == [str(n) for n in range(7)] + ["xy", "", "", ""]


@pytest.mark.parametrize("cut", range(1, 9))
def test_lines_written_just_before_switching_are_counted(engine: Screen, cut: int) -> None:
    data = numbered(10, 20) + ENTER
    engine.feed(data[:-cut])
    engine.feed(data[-cut:])

    assert engine.history == 17


def test_a_burst_through_both_screens_is_counted(engine: Screen) -> None:
    engine.feed(ENTER + b"pager" + LEAVE + numbered(10, 20) + ENTER + b"pager")

    assert engine.history == 17
    engine.feed(LEAVE + numbered(20, 21))
    assert engine.texts() == [str(number) for number in range(21)] + [""]


@pytest.mark.behaves("alternate screen", source="4")
def test_output_that_scrolls_the_alternate_screen_is_not_history(engine: Screen) -> None:
    engine.feed(ENTER + numbered(100, 200))

    assert engine.history == 7


@pytest.mark.behaves("clearing", source="4")
def test_clearing_the_scrollback_drops_its_lines_for_good(engine: Screen) -> None:
    engine.feed(b"\x1b[3J")

    assert (engine.overflow, engine.history) == (7, 0)
    assert engine.texts() == ["7", "8", "9", ""]


def test_a_reset_drops_every_line_and_numbers_go_on(engine: Screen) -> None:
    engine.feed(b"\x1bc")

    assert (engine.overflow, engine.history, engine.cursor) == (7, 0, (0, 7))
    engine.feed(b"fresh")
    assert engine.texts() == ["fresh", "", "", ""]


def test_a_reset_between_lines_of_one_write_runs_no_number_backwards(engine: Screen) -> None:
    engine.feed(numbered(10, 15) + b"\x1bc" + numbered(0, 10))

    assert engine.overflow >= 11
    assert engine.texts() == [str(number) for number in range(10)] + [""]


@pytest.mark.behaves("height", source="4")
def test_a_taller_screen_takes_lines_back_from_the_history(engine: Screen) -> None:
    engine.resize(20, 8)

    assert (engine.overflow, engine.history) == (0, 3)
    assert engine.texts() == [str(number) for number in range(10)] + [""]


@pytest.mark.behaves("height", source="4")
def test_a_shorter_screen_moves_lines_into_the_history(engine: Screen) -> None:
    engine.resize(20, 2)

    assert (engine.overflow, engine.history) == (0, 9)
    assert engine.texts() == [str(number) for number in range(10)] + [""]


@pytest.mark.behaves("lost lines", source="4")
def test_lines_dropped_before_never_come_back(open_engine: OpenEngine) -> None:
    engine = open_engine(scrollback=3)
    engine.feed(numbered(0, 100))
    engine.resize(20, 10)

    assert engine.overflow == 94
    assert engine.texts()[:7] == ["94", "95", "96", "97", "98", "99", ""]
    engine.resize(10, 10)
    assert engine.overflow == 94
    assert engine.texts()[0] == "94"


@pytest.mark.behaves("width", source="4")
def test_a_narrower_screen_wraps_lines_anew_and_keeps_the_oldest_number(engine: Screen) -> None:
    engine.feed(b"a" * 15)
    engine.resize(10, 4)

    assert engine.overflow == 0
    assert [line.text for line in engine.lines(0, 3, styles=False)] == ["0", "1", "2"]
    assert engine.screen()[-2:] == ["a" * 10, "a" * 5]


def test_rewrapping_drops_what_no_longer_fits_the_scrollback(open_engine: OpenEngine) -> None:
    engine = open_engine(20, 4, scrollback=10)
    engine.feed((b"x" * 19 + b"\r\n") * 13)
    engine.resize(10, 4)

    assert engine.history == 10
    assert engine.overflow > 0
    engine.resize(20, 4)
    assert engine.history <= 10


def test_places_are_followed_through_a_resize(engine: Screen) -> None:
    engine.feed(b"a" * 20 + b"\r\nb")
    places = [(0, 3), (15, 10), (0, 11), (99, 11)]
    moved = engine.resize(10, 6, follow=places)

    assert moved[0] == (0, 3)
    assert moved[1] == (5, 11)
    assert moved[2] == (0, 12)
    assert moved[3] == (10, 12)
    assert [line.text for line in engine.lines(12, 1, styles=False)] == ["b"]


def test_a_place_that_is_gone_or_never_was_is_none(open_engine: OpenEngine) -> None:
    engine = open_engine(scrollback=2)
    engine.feed(numbered(0, 10))

    assert engine.resize(10, 4, follow=[(0, 4), (0, 11), (0, -1), (-1, 6)]) == [None] * 4


def test_resizing_while_the_alternate_screen_shows_keeps_the_history(engine: Screen) -> None:
    engine.feed(ENTER + b"\x1b[Hpager")
    moved = engine.resize(10, 6, follow=[(0, 2)])

    assert moved == [(0, 2)]
    assert engine.texts()[: engine.history] == [str(n) for n in range(engine.history)]
    assert engine.screen()[0] == "pager"
    engine.feed(LEAVE)
    assert engine.texts()[:10] == [str(number) for number in range(10)]


def test_resizing_in_the_middle_of_a_sequence_follows_places_too(engine: Screen) -> None:
    engine.feed(ENTER + b"\x1b[")

    assert engine.resize(10, 6, follow=[(0, 2)]) == [(0, 2)]
    engine.feed(b"m" + LEAVE + numbered(10, 20))
    assert engine.texts() == [str(number) for number in range(20)] + [""]


def test_a_program_cannot_change_the_width(engine: Screen) -> None:
    engine.feed(b"".join(b"%d\r\n" % number for number in range(10)))
    engine.feed(b"\x1b[?40h\x1b[?3h" + b"x" * 30)

    assert engine.lines(0, 7, styles=False)[6].text == "6"
    assert [line.width for line in engine.lines(engine.top, 2, styles=False)] == [20, 10]
    assert engine.cursor == (10, engine.top + 1)


def test_the_history_alone_is_read_under_the_alternate_screen(engine: Screen) -> None:
    engine.feed(numbered(0, 10) + ENTER)

    assert [line.text for line in engine.lines(0, 3, styles=False)] == ["0", "1", "2"]


def test_after_a_resize_in_the_middle_of_a_sequence_the_history_is_read(engine: Screen) -> None:
    engine.feed(b"a" * 50 + ENTER + b"\x1b")
    engine.resize(60, 30)
    engine.feed(b"[31mr")

    assert engine.texts()[:2] == ["0", "1"]
    engine.feed(LEAVE)
    assert engine.texts()[:11] == [*map(str, range(10)), "a" * 50]
