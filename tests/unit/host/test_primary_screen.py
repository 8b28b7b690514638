"""The primary screen stays as it was left, whatever happens while the alternate one is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.host.conftest import OpenEngine

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.mark.parametrize("cut", range(len(ENTER) + 1))
@pytest.mark.parametrize("switch", [b"1049", b"1047", b"47"])
def test_a_lower_screen_under_a_program_gives_up_no_line_above_the_cursor(
    open_engine: OpenEngine, switch: bytes, cut: int
) -> None:
    engine = open_engine(20, 10)
    stream = b"one\r\ntwo\r\n\x1b[?" + switch + b"h"
    engine.feed(stream[: len(stream) - cut])
    engine.feed(stream[len(stream) - cut :])
    engine.feed(b"\x1b[9;5Hprogram")
    engine.texts()
    for size in ((20, 5), (30, 5), (12, 12)):
        engine.resize(*size)
    engine.feed(b"\x1b[?" + switch + b"l")

    assert engine.history == 0
    assert engine.screen()[:3] == ["one", "two", ""]
    if switch == b"1049":
        assert engine.cursor == (0, 2)


def test_the_cursor_of_the_program_moves_with_its_row(open_engine: OpenEngine) -> None:
    engine = open_engine(20, 10)
    engine.feed(b"shell\r\n" + ENTER + b"\x1b[2;9r\x1b[?6h\x1b[31m\x1b[3;4Hx")
    assert engine.cursor == (4, 3)
    engine.resize(30, 8)
    assert engine.cursor == (4, 3)
    engine.feed(b"y\x1b[1;1Hz")

    assert engine.screen()[3] == "\0\0\0xy"
    assert len(engine.lines(3, 1, styles=True)[0].styles) == 2
    assert engine.screen()[0] == "z"


def test_in_the_middle_of_a_sequence_the_size_changes_all_the_same(open_engine: OpenEngine) -> None:
    engine = open_engine(20, 10)
    engine.feed(b"shell\r\n" + ENTER + b"\x1b[9;1Hx\x1b[3")
    engine.resize(30, 8)
    engine.feed(b"1my" + LEAVE)

    assert engine.screen()[0] == "shell"


@pytest.mark.parametrize("data", [b"a\x7fb", b"\x7fab\x7f", b"\x1b[\x7f1mab", b"a\x7f" * 3000])
def test_a_printed_delete_is_ignored(open_engine: OpenEngine, data: bytes) -> None:
    engine, other = open_engine(), open_engine()
    engine.feed(data)
    other.feed(data.replace(b"\x7f", b""))

    assert (engine.texts(), engine.cursor) == (other.texts(), other.cursor)


def test_a_delete_in_a_title_is_reported_as_it_came(open_engine: OpenEngine) -> None:
    engine = open_engine()
    engine.feed(b"a\x1b]2;x\x7fy\x07b\x7fc")

    assert [event.payload for event in engine.events] == ["x\x7fy"]
    assert engine.screen()[0] == "abc"
