"""What is kept of rows is what reading them anew would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.host.screens import opened
from tests.unit.host.test_engine_properties import anything, scrollbacks, sizes

from iterm_mcp.host import encoded_rows, line_wire
from iterm_mcp.host.encoded_rows import MAX_ANSWER_BYTES, MAX_TERMINALS, EncodedRows
from iterm_mcp.host.engine import EngineClosedError

if TYPE_CHECKING:
    from tests.unit.host.conftest import OpenEngine
    from tests.unit.host.screens import Screen

texts = st.lists(st.integers(1, 60)).map(
    lambda counts: b"".join(b"\x1b[%dmrow %d\r\n" % (at % 3, at) * at for at in counts)
)
steps = st.one_of(
    anything, texts, sizes, st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans())
)


def anew(engine: Screen, first: int, end: int, *, styles: bool) -> bytes:
    return line_wire.contents(engine.lines(first, end - first, styles=styles), styles=styles)


class Reads:
    """How many rows an engine was asked for."""

    def __init__(self, engine: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows = 0
        read = engine.read

        def counted(first: int, count: int, make: object) -> list[bytes]:
            self.rows += count
            return read(first, count, make)  # type: ignore[arg-type]

        monkeypatch.setattr(engine, "read", counted)

    def take(self) -> int:
        rows, self.rows = self.rows, 0
        return rows


Script = list[bytes | tuple[int, int] | tuple[float, float, bool]]


def check_rows(size: tuple[int, int], scrollback: int, script: Script) -> None:
    with opened(*size, scrollback=scrollback) as engine:
        for step in script:
            if isinstance(step, bytes):
                engine.feed(step)
            elif len(step) == 2:
                engine.resize(*step)
            else:
                whole = engine.history + engine.rows
                first = engine.overflow + int(step[0] * whole)
                end = first + int(step[1] * (engine.overflow + whole - first))
                found = EncodedRows.of(engine).read(engine, first, end, styles=step[2])
                assert found == anew(engine, first, end, styles=step[2])
        everything = engine.overflow, engine.overflow + engine.history + engine.rows
        for styles in (False, True):
            found = EncodedRows.of(engine).read(engine, *everything, styles=styles)
            assert found == anew(engine, *everything, styles=styles)


HAPPENINGS = given(size=sizes, scrollback=scrollbacks, script=st.lists(steps, max_size=12))


@HAPPENINGS
def test_whatever_happens_the_rows_are_those_that_are_there(
    size: tuple[int, int], scrollback: int, script: Script
) -> None:
    check_rows(size, scrollback, script)


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(deadline=None, max_examples=1000)
@HAPPENINGS
def test_however_much_happens_the_rows_are_those_that_are_there(
    size: tuple[int, int], scrollback: int, script: Script
) -> None:
    check_rows(size, scrollback, script)


def test_rows_that_cannot_have_changed_are_read_once(
    engine: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.feed(b"".join(b"%d\r\n" % at for at in range(50)))
    rows, reads = EncodedRows.of(engine), Reads(engine, monkeypatch)
    rows.read(engine, 10, engine.top + 4, styles=False)
    assert reads.take() == engine.top + 4 - 10
    rows.read(engine, 10, engine.top + 4, styles=False)
    assert reads.take() == 0  # nothing was printed
    engine.feed(b"more\r\n" * 3)
    rows.read(engine, 12, engine.top + 4, styles=False)
    assert reads.take() == 3 + 5  # what has left the screen, and the screen with the row above
    rows.read(engine, 5, engine.top, styles=False)
    assert reads.take() == engine.top - 5  # others than are kept: a new beginning
    rows.read(engine, 5, 20, styles=True)
    assert reads.take() == 15  # with styles they are others


def test_it_is_known_how_many_rows_are_there_already(engine: Screen) -> None:
    engine.feed(b"\r\n" * 50)
    rows = EncodedRows.of(engine)
    assert rows.kept(engine, 10, styles=False) == 0
    rows.read(engine, 10, 30, styles=False)
    found = {first: rows.kept(engine, first, styles=False) for first in (5, 10, 20, 30, 40)}
    assert found == {5: 0, 10: 20, 20: 10, 30: 0, 40: 0}
    assert rows.kept(engine, 10, styles=True) == 0
    engine.resize(30, 4)
    assert rows.kept(engine, 10, styles=False) == 0


def test_a_resize_makes_other_rows_of_them(engine: Screen) -> None:
    engine.feed(b"a line that is wrapped when it is narrow\r\n" * 20)
    rows = EncodedRows.of(engine)
    before = rows.read(engine, 3, 9, styles=False)
    engine.resize(9, 4)
    after = rows.read(engine, engine.overflow, engine.overflow + 6, styles=False)
    assert after != before
    assert after == anew(engine, engine.overflow, engine.overflow + 6, styles=False)


def test_of_a_long_history_the_newer_part_is_kept(
    open_engine: OpenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoded_rows, "MAX_BYTES", 2000)
    engine = open_engine(20, 4, scrollback=1000)
    engine.feed(b"".join(b"%d\r\n" % at for at in range(500)))
    rows, reads = EncodedRows.of(engine), Reads(engine, monkeypatch)
    assert rows.read(engine, 0, 400, styles=False) == anew(engine, 0, 400, styles=False)
    reads.take()
    assert rows.read(engine, 390, 400, styles=False) == anew(engine, 390, 400, styles=False)
    assert reads.take() == 10  # by `anew` alone
    assert rows.read(engine, 0, 10, styles=False) == anew(engine, 0, 10, styles=False)
    assert reads.take() == 20


def test_of_few_terminals_something_is_kept(
    open_engine: OpenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine()
    engine.feed(b"\r\n" * 50)
    reads = Reads(engine, monkeypatch)
    EncodedRows.of(engine).read(engine, 0, 9, styles=False)
    others = [open_engine() for _ in range(MAX_TERMINALS - 1)]
    for other in others:
        EncodedRows.of(other)
    EncodedRows.of(engine).read(engine, 0, 9, styles=False)
    assert reads.take() == 9
    for other in [*others, open_engine()]:
        EncodedRows.of(other)
    EncodedRows.of(engine).read(engine, 0, 9, styles=False)
    assert reads.take() == 9


def test_a_closed_terminal_is_not_read(engine: Screen) -> None:
    rows = EncodedRows.of(engine)
    engine.close()
    with pytest.raises(EngineClosedError):
        rows.read(engine, 0, 4, styles=False)


def test_an_answer_is_kept_until_something_changes(open_engine: OpenEngine) -> None:
    engine = open_engine()
    rows = EncodedRows.of(engine)
    rows.keep_answer(engine, b"the screen?", b"rows")
    assert rows.answered(engine, b"the screen?") == b"rows"
    assert rows.answered(engine, b"the history?") is None
    engine.feed(b"\a")
    assert rows.answered(engine, b"the screen?") is None
    rows.keep_answer(engine, b"the screen?", b"rows")
    engine.close()
    assert rows.answered(engine, b"the screen?") is None


def test_a_long_answer_is_not_kept_and_none_is_when_others_are_read(
    open_engine: OpenEngine,
) -> None:
    engine = open_engine()
    rows = EncodedRows.of(engine)
    rows.keep_answer(engine, b"asked", bytes(MAX_ANSWER_BYTES + 1))
    assert rows.answered(engine, b"asked") is None
    rows.keep_answer(engine, b"asked", bytes(MAX_ANSWER_BYTES))
    rows.forget()
    assert rows.answered(engine, b"asked") is None
