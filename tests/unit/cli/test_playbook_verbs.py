"""Playbooks on the command line, as far as no daemon is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from iterm_mcp.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


def run(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["playbook", *words], input=stdin)


@pytest.fixture
def shipped() -> str:
    return run("example", "build-and-test").stdout


def test_the_examples_are_listed_and_printed() -> None:
    names = run("example").stdout.split()
    assert names == ["build-and-test", "review-team"]
    for name in names:
        printed = run("example", name).stdout
        assert f"\nplaybook: {name}\n" in printed
    missing = run("example", "nothing")
    assert missing.exit_code == 1
    assert "there are build-and-test, review-team" in missing.stderr


def test_a_sound_playbook_is_said_to_be_sound(shipped: str, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(shipped)
    assert run("validate", str(file)).stdout == "build-and-test: 5 steps are sound\n"
    assert run("validate", "-", stdin=shipped).exit_code == 0


def test_mistakes_are_told_by_line_and_end_with_1(shipped: str) -> None:
    result = run("validate", "-", stdin=shipped.replace("in: build", "in: biuld"))
    assert result.exit_code == 1
    assert "steps.3.run.in: no pane is called 'biuld'. Write build." in result.stderr
    assert result.stderr.startswith("the playbook has 2 mistakes:\nline ")


def test_a_dry_run_shows_the_plan_with_its_variables(shipped: str) -> None:
    plan = run("dry-run", "-", "--var", "directory=/src", "--var", "build=make x=y", stdin=shipped)
    assert plan.exit_code == 0
    assert "build runs a shell in /src" in plan.stdout
    assert "run in build: make x=y (1800 s, must end with 0, saved as built)" in plan.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 1, "the playbook needs directory"),
        (("--var", "directory"), 2, "'directory' is not name=value"),
        (("--var", "diretory=/"), 1, "Did you mean directory?"),
    ],
)
def test_variables_that_are_wrong_are_told(
    shipped: str, words: tuple[str, ...], code: int, says: str
) -> None:
    result = run("dry-run", "-", *words, stdin=shipped)
    assert result.exit_code == code
    assert says in result.stderr


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run("validate", str(tmp_path / "none.yaml"))
    assert isinstance(result.exception, FileNotFoundError)
