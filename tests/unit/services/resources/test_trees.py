"""Which processes belong to which tree."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.services.resources.trees import Members, Root, gather

from .rows import ME, row, table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from iterm_mcp.services.resources.table import Row, Table

A, B = "a", "b"


def nobody(_row: Row) -> str:
    return ""


def find(
    rows: Table,
    roots: Mapping[str, Root],
    before: Mapping[str, Members] | None = None,
    *,
    spared: Collection[int] = (),
    claims: Callable[[Row], str] = nobody,
) -> dict[str, Members]:
    return gather(rows, roots, before or {}, user=ME, spared=spared, claims=claims)


def root(one: Row, *, owns_session: bool = True, held: Collection[int] = ()) -> Root:
    return Root(one.process, owns_session, held)


def pids(members: Members) -> set[int]:
    return set(members.rows)


def test_a_tree_is_a_root_with_all_that_stands_below_it() -> None:
    top = row(10, 2)
    rows = table(row(2), top, row(11, 10, session=10), row(12, 11), row(20, 2))

    found = find(rows, {A: root(top)})

    assert list(found[A].rows) == [10, 11, 12]


def test_a_process_that_has_a_root_s_id_and_came_later_is_never_taken() -> None:
    top = row(10)
    later = table(row(10, life=1), row(11, 10, life=1))

    assert find(later, {A: root(top)})[A] == Members()


def test_a_process_that_has_a_member_s_id_and_came_later_is_never_taken() -> None:
    top = row(10)
    before = find(table(top, row(11, 10)), {A: root(top)})

    found = find(table(top, row(11, 1, life=1)), {A: root(top)}, before)

    assert pids(found[A]) == {10}


def test_what_loses_its_parent_stays_in_the_tree() -> None:
    top = row(10)
    rows = table(top, row(11, 10, session=10), row(12, 11, session=12), row(13, 12))
    before = find(rows, {A: root(top)})

    found = find(
        table(top, row(12, 1, session=12), row(13, 12), row(14, 12)), {A: root(top)}, before
    )

    assert pids(found[A]) == {10, 12, 13, 14}


def test_what_is_left_when_the_root_has_ended_is_still_its_tree() -> None:
    top = row(10)
    before = find(table(top, row(11, 10)), {A: root(top)})

    assert pids(find(table(row(11, 1)), {A: root(top)}, before)[A]) == {11}


def test_who_was_never_seen_as_a_child_is_known_by_the_session_that_a_member_leads() -> None:
    top = row(10)

    found = find(table(top, row(12, 1, session=10)), {A: root(top)})

    assert pids(found[A]) == {10, 12}


def test_a_session_stays_a_tree_s_while_a_member_is_in_it() -> None:
    top, led = row(10), row(11, 10)
    first = find(table(top, led, row(12, 11, session=11)), {A: root(top)})
    second = find(table(top, row(12, 1, session=11)), {A: root(top)}, first)

    third = find(table(top, row(12, 1, session=11), row(13, 1, session=11)), {A: root(top)}, second)

    assert pids(third[A]) == {10, 12, 13}


def test_a_session_in_which_nobody_is_left_is_a_tree_s_no_more() -> None:
    top, led = row(10), row(11, 10)
    first = find(table(top, led), {A: root(top)})
    second = find(table(top), {A: root(top)}, first)

    third = find(table(top, row(12, 1, session=11)), {A: root(top)}, second)

    assert pids(third[A]) == {10}


def test_the_keeper_in_whose_session_a_root_runs_is_not_of_its_tree() -> None:
    keeper = row(9, 2)
    top = row(10, 9, session=9)
    rows = table(row(2), keeper, top, row(12, 2, session=9))

    assert pids(find(rows, {A: root(top)})[A]) == {10, 12}
    assert pids(find(rows, {A: root(top, owns_session=False)})[A]) == {10}


def test_children_of_others_in_the_same_session_are_let_be() -> None:
    shell = row(9, 2)
    top = row(10, 9, session=9)
    other = row(11, 9, session=9)

    assert pids(find(table(row(2), shell, top, other), {A: root(top)})[A]) == {10}


def test_a_mark_and_a_group_of_the_system_tell_whose_a_process_is() -> None:
    top = row(10)
    rows = table(top, row(30), row(31, 30), row(40), row(41, 40))

    found = find(rows, {A: root(top, held=[40, 99])}, claims=lambda one: A if one.pid == 30 else "")

    assert pids(found[A]) == {10, 30, 31, 40, 41}


def test_no_mark_takes_a_process_of_another_user() -> None:
    top = row(10)
    rows = table(top, row(30, owner=ME + 1), row(31, 1, session=10, owner=ME + 1))

    assert pids(find(rows, {A: root(top)}, claims=lambda _: A)[A]) == {10}


def test_a_tree_within_another_is_not_the_outer_one_s() -> None:
    outer = row(10)
    inner = row(11, 10)

    found = find(table(outer, inner, row(12, 11)), {A: root(outer), B: root(inner)})

    assert (pids(found[A]), pids(found[B])) == ({10}, {11, 12})


def test_what_is_spared_is_in_no_tree_nor_is_what_stands_below_it() -> None:
    top = row(10)
    rows = table(top, row(11, 10), row(12, 11))

    assert pids(find(rows, {A: root(top)}, spared=[11], claims=nobody)[A]) == {10}
    assert pids(find(rows, {A: root(top)}, spared=[10])[A]) == set()


def test_what_only_waits_to_be_asked_for_counts_no_more() -> None:
    top = row(10)

    assert pids(find(table(top, row(11, 10, state="Z")), {A: root(top)})[A]) == {10}


def test_a_child_older_than_its_parent_is_somebody_else_s() -> None:
    top = row(10)

    assert pids(find(table(top, row(5, 10)), {A: root(top)})[A]) == {10}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Table, Table, list[Row]]:
    """Draw a table, what became of it, and some roots."""
    first: dict[int, Row] = {}
    for pid in range(2, draw(st.integers(3, 25))):
        parent = draw(st.sampled_from([1, *first]))
        mine = draw(st.booleans())
        session = None if mine or parent == 1 else first[parent].session
        owner = draw(st.sampled_from([ME, ME, ME, 7]))
        first[pid] = row(pid, parent, session=session, owner=owner)
    second: dict[int, Row] = {}
    for pid, one in first.items():
        fate = draw(st.sampled_from(["stays", "stays", "ends", "another"]))
        if fate == "another":
            second[pid] = row(pid, 1, life=1)
        elif fate == "stays":
            there = one.parent in second and second[one.parent] == first[one.parent]
            second[pid] = one if there else replace(one, parent=1)
    for pid in range(30, 30 + draw(st.integers(0, 5))):
        second[pid] = row(pid, draw(st.sampled_from([1, *second])), life=1)
    chosen = draw(st.lists(st.sampled_from(list(first.values())), unique=True, max_size=4))
    return first, second, chosen


@given(worlds())
def test_no_process_is_in_two_trees_and_only_what_descends_from_a_root_is_in_any(
    world: tuple[Table, Table, list[Row]],
) -> None:
    first, second, chosen = world
    roots = {str(one.pid): Root(one.process, owns_session=False) for one in chosen}
    before = find(first, roots)
    after = find(second, roots, before)

    for found, rows in ((before, first), (after, second)):
        everyone = [pid for members in found.values() for pid in members.rows]
        assert len(everyone) == len(set(everyone))
        assert not {0, 1} & set(everyone)
        assert all(rows[pid] == members.rows[pid] for members in found.values() for pid in
                   members.rows)  # fmt: skip
    born = {one.process: key for key, members in before.items() for one in members.rows.values()}
    for key, members in after.items():
        for one in members.rows.values():
            # It was of this tree, or is a child of one that is, or of a session that one leads.
            parent = members.rows.get(one.parent)
            assert (
                born.get(one.process) == key
                or one.process == roots[key].process
                or parent is not None
                or one.session in members.sessions
            )


@given(worlds())
def test_whoever_was_in_a_tree_and_is_still_there_stays_in_it(
    world: tuple[Table, Table, list[Row]],
) -> None:
    first, second, chosen = world
    roots = {str(one.pid): Root(one.process) for one in chosen}
    before = find(first, roots)
    after = find(second, roots, before)

    for key, members in before.items():
        for pid, one in members.rows.items():
            if pid in second and second[pid].process == one.process:
                assert pid in after[key].rows
