from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.backlog.marks import found

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.backlog.checking import Spot, read_spot, still_there

OLD = "x = 1\n# TODO: parse the header of a file\ny = 2\n# TODO: lock\n"
FIRST = Spot("a.py", 2)


def left(now: str, *lines: int, old: str = OLD) -> dict[Spot, str]:
    olds = found(old)
    wanted = [one for one in olds if one.line in (lines or (2,))]
    return still_there(wanted, olds, found(now))


@pytest.mark.parametrize(
    ("now", "why"),
    [
        ("x = parse()\ny = 2\n# TODO: lock\n", ""),
        (OLD, "it still stands at a.py:2"),
        ("z\ny\n# TODO: lock\n# TODO: parse the header of a file\n", "it still stands at a.py:4"),
        ("x = 1\n# TODO: parse a file's header\n", "it was only reworded, at a.py:2"),
        ("x = 1\n# TODO: later\ny = 2\n", "it was only reworded, at a.py:2"),
        ("x = 1\n\nz = 1\n# TODO: sing\n", ""),
        ("# TODO: lock\n", ""),
    ],
    ids=["done", "untouched", "moved", "reworded", "replaced", "another", "others-stay"],
)  # fmt: skip
def test_a_mark_is_gone_when_it_is_neither_there_nor_reworded(now: str, why: str) -> None:
    assert left(now) == ({FIRST: why} if why else {})


def test_of_two_that_are_alike_one_may_stay_when_only_one_was_to_go() -> None:
    twice = "x = 1\n# TODO: lock\ny = 1\n# TODO: lock\n"
    once = "x = 1\ny = 1\n# TODO: lock\n"
    assert left(once, 2, old=twice) == {}
    assert left(once, 2, 4, old=twice) == {Spot("a.py", 2): "it still stands at a.py:3"}
    assert left(twice, 2, 4, old=twice).keys() == {Spot("a.py", 2), Spot("a.py", 4)}
    assert left(twice, 2, old=twice).keys() == {Spot("a.py", 2)}


@given(st.lists(st.sampled_from(["x = 1", "# TODO: lock", "# TODO: parse", ""]), max_size=12))
def test_nothing_is_gone_where_nothing_was_changed(lines: list[str]) -> None:
    marks = found("\n".join(lines))
    assert still_there(marks, marks, marks).keys() == {Spot(one.path, one.line) for one in marks}
    assert still_there(marks, marks, []) == {}


def test_a_place_is_a_path_and_a_line() -> None:
    assert read_spot("a:b.py:12") == Spot("a:b.py", 12)
    for bad in ("a.py", "a.py:", ":12", "a.py:-1", "a.py:x"):
        with pytest.raises(InvalidRequestError, match="is no PATH:LINE"):
            read_spot(bad)
