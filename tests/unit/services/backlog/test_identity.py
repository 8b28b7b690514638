from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.backlog.marks import found

from iterm_mcp.services.backlog.identity import identify

if TYPE_CHECKING:
    from iterm_mcp.models.backlog import Mark

WORDS = st.sampled_from(["parse", "cache", "lock", "print"])
LINES = st.lists(
    st.one_of(
        st.sampled_from(["x = 1", "y = 2", "return z", "", "    deeper = 3"]),
        WORDS.map(lambda word: f"# TODO: {word} it"),
    ),
    max_size=30,
)
FILES = st.dictionaries(st.sampled_from(["a.py", "b.py", "c/d.py"]), LINES, max_size=3)


def marks_of(files: dict[str, list[str]]) -> list[Mark]:
    return [one for path in sorted(files) for one in found("\n".join(files[path]), path)]


def named(files: dict[str, list[str]], known: list[Mark] | None = None) -> list[Mark]:
    marks = marks_of(files)
    ids = identify(marks, known or [])
    return [replace(one, mark_id=name) for one, name in zip(marks, ids, strict=True)]


@given(FILES)
def test_no_two_marks_have_the_same_id(files: dict[str, list[str]]) -> None:
    ids = [one.mark_id for one in named(files)]
    assert len(ids) == len(set(ids))


@given(FILES)
def test_the_same_marks_have_the_same_ids(files: dict[str, list[str]]) -> None:
    assert named(files) == named(files)
    assert named(files, named(files)) == named(files)


@given(FILES, st.integers(1, 40))
def test_lines_that_are_added_above_change_no_id(files: dict[str, list[str]], count: int) -> None:
    below = {path: ["import os", *[""] * count, *lines] for path, lines in files.items()}
    # The first mark of a file may get another neighbour above; give it the same one before.
    above = {path: ["import os", *lines] for path, lines in files.items()}
    assert [one.mark_id for one in named(above)] == [one.mark_id for one in named(below)]


@given(FILES)
def test_indenting_changes_no_id(files: dict[str, list[str]]) -> None:
    deeper = {path: [f"    {line}" for line in lines] for path, lines in files.items()}
    assert [one.mark_id for one in named(files)] == [one.mark_id for one in named(deeper)]


@given(FILES)
def test_renaming_files_changes_no_id(files: dict[str, list[str]]) -> None:
    moved = {f"src/{path}": lines for path, lines in files.items()}
    assert [one.mark_id for one in named(files)] == [one.mark_id for one in named(moved)]


@given(FILES, FILES)
def test_ids_are_never_given_twice_whatever_is_known(
    old: dict[str, list[str]], new: dict[str, list[str]]
) -> None:
    known = named(old)
    now = named(new, known)
    ids = [one.mark_id for one in now]
    assert len(ids) == len(set(ids))
    contents = {one.mark_id: one.content for one in known}
    assert all(contents.get(one.mark_id, one.content) == one.content for one in now)


@given(LINES, st.data())
def test_a_known_mark_keeps_its_id_when_all_around_it_changes(
    lines: list[str], data: st.DataObject
) -> None:
    known = named({"a.py": lines})
    changed = [
        line if "TODO" in line else data.draw(st.sampled_from(["new = 1", "other = 2"]))
        for line in lines
    ]
    now = named({"a.py": changed}, known)
    assert [one.content for one in now] == [one.content for one in known]
    assert sorted(one.mark_id for one in now) == sorted(one.mark_id for one in known)


def test_without_being_known_it_is_another_one_when_its_neighbours_change() -> None:
    before, after = ({"a.py": [line, "# TODO: parse it"]} for line in ("x = 1", "y = 1"))
    assert named(before)[0].mark_id != named(after)[0].mark_id


def test_a_known_mark_that_moves_alone_to_another_file_keeps_its_id() -> None:
    known = named({"a.py": ["x = 1", "# TODO: parse it"]})
    assert named({"b.py": ["y = 1", "# TODO: parse it"]}, known)[0].mark_id == known[0].mark_id


def test_one_that_is_gone_gives_its_id_to_no_other_that_says_the_same() -> None:
    known = [replace(one, path="") for one in named({"a.py": ["x = 1", "# TODO: parse it"]})]
    (other,) = named({"b.py": ["y = 1", "# TODO: parse it"]}, known)
    assert other.mark_id != known[0].mark_id
    (back,) = named({"a.py": ["x = 1", "# TODO: parse it"]}, known)
    assert back.mark_id == known[0].mark_id


def test_of_two_that_moved_and_say_the_same_nobody_knows_which_is_which() -> None:
    known = named({"a.py": ["x = 1", "# TODO: parse it", "y = 1", "# TODO: parse it"]})
    now = named({"b.py": ["p = 1", "# TODO: parse it", "q = 1", "# TODO: parse it"]}, known)
    assert not {one.mark_id for one in now} & {one.mark_id for one in known}


@pytest.mark.parametrize("change", ["# TODO(bob): parse it", "#  TODO:   parse  it"])
def test_who_is_named_and_how_it_is_spaced_does_not_count(change: str) -> None:
    ids = [
        named({"a.py": ["x = 1", line]})[0].mark_id for line in ("# TODO(ann): parse it", change)
    ]
    assert ids[0] == ids[1]
