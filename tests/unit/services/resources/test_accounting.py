"""What processes that come and go have taken, added up."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.services.agents.processes import ProcessId
from iterm_mcp.services.resources.accounting import Account, Taken


def one(pid: int) -> ProcessId:
    return ProcessId(pid, f"s{pid}")


def test_what_was_taken_before_the_first_look_counts_for_nothing() -> None:
    account = Account()

    assert account.look({one(1): Taken(50, 7)}) == 0
    assert account.look({one(1): Taken(52, 8)}) == 3
    assert account.total == 3


def test_a_child_s_time_is_counted_once_when_its_parent_reaps_it() -> None:
    account = Account()
    account.look({one(1): Taken(0), one(2): Taken(0)})
    account.look({one(1): Taken(1), one(2): Taken(5)})
    account.look({one(1): Taken(1, reaped=6)})  # it took one second more before its end

    assert account.total == 7


def test_the_end_of_a_child_that_nobody_reaps_takes_nothing_away() -> None:
    account = Account()
    account.look({one(1): Taken(0), one(2): Taken(0)})
    account.look({one(1): Taken(0), one(2): Taken(5)})
    account.look({one(1): Taken(2)})

    assert account.total == 7


def test_a_child_that_came_and_went_between_two_looks_counts() -> None:
    account = Account()
    account.look({one(1): Taken(0)})

    assert account.look({one(1): Taken(0, reaped=3)}) == 3


@dataclass
class Tree:
    """A tree in which every process is reaped by its parent, and what was truly taken."""

    own: dict[int, int] = field(default_factory=lambda: {0: 0})
    reaped: dict[int, int] = field(default_factory=lambda: {0: 0})
    parent: dict[int, int] = field(default_factory=dict)
    truly: int = 0
    last: int = 0

    def work(self, amount: int) -> None:
        pid = sorted(self.own)[amount % len(self.own)]
        self.own[pid] += amount
        self.truly += amount

    def fork(self, number: int) -> None:
        parent = sorted(self.own)[number % len(self.own)]
        self.last += 1
        self.own[self.last], self.reaped[self.last] = 0, 0
        self.parent[self.last] = parent

    def end(self, number: int) -> None:
        leaves = sorted(set(self.own) - set(self.parent.values()) - {0})
        if leaves:
            pid = leaves[number % len(leaves)]
            parent = self.parent.pop(pid)
            self.reaped[parent] += self.own.pop(pid) + self.reaped.pop(pid)

    def seen(self) -> dict[ProcessId, Taken]:
        return {one(pid): Taken(self.own[pid], self.reaped[pid]) for pid in self.own}


steps = st.lists(
    st.tuples(st.sampled_from(["work", "fork", "end", "look"]), st.integers(0, 50)), max_size=60
)


@given(steps)
def test_the_total_never_shrinks_and_is_never_more_than_was_taken(
    done: list[tuple[str, int]],
) -> None:
    tree, account, total = Tree(), Account(), 0.0
    account.look(tree.seen())
    for what, number in [*done, ("look", 0)]:
        if what == "look":
            account.look(tree.seen())
            assert total <= account.total <= tree.truly
            total = account.total
        else:
            getattr(tree, what)(number)


@given(steps)
def test_the_total_is_exact_where_it_is_looked_at_after_every_step(
    done: list[tuple[str, int]],
) -> None:
    tree, account = Tree(), Account()
    account.look(tree.seen())
    for what, number in done:
        if what != "look":
            getattr(tree, what)(number)
        account.look(tree.seen())

    assert account.total == pytest.approx(tree.truly)
