"""The wizard that asks what an agent shall be."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from iterm_mcp.cli.agent_wizard import app, template_text

if TYPE_CHECKING:
    from pathlib import Path

GIVEN = ("--kind", "shell", "-C", "/", "--yes", "--no-start")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ITERM_MCP_HOME", str(tmp_path))
    return tmp_path


def new(*arguments: str, answers: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["new", *arguments], input=answers)
    return result.exit_code, result.output


def test_it_asks_step_by_step_and_keeps_the_answers_as_a_template(home: Path) -> None:
    answers = ["robot", "shell", "/", "Read TASK.md.", "", "reviewer", "a, b", "", "y", "mine"]

    code, shown = new("--no-start", answers="\n".join([*answers, ""]))

    path = home / "templates" / "mine.toml"
    assert code == 0, shown
    assert "there is no kind 'robot'" in shown
    assert str(path) in shown
    assert tomllib.loads(path.read_text()) == {
        "kind": "shell",
        "directory": "/",
        "prompt": "Read TASK.md.",
        "role": "reviewer",
        "teams": ["a", "b"],
        "trust": "accept",
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_with_everything_given_it_asks_nothing(home: Path) -> None:
    code, shown = new(*GIVEN, "--save", "mine", "--role", "tester")

    assert (code, shown.count("\n")) == (0, 1)
    assert 'role = "tester"' in (home / "templates" / "mine.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--kind", "robot", "--yes"), 2, "no kind 'robot'"),
        ((*GIVEN, "--save", "../mine"), 1, "cannot be a template's name"),
    ],
)
def test_what_cannot_be_is_said_and_ends_it(
    arguments: tuple[str, ...], code: int, says: str
) -> None:
    ended, shown = new(*arguments)

    assert ended == code
    assert says in shown


def test_a_template_that_is_there_is_never_written_over(home: Path) -> None:
    new(*GIVEN, "--save", "mine")
    before = (home / "templates" / "mine.toml").read_text()

    code, shown = new(*GIVEN, "--save", "mine", "--role", "other")

    assert code == 1
    assert "is there already" in shown
    assert (home / "templates" / "mine.toml").read_text() == before


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_is_answered_is_kept_as_it_was(text: str) -> None:
    kept = tomllib.loads(template_text({"prompt": text, "teams": [text, text]}))

    assert kept == ({"prompt": text, "teams": [text, text]} if text else {"teams": ["", ""]})
