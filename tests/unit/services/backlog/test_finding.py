from __future__ import annotations

import pytest
from tests.unit.services.backlog.marks import found

from iterm_mcp.models.backlog import Where
from iterm_mcp.services.backlog.finding import LOOSEST, Finder


@pytest.mark.parametrize(
    ("line", "tag", "named", "text"),
    [
        ("# TODO: say it", "TODO", "", "say it"),
        ("# TODO say it", "TODO", "", "say it"),
        ("# TODO(ann): say it", "TODO", "ann", "say it"),
        ("# TODO (ann): say it", "TODO", "ann", "say it"),
        ("# TODO[ann] - say it", "TODO", "ann", "say it"),
        ("# TODO(@ann): say it", "TODO", "ann", "say it"),
        ("# TODO @ann say it", "TODO", "ann", "say it"),
        ("# TODO(#123): say it", "TODO", "", "say it"),
        ("x = 1  # FIXME: say it", "FIXME", "", "say it"),
        ("x = 1  # see, XXX: say it", "XXX", "", "say it"),
        ("# TODO", "TODO", "", ""),
        ("# @TODO say it", "TODO", "", "say it"),
        ('"""TODO: say it."""', "TODO", "", "say it."),
    ],
)
def test_what_a_mark_says_and_who_is_named_is_read(
    line: str, tag: str, named: str, text: str
) -> None:
    (one,) = found(line)
    assert (one.tag, one.named, one.text, one.line) == (tag, named, text, 1)


@pytest.mark.parametrize(
    "line",
    [
        "TODO = 1",
        "x = 'TODO: say it'",
        "# the TODO list of others",
        "# TODOS: many",
        "# MY_TODO: x",
        "# write `TODO: say it` there",
        "# todo: say it",
        f"# TODO: {'x' * 1000}",
    ],
)
def test_what_only_looks_like_a_mark_is_none(line: str) -> None:
    assert found(line) == []


def test_closing_signs_are_not_part_of_the_text() -> None:
    assert [one.text for one in found("/* TODO: a */\n/**\n * FIXME: b\n **/", "a.c")] == ["a", "b"]
    assert [one.text for one in found("<!-- TODO: a -->", "a.html")] == ["a"]


def test_prose_needs_a_colon_or_a_name() -> None:
    text = "TODO write this\n- TODO: write that\nTODO(ann) and that\n"
    assert [one.line for one in found(text, "a.md")] == [2, 3]
    assert {one.where for one in found(text, "a.md")} == {Where.TEXT}


def test_what_counts_is_the_users_choice() -> None:
    text = "# the todo list\nx = 'TODO: y'\n# DEBT-LATER: pay\n# DEBT: pay\n"
    finder = Finder(("TODO", "DEBT", "DEBT-LATER"), LOOSEST, ignore_case=True, anywhere=True)
    assert [(one.tag, one.where) for one in found(text, finder=finder)] == [
        ("todo", Where.COMMENT),
        ("TODO", Where.STRING),
        ("DEBT-LATER", Where.COMMENT),
        ("DEBT", Where.COMMENT),
    ]


def test_a_line_has_one_mark_and_its_surroundings() -> None:
    text = "class A:\n    def f(self):\n\n        # TODO: FIXME: x\n        return 1\n\nz = 1\n"
    (one,) = found(text)
    assert one.tag == "TODO"
    assert one.before == ("class A:", "    def f(self):", "")
    assert one.own_line == "        # TODO: FIXME: x"
    assert one.after == ("        return 1", "", "z = 1", "")
    assert one.function == "def f(self):"


@pytest.mark.parametrize(
    ("path", "text", "function"),
    [
        ("a.c", "static int\nf(int a)\n{\n\tint b;\n\n\t// TODO: x\n", "f(int a)"),
        ("a.ts", "async function f() {\n  if (1) {\n    // TODO: x\n", "async function f() {"),
        ("a.go", "func f() {\n\t// TODO: x\n", "func f() {"),
        ("a.rs", "pub(crate) fn f() {\n    // TODO: x\n", "pub(crate) fn f() {"),
        ("a.py", "def f():\n    pass\n\n# TODO: x\n", ""),
        ("a.py", "x = [\n    # TODO: x\n", ""),
    ],
)  # fmt: skip
def test_what_a_mark_stands_in_is_seen(path: str, text: str, function: str) -> None:
    (one,) = found(text, path)
    assert one.function == function


def test_line_ends_of_others_do_not_count() -> None:
    (unix,) = found("x = 1\n# TODO: a\ny = 1\n")
    (dos,) = found("x = 1\r\n# TODO: a\r\ny = 1\r\n")
    assert unix == dos
