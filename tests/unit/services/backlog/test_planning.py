from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from tests.unit.services.backlog.marks import mark, scan_of

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.tasks import COMMAND
from iterm_mcp.services.backlog.batching import Limits
from iterm_mcp.services.backlog.planning import (
    OWN_COMMAND,
    Wanted,
    check_wanted,
    find_mark,
    next_key,
    planned,
)

A, B = mark("a1", "parse `it` now!"), mark("b2", path="b c.py", line=7)
SCAN = scan_of(A, B)


def test_a_task_works_in_a_worktree_of_its_own_and_must_leave_no_mark_and_no_failing_test() -> None:
    wanted = Wanted(kind="codex", template="t", team="web", priority=3, cost_usd=0.5)
    task = planned(SCAN, [A, B], ("make test",), wanted)
    spec = task.spec
    assert spec.name == "todo-a1-parse-it-now"
    assert (spec.kind, spec.template, spec.team, spec.priority) == ("codex", "t", "web", 3)
    assert (spec.worktree, spec.directory, spec.acceptance.commit) == (True, "/src/app", True)
    assert spec.strategy == {"task": "backlog"}
    assert spec.kind != COMMAND
    assert task.cost_usd == 0.5
    gone, tests = spec.acceptance.commands
    assert tests == "make test"
    assert shlex.split(gone) == [
        *OWN_COMMAND, "--commit", "c" * 40, "--tag", "TODO", "--", "a.py:1", "b c.py:7",
    ]  # fmt: skip


def test_the_key_of_a_task_is_that_of_its_marks_in_any_order() -> None:
    keys = {planned(SCAN, marks, (), Wanted()).spec.key for marks in ([A, B], [B, A])}
    assert len(keys) == 1
    assert planned(SCAN, [A], (), Wanted()).spec.key not in keys
    other = replace(SCAN, repository="/other")
    assert planned(other, [A, B], (), Wanted()).spec.key not in keys
    assert planned(SCAN, [A], (), Wanted(), "k").spec.key == "k"


def test_a_task_that_is_asked_for_anew_has_another_key() -> None:
    assert next_key("backlog:k") == "backlog:k#2"
    assert next_key(next_key("backlog:k")) == "backlog:k#3"


def test_a_mark_that_says_nothing_is_called_by_its_id() -> None:
    assert planned(SCAN, [mark("a1", "")], (), Wanted()).spec.name == "todo-a1"


def test_marks_are_wanted_by_tag_and_owner() -> None:
    one = mark(author="Ann Example")
    assert Wanted().takes(one)
    assert Wanted(tags=("TODO",), owner="ann").takes(one)
    assert not Wanted(tags=("HACK",)).takes(one)
    assert not Wanted(owner="bob").takes(one)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(limits=Limits(most_tasks=0)),
        Wanted(limits=Limits(most_marks=0)),
        Wanted(limits=Limits(most_characters=0)),
        Wanted(limits=Limits(most_usd=-1)),
        Wanted(cost_usd=-0.5),
    ],
    ids=["tasks", "marks", "characters", "budget", "cost"],
)
def test_what_cannot_be_is_refused(wanted: Wanted) -> None:
    with pytest.raises(InvalidRequestError, match="none"):
        check_wanted(wanted)


def test_a_mark_is_found_by_the_beginning_of_its_id() -> None:
    assert find_mark(SCAN, "a") is A
    with pytest.raises(InvalidRequestError, match="no mark has the id 'z'"):
        find_mark(SCAN, "z")
    with pytest.raises(InvalidRequestError, match="2 marks have"):
        find_mark(SCAN, "")
