from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.events.story import story
from tests.unit.services.events.told import changed, prompt, told

from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.accounts import make_account
from iterm_mcp.services.events.comparing import compare, steps_of

if TYPE_CHECKING:
    from iterm_mcp.models.account_views import ComparedStep
    from iterm_mcp.models.accounts import Account


def did(*steps: str) -> Account:
    """An account of steps such as ``Read a``."""
    events = [prompt(0, "go")]
    for index, step in enumerate(steps):
        tool, _, subject = step.partition(" ")
        for kind, offset in ((EventKind.TOOL_STARTED, 0.0), (EventKind.TOOL_ENDED, 0.5)):
            events.append(
                told(kind, index + 1 + offset, call=f"c{index}", tool=tool, subject=subject)
            )
    return make_account(events)


def row(step: ComparedStep) -> tuple[str | None, ...]:
    return tuple(None if one is None else f"{one.what} {one.subject}" for one in step.steps)


def test_the_same_is_the_same() -> None:
    account = make_account(story())
    comparison = compare([account, account])
    assert all(step.same for step in comparison.steps)
    assert comparison.similarity == (1.0, 1.0)
    assert len(comparison.steps) == len(steps_of(account)) == 8
    assert all(one.files[0] == one.files[1] for one in comparison.files)


def test_steps_stand_beside_those_that_are_like_them() -> None:
    comparison = compare([did("Read a", "Bash x", "Edit a"), did("Read a", "Read b", "Bash y")])
    assert [(row(step), step.same) for step in comparison.steps] == [
        (("prompt go", "prompt go"), True),
        (("Read a", "Read a"), True),
        (("Bash x", "Bash y"), False),
        (("Edit a", None), False),
        ((None, "Read b"), False),
    ]
    assert comparison.similarity == (1.0, 0.5)


def test_many_conversations_are_aligned_to_the_first() -> None:
    comparison = compare([did("Read a"), did("Read a", "Bash x"), did("Bash x", "Read a")])
    assert [row(step) for step in comparison.steps] == [
        ("prompt go", "prompt go", "prompt go"),
        (None, None, "Bash x"),
        ("Read a", "Read a", "Read a"),
        (None, "Bash x", None),
    ]


def test_files_stand_beside_each_other() -> None:
    one = make_account([prompt(0), changed(1, "/a", "created"), changed(2, "/b", "created")])
    two = make_account([prompt(0), changed(1, "/b", "deleted")])
    files = {file.path: file.files for file in compare([one, two]).files}
    assert (files["/a"][1], files["/a"][0]) == (None, one.files[0])
    assert files["/b"] == (one.files[1], two.files[0])


def test_too_many_steps_are_told() -> None:
    comparison = compare([did(*(["Read a"] * 30)), did("Read a")], most=10)
    assert (len(comparison.steps), comparison.left_out) == (10, 21)


def test_nothing_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="nothing"):
        compare([])


WORDS = st.lists(st.sampled_from(["Read a", "Read b", "Bash a", "Edit a"]), max_size=8)


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_every_step_of_everyone_stands_once_and_in_its_order(all_steps: list[list[str]]) -> None:
    accounts = [did(*steps) for steps in all_steps]
    comparison = compare(accounts)
    for index, account in enumerate(accounts):
        column = [step.steps[index] for step in comparison.steps]
        shown = [one for one in column if one is not None]
        assert sorted(shown, key=repr) == sorted(steps_of(account), key=repr)
    assert [one for step in comparison.steps if (one := step.steps[0])] == steps_of(accounts[0])
