"""The split tree: whatever is split, closed and resized, every pane stands once and all fits."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from iterm_mcp.host import tree
from iterm_mcp.host.tree import (
    DIVIDER,
    MAXIMUM,
    MINIMUM,
    CannotSplitError,
    Node,
    Pane,
    Splitter,
    Tab,
    WrongTreeError,
)

LENGTHS = st.integers(MINIMUM, 200)


def one_pane(columns: int = 80, rows: int = 25) -> Tab:
    return Tab("1", Splitter(vertical=False, children=[Pane("a", columns, rows)]), "a")


def split(tab: Tab, session_id: str, new_id: str, *, vertical: bool, before: bool = False) -> None:
    tree.split(tab, session_id, new_id, vertical=vertical, before=before)


def ids(tab: Tab) -> list[str]:
    return [pane.session_id for pane in tab.panes()]


def sizes(tab: Tab) -> list[tuple[int, int]]:
    return [(pane.columns, pane.rows) for pane in tab.panes()]


def shape(node: Node) -> object:
    """Return a tree as nested lists; ``|`` splits side by side, ``-`` one above the other."""
    if isinstance(node, Pane):
        return node.session_id
    return ["|" if node.vertical else "-", *map(shape, node.children)]


def splitters(node: Node) -> list[Splitter]:
    if isinstance(node, Pane):
        return []
    return [node, *(one for child in node.children for one in splitters(child))]


def copied(node: Splitter) -> Splitter:
    return Splitter(
        node.vertical,
        [
            Pane("", child.columns, child.rows) if isinstance(child, Pane) else copied(child)
            for child in node.children
        ],
    )


def assert_filled(node: Node, columns: int, rows: int) -> None:
    """Every child has the whole breadth, and all together have the length, without a gap."""
    assert tree.span(node) == (columns, rows)
    if isinstance(node, Splitter):
        for child in node.children:
            width, height = tree.span(child)
            assert (height == rows) if node.vertical else (width == columns)
            assert_filled(child, width, height)


class TreeMachine(RuleBasedStateMachine):
    """One tab of one window, and what has become of it."""

    @initialize(columns=LENGTHS, rows=LENGTHS)
    def open_first(self, columns: int, rows: int) -> None:
        self.open(columns, rows)

    def open(self, columns: int, rows: int) -> None:
        self.tab = one_pane(columns, rows)
        self.size = (columns, rows)
        self.expected = {"a"}
        self.number = 0
        self.empty = False

    @precondition(lambda self: self.empty)
    @rule(columns=LENGTHS, rows=LENGTHS)
    def open_again(self, columns: int, rows: int) -> None:
        self.open(columns, rows)

    def pick(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(ids(self.tab)))

    @precondition(lambda self: not self.empty)
    @rule(data=st.data(), vertical=st.booleans(), before=st.booleans())
    def split(self, data: st.DataObject, *, vertical: bool, before: bool) -> None:
        target = self.pick(data)
        seen = (shape(self.tab.root), sizes(self.tab))
        self.number += 1
        new = str(self.number)
        try:
            tree.split(self.tab, target, new, vertical=vertical, before=before)
        except CannotSplitError:
            assert sizes(self.tab) == seen[1]
            assert ids(self.tab) == [one for one in ids(self.tab) if one != new]
            return
        self.expected.add(new)
        order = ids(self.tab)
        assert order.index(new) - order.index(target) == (-1 if before else 1)

    @precondition(lambda self: not self.empty)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        target = self.pick(data)
        before = ids(self.tab)
        self.empty = not tree.remove(self.tab, target)
        self.expected.remove(target)
        assert self.empty == (not self.expected)
        if not self.empty:
            assert ids(self.tab) == [one for one in before if one != target]

    @precondition(lambda self: not self.empty)
    @rule(columns=LENGTHS, rows=LENGTHS)
    def resize(self, columns: int, rows: int) -> None:
        least = tree.minimum(self.tab.root)
        self.size = max(columns, least[0]), max(rows, least[1])
        tree.fit(self.tab.root, *self.size)

    @precondition(lambda self: not self.empty)
    @rule(data=st.data(), columns=LENGTHS, rows=LENGTHS)
    def resize_one(self, data: st.DataObject, columns: int, rows: int) -> None:
        target = self.pick(data)
        least = tree.minimum(self.tab.root)
        assert tree.resize(self.tab.root, target, columns, rows)
        self.size = tree.span(self.tab.root)
        tree.fit(self.tab.root, *self.size)
        _, pane = tree.find(self.tab.root, target)
        if columns >= least[0]:
            assert pane.columns == columns
        if rows >= least[1]:
            assert pane.rows == rows

    @precondition(lambda self: not self.empty)
    @rule(data=st.data())
    def focus(self, data: st.DataObject) -> None:
        self.tab.active = self.pick(data)

    @precondition(lambda self: not self.empty)
    @rule(data=st.data())
    def take_over_sizes(self, data: st.DataObject) -> None:
        wanted = copied(self.tab.root)
        for pane in tree.panes(wanted):
            pane.columns = data.draw(st.integers(-5, 2 * MAXIMUM))
            pane.rows = data.draw(st.integers(-5, 2 * MAXIMUM))
        tree.apply_sizes(self.tab.root, wanted)
        self.size = tree.span(self.tab.root)

    @invariant()
    def every_pane_stands_once(self) -> None:
        if not self.empty:
            assert sorted(ids(self.tab)) == sorted(self.expected)
            assert self.tab.active in self.expected

    @invariant()
    def no_splitter_is_superfluous(self) -> None:
        if self.empty:
            return
        for splitter in splitters(self.tab.root):
            if splitter is not self.tab.root:
                assert len(splitter.children) >= 2
            for child in splitter.children:
                assert isinstance(child, Pane) or child.vertical != splitter.vertical

    @invariant()
    def the_window_is_filled(self) -> None:
        if not self.empty:
            assert_filled(self.tab.root, *self.size)
            assert min(min(size) for size in sizes(self.tab)) >= MINIMUM


TestTree = TreeMachine.TestCase


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(0, 20)), min_size=1, max_size=12),
    st.integers(0, 1000),
)
def test_a_length_is_divided_exactly_as_far_as_it_reaches(
    wants: list[tuple[int, int]], length: int
) -> None:
    weights, least = [list(column) for column in zip(*wants, strict=True)]
    parts = tree.share(length, weights, least)
    assert all(part >= floor for part, floor in zip(parts, least, strict=True))
    assert sum(parts) == max(length, sum(least))


@given(st.integers(2, 10), st.integers(0, 1000))
def test_equal_weights_get_equal_parts(count: int, length: int) -> None:
    parts = tree.share(length, [1] * count, [0] * count)
    assert max(parts) - min(parts) <= 1


@pytest.mark.parametrize(("asked", "given_"), [(-1, 2), (1, 2), (2, 2), (999, 999), (10**9, 1000)])
def test_a_length_is_kept_within_bounds(asked: int, given_: int) -> None:
    assert tree.within_bounds(asked) == given_


def test_the_first_split_turns_the_root() -> None:
    tab = one_pane(81, 25)
    split(tab, "a", "b", vertical=True)
    assert shape(tab.root) == ["|", "a", "b"]
    assert sizes(tab) == [(40, 25), (40, 25)]


def test_a_split_in_the_same_direction_adds_a_neighbour_and_equalises() -> None:
    tab = one_pane(80, 25)
    split(tab, "a", "b", vertical=True)
    split(tab, "a", "c", vertical=True, before=True)
    assert shape(tab.root) == ["|", "c", "a", "b"]
    assert sizes(tab) == [(26, 25)] * 3


def test_a_split_in_the_other_direction_nests() -> None:
    tab = one_pane(80, 25)
    split(tab, "a", "b", vertical=True)
    split(tab, "b", "c", vertical=False)
    assert shape(tab.root) == ["|", "a", ["-", "b", "c"]]
    assert [rows for _, rows in sizes(tab)] == [25, 12, 12]


def test_closing_lifts_what_is_left_into_the_splitter_above() -> None:
    tab = one_pane(80, 25)
    split(tab, "a", "b", vertical=True)
    split(tab, "b", "c", vertical=False)
    split(tab, "b", "d", vertical=True)
    assert shape(tab.root) == ["|", "a", ["-", ["|", "b", "d"], "c"]]
    assert tree.remove(tab, "c")
    assert shape(tab.root) == ["|", "a", "b", "d"]


def test_the_root_may_become_what_stood_below_it() -> None:
    tab = one_pane(80, 25)
    split(tab, "a", "b", vertical=True)
    split(tab, "b", "c", vertical=False)
    assert tree.remove(tab, "a")
    assert shape(tab.root) == ["-", "b", "c"]
    assert {columns for columns, _ in sizes(tab)} == {80}


def test_closing_the_active_pane_makes_the_first_one_active() -> None:
    tab = one_pane()
    split(tab, "a", "b", vertical=True)
    tab.active = "b"
    assert tree.remove(tab, "b")
    assert tab.active == "a"


def test_a_split_without_room_changes_nothing() -> None:
    tab = one_pane(2 * MINIMUM, 25)
    with pytest.raises(CannotSplitError):
        split(tab, "a", "b", vertical=True)
    assert (ids(tab), sizes(tab)) == (["a"], [(4, 25)])


def test_a_row_takes_as_many_panes_as_have_room() -> None:
    tab = one_pane(20, 25)
    names = [str(n) for n in range(20)]
    fitting = 0
    for before, name in pairwise(["a", *names]):
        try:
            split(tab, before, name, vertical=True)
        except CannotSplitError:
            break
        fitting += 1
    assert fitting + 1 == (20 + DIVIDER) // (MINIMUM + DIVIDER)


def test_a_pane_gets_its_size_and_its_neighbours_follow() -> None:
    tab = one_pane(80, 25)
    split(tab, "a", "b", vertical=True)
    split(tab, "b", "c", vertical=False)
    assert tree.resize(tab.root, "a", 50, 20)
    assert sizes(tab) == [(50, 20), (39, 10), (39, 9)], "smaller than what stood beside it"
    assert tree.resize(tab.root, "c", 30, 5)
    assert sizes(tab) == [(50, 16), (30, 10), (30, 5)]
    assert not tree.resize(tab.root, "nobody", 1, 1)


def test_what_is_not_there_is_not_found() -> None:
    tab = one_pane()
    split(tab, "a", "b", vertical=True)
    split(tab, "b", "c", vertical=False)
    assert tree.find(tab.root, "c")[1].session_id == "c"
    with pytest.raises(KeyError):
        tree.find(tab.root, "z")


@pytest.mark.parametrize(
    "wanted",
    [
        Splitter(vertical=True, children=[Pane("", 10, 10)]),
        Splitter(vertical=False, children=[Pane("", 10, 10), Pane("", 10, 10)]),
        Splitter(
            vertical=True,
            children=[Pane("", 10, 10), Splitter(vertical=False, children=[Pane("", 1, 1)])],
        ),
    ],
    ids=["fewer", "turned", "deeper"],
)
def test_sizes_of_another_shape_are_refused_whole(wanted: Splitter) -> None:
    tab = one_pane()
    split(tab, "a", "b", vertical=True)
    before = sizes(tab)
    with pytest.raises(WrongTreeError):
        tree.apply_sizes(tab.root, wanted)
    assert sizes(tab) == before


def test_around_a_single_pane_the_direction_means_nothing() -> None:
    tab = one_pane()
    tree.apply_sizes(tab.root, Splitter(vertical=True, children=[Pane("", 30, 10)]))
    assert sizes(tab) == [(30, 10)]
