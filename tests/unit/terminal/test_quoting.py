"""What iTerm2 splits and evaluates, and what our own host is told besides."""

from __future__ import annotations

import json
import os
import pwd
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.sessions import Program, Size
from iterm_mcp.terminal.quoting import (
    ENVIRONMENT_KEY,
    command_line,
    customizations,
    literal,
    tags_value,
)


def read(program: Program, *, headless: bool) -> dict[str, object]:
    return {
        key: json.loads(value) for key, value in customizations(program, headless=headless).items()
    }


def test_a_profile_is_left_alone_when_nothing_is_asked_for() -> None:
    assert customizations(Program(), headless=True) == {}


def test_a_name_is_no_expression() -> None:
    assert literal(r"a \(b) (c)") == "a \\\u200b(b) (c)"


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1))
def test_arguments_come_out_of_the_split_as_they_were(words: list[str]) -> None:
    line = command_line(Program("prog", arguments=tuple(words)))

    assert line is not None
    assert shlex.split(line) == ["prog", *words]


def test_a_command_without_arguments_is_a_line_already() -> None:
    assert command_line(Program("ls -l")) == "ls -l"


def test_our_host_is_told_of_variables_without_a_command() -> None:
    program = Program(environment={"KEY": "a b"}, size=Size(100, 40), directory="/usr", name="x")

    assert read(program, headless=True) == {
        ENVIRONMENT_KEY: {"KEY": "a b"},
        "Custom Directory": "Yes",
        "Working Directory": "/usr",
        "Name": "x",
        "Columns": 100,
        "Rows": 40,
    }


def test_in_iterm2_a_program_is_started_through_env() -> None:
    program = Program("vim", arguments=("a file",), environment={"KEY": "a b", "N": "1"})

    command = read(program, headless=False)["Command"]

    assert shlex.split(str(command)) == ["/usr/bin/env", "KEY=a b", "N=1", "vim", "a file"]


@pytest.mark.parametrize("shell", ["/opt/my shell", ""])
def test_in_iterm2_the_login_shell_stays_one(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", shell)
    command = read(Program(environment={"N": "1"}), headless=False)["Command"]

    usual = shell or pwd.getpwuid(os.getuid()).pw_shell
    assert shlex.split(str(command)) == ["/usr/bin/env", "N=1", usual, "-l"]


def test_no_tags_are_no_value() -> None:
    assert tags_value(()) is None
    assert json.loads(str(tags_value(("a", "b")))) == ["a", "b"]
