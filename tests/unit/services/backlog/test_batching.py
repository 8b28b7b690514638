from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.backlog.marks import START, mark

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.backlog import Grouping, Mark, Order
from iterm_mcp.services.backlog.batching import (
    TOO_DEAR,
    TOO_MANY,
    Limits,
    grouped,
    ordered,
    size_of,
    within,
)

MARKS = st.lists(
    st.builds(
        lambda path, author, size: (path, author, size),
        st.sampled_from(["a.py", "b.py"]),
        st.sampled_from(["ann", "Bob", ""]),
        st.integers(0, 60),
    ),
    max_size=20,
).map(
    lambda rows: [
        replace(mark(f"m{number}", path=path, line=number + 1, author=author), after=("x" * size,))
        for number, (path, author, size) in enumerate(rows)
    ]
)


def names(groups: list[tuple[Mark, ...]]) -> list[str]:
    return [" ".join(one.mark_id for one in group) for group in groups]


@given(MARKS, st.sampled_from(Grouping), st.integers(1, 4), st.integers(10, 200))
def test_each_mark_is_in_one_group_that_keeps_its_limits(
    marks: list[Mark], by: Grouping, most: int, characters: int
) -> None:
    groups = grouped(marks, by, Limits(most_marks=most, most_characters=characters))
    assert sorted(one.mark_id for group in groups for one in group) == sorted(
        one.mark_id for one in marks
    )
    for group in groups:
        assert len(group) <= most
        assert len(group) == 1 or sum(map(size_of, group)) <= characters
        if by is Grouping.FILE:
            assert len({one.path for one in group}) == 1
        if by is Grouping.OWNER:
            assert len({one.owner for one in group}) == 1
    firsts = [marks.index(group[0]) for group in groups]
    assert firsts == sorted(firsts)


def test_a_mark_has_its_own_task_unless_asked_otherwise() -> None:
    marks = [mark("a"), mark("b"), mark("c", path="b.py")]
    assert names(grouped(marks, Grouping.MARK, Limits())) == ["a", "b", "c"]
    assert names(grouped(marks, Grouping.FILE, Limits())) == ["a b", "c"]


def test_who_is_named_owns_a_mark_and_nobodys_are_together_by_file() -> None:
    marks = [
        replace(mark("a", author="ann"), named="bob"), mark("b", author="Bob"),
        mark("c"), mark("d", path="b.py"),
    ]  # fmt: skip
    assert names(grouped(marks, Grouping.OWNER, Limits())) == ["a b", "c", "d"]


def test_marks_come_by_age_or_by_path_and_those_of_unknown_age_last() -> None:
    old = replace(mark("old", path="z.py"), written_at=START - timedelta(days=9))
    new = replace(mark("new"), written_at=START)
    unknown = mark("unknown", path="0.py")
    marks = [unknown, new, old]

    def order(by: Order) -> list[str]:
        return [one.mark_id for one in ordered(marks, by)]

    assert order(Order.OLDEST) == ["old", "new", "unknown"]
    assert order(Order.NEWEST) == ["new", "old", "unknown"]
    assert order(Order.PATH) == ["unknown", "new", "old"]


def test_a_batch_has_so_many_tasks_and_costs_so_much_at_most() -> None:
    groups = [(mark("a"), mark("b")), (mark("c"),), (mark("d"),), (mark("e"),)]
    kept, beyond = within(groups, Limits(most_tasks=2), None)
    assert (names(kept), beyond) == (["a b", "c"], {TOO_MANY: 2})
    kept, beyond = within(groups, Limits(most_tasks=3, most_usd=0.3), 0.1)
    assert (names(kept), beyond) == (["a b", "c", "d"], {TOO_MANY: 1})
    kept, beyond = within(groups, Limits(most_tasks=3, most_usd=0.3), 0.2)
    assert (names(kept), beyond) == (["a b"], {TOO_DEAR: 2, TOO_MANY: 1})
    assert within(groups, Limits(most_usd=0), 0.0) == (groups, {})


def test_a_cost_that_nobody_knows_cannot_be_limited() -> None:
    with pytest.raises(InvalidRequestError, match="nobody knows yet what a task") as caught:
        within([(mark(),)], Limits(most_usd=5), None)
    assert caught.value.code == "unknown_cost"
