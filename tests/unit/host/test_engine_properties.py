"""Any output, any chunking, any size: line numbers stay right, and nothing raises."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.host.screens import opened

sizes = st.tuples(st.integers(1, 40), st.integers(1, 12))
scrollbacks = st.sampled_from([0, 1, 7, 1500])

SEQUENCES = [
    b"\x1b[?1049h",
    b"\x1b[?1049l",
    b"\x1b[?47h",
    b"\x1b[?47l",
    b"\x1bc",
    b"\x1b[3J",
    b"\x1b[2J",
    b"\x1b[9S",
    b"\x1b[9T",
    b"\x1b[2;5r",
    b"\x1b[r",
    b"\x1b[H",
    b"\x1b[999;999H",
    b"\x1b[44m\x1b[K",
    b"\x1b]133;A\x07",
    b"\x1b]8;;http://x\x1b\\",
    b"\x1b]0;",
    b"\x07",
    b"\r\n" * 30,
    b"\t",
    b"\x1bP",
    b"\x1b[?2027h",
    "漢字👨\u200d👩\u200d👧e\u0301".encode(),
]
anything = st.lists(st.one_of(st.sampled_from(SEQUENCES), st.binary(max_size=20)), max_size=40).map(
    b"".join
)


@pytest.mark.behaves("numbers", source="4")
@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 30),
    scrollback=scrollbacks,
    steps=st.lists(st.one_of(st.integers(1, 400), st.tuples(st.integers(1, 30))), max_size=12),
    chunk=st.integers(1, 5000),
)
def test_a_numbered_line_keeps_its_number(
    rows: int, scrollback: int, steps: list[int | tuple[int]], chunk: int
) -> None:
    """Print that many lines, or change to that height."""
    written = 0
    with opened(10, rows, scrollback=scrollback) as engine:
        for step in steps:
            if isinstance(step, tuple):
                engine.resize(10, step[0])
            else:
                lines = range(written, written + step)
                data = b"".join(b"%d\r\n" % number for number in lines)
                for start in range(0, len(data), chunk):
                    engine.feed(data[start : start + chunk])
                written += step

            assert engine.cursor == (0, written)
            assert engine.history <= scrollback
            for number, text in enumerate(engine.texts(), engine.overflow):
                assert text == (str(number) if number < written else "")


@settings(deadline=None, max_examples=60)
@given(
    size=sizes,
    scrollback=scrollbacks,
    pieces=st.lists(st.one_of(anything, sizes), max_size=8),
)
def test_whatever_a_program_sends_the_arithmetic_holds(
    size: tuple[int, int], scrollback: int, pieces: list[bytes | tuple[int, int]]
) -> None:
    with opened(*size, scrollback=scrollback) as engine:
        overflow = 0
        for piece in pieces:
            if isinstance(piece, tuple):
                engine.resize(*piece, follow=[(0, engine.overflow), (3, engine.top)])
            else:
                engine.feed(piece)
            found = engine.lines(0, 1 << 30, styles=True)
            column, line = engine.cursor

            assert engine.overflow >= overflow
            assert 0 <= engine.history <= scrollback
            assert 0 <= column <= engine.columns
            assert engine.top <= line < engine.top + engine.rows
            whole = engine.history + engine.rows
            assert len(found) in ({whole, engine.rows} if engine.alternate_screen else {whole})
            for row in found:
                assert row.width <= engine.columns
                assert sum(size * repeats for size, repeats in row.cells) == len(row.text)
                assert sum(run.cells for run in row.styles) == row.width
            overflow = engine.overflow
            engine.take_changed()
            engine.take_replies()


@settings(deadline=None, max_examples=60)
@given(size=sizes, data=anything, cuts=st.lists(st.integers(0, 30), max_size=20))
def test_cutting_the_same_output_differently_gives_the_same_terminal(
    size: tuple[int, int], data: bytes, cuts: list[int]
) -> None:
    with opened(*size) as whole, opened(*size) as pieces:
        whole.feed(data)
        rest = data
        for cut in cuts:
            pieces.feed(rest[:cut])
            rest = rest[cut:]
        pieces.feed(rest)

        assert pieces.screen() == whole.screen()
        assert pieces.take_replies() == whole.take_replies()
        assert [(event.code, event.payload) for event in pieces.events] == [
            (event.code, event.payload) for event in whole.events
        ]
