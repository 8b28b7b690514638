"""What one engine hands to another is all that can be seen of it, and all that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.host.screens import Screen, opened
from tests.unit.host.test_engine_properties import anything, scrollbacks, sizes

from iterm_mcp.host.ghostty import EmulatorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def seen(screen: Screen) -> dict[str, Any]:
    """All that can be asked of an engine."""
    return {
        "lines": screen.lines(0, 1 << 30, styles=True, erased=True),
        "cursor": screen.cursor,
        "look": screen.cursor_look,
        "colours": screen.colors(),
        "top": (screen.overflow, screen.history),
        "alternate": screen.alternate_screen,
        "mouse": screen.mouse_mode,
        "modes": (
            screen.application_keypad,
            screen.application_cursor,
            screen.bracketed_paste,
            screen.reverse_video,
        ),
        "bells": screen.bell_count,
    }


def handed_on(screen: Screen, scrollback: int) -> Screen:
    other = Screen(screen.columns, screen.rows, scrollback=scrollback)
    other.take_over(screen.state())
    return other


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def check_taking_over(
    size: tuple[int, int], scrollback: int, before: bytes, after: bytes, plain: int
) -> None:
    before = b"some \x1b[1;31mtext\x1b[m\r\n" * plain + before
    with opened(*size, scrollback=scrollback) as one:
        one.feed(before)
        one.take_replies()
        cut_character = one.alternate_screen and not before.isascii()
        other = handed_on(one, scrollback)
        try:
            if cut_character:
                return  # half of one is not carried there
            assert seen(other) == seen(one)
            events = len(one.events)
            for screen in (one, other):
                screen.feed(after)
            assert seen(other) == seen(one)
            assert other.events == one.events[events:]
            assert other.take_replies() == one.take_replies()
        finally:
            other.close()


HANDED_ON = given(
    size=sizes,
    scrollback=scrollbacks,
    before=anything,
    after=anything,
    plain=st.integers(0, 3000),
)


@HANDED_ON
def test_an_engine_that_takes_over_shows_the_same_now_and_later(
    size: tuple[int, int], scrollback: int, before: bytes, after: bytes, plain: int
) -> None:
    check_taking_over(size, scrollback, before, after, plain)


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(deadline=None, max_examples=1000)
@HANDED_ON
def test_many_engines_that_take_over_show_the_same_now_and_later(
    size: tuple[int, int], scrollback: int, before: bytes, after: bytes, plain: int
) -> None:
    check_taking_over(size, scrollback, before, after, plain)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_it_may_be_handed_on_anywhere_in_a_program_s_output(size: int) -> None:
    output = (
        b"\x1b]0;title\x07one\r\n" * 9
        + b"\x1b[?1049h\x1b[2;3H\x1b[38;2;1;2;3malt\x1b]133;A\x1b\\\x1b[?2004h\x07"
        + b"\x1b[?1049l\x1b]8;;http://a.example\x1b\\link\x1b]8;;\x1b\\"
        + "漢字e\u0301\r\n".encode() * 5
        + b"\x1b[4 q\x1b[2;3r\x1b[5n\x1bH\x1b7\x1b[?1h\x1b="
    )
    with opened(12, 4, scrollback=1500) as one:
        whole = Screen(12, 4, scrollback=1500)
        whole.feed(output)
        current: Screen = one
        events = []
        replies = b""
        for piece in in_pieces(output, size):
            current.feed(piece)
            replies += current.take_replies()
            events += current.events
            following = handed_on(current, 1500)
            if current is not one:
                current.close()
            current = following
        assert seen(current) == seen(whole)
        assert events == whole.events
        assert replies == whole.take_replies()
        current.close()
        whole.close()


def test_tab_stops_margins_and_the_saved_cursor_are_handed_on() -> None:
    with opened(20, 6) as one:
        one.feed(b"\x1b[3g\x1b[5G\x1bH\x1b[2;3H\x1b[1;35m\x1b7\x1b[m\x1b[2;4r\x1b[?25l\x1b(0")
        other = handed_on(one, 100)
        for screen in (one, other):
            screen.feed(b"\x1b[Hqqq\r\x1b[B\tx\n\n\n\n\x1b8back")
        assert seen(other) == seen(one)
        assert any(
            run.style.bold for line in other.lines(0, 99, styles=True) for run in line.styles
        )
        other.close()


def test_a_change_of_size_after_it_wraps_the_history_as_ever() -> None:
    with opened(20, 4, scrollback=1500) as one:
        one.feed(b"".join(b"line %d that is wrapped\r\n" % n for n in range(60)))
        one.feed(b"\x1b[?1049halt")
        other = handed_on(one, 1500)
        for screen in (one, other):
            screen.resize(9, 3)
            screen.feed(b"\x1b[?1049l")
            screen.resize(33, 8)
        assert seen(other) == seen(one)
        other.close()


def test_a_sequence_of_megabytes_is_given_up() -> None:
    with opened() as one:
        one.feed(b"text\x1b]1337;File=:" + b"x" * (3 << 20))
        other = handed_on(one, 100)
        assert other.screen() == ["text", "", "", ""]
        other.close()


@pytest.mark.parametrize("harm", ["cut", "changed", "none"])
def test_what_is_no_copy_is_refused(harm: str) -> None:
    with opened() as one, opened() as other:
        one.feed(b"text")
        state = one.state()
        copy = bytearray(state.terminal)
        if harm == "cut":
            del copy[-5:]
        elif harm == "changed":
            copy[len(copy) // 2] ^= 1
        else:
            copy.clear()
        with pytest.raises(EmulatorError):
            other.take_over(state._replace(terminal=bytes(copy)))
