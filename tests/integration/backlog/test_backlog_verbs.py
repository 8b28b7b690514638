"""The backlog from a shell, without a daemon."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.integration.backlog.yards import APP
from tests.integration.worktrees.repositories import AUTHOR, commit, git
from typer.testing import CliRunner

from iterm_mcp.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in AUTHOR.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ITERM_MCP_HOME", str(tmp_path / "home"))
    place = tmp_path / "app"
    place.mkdir()
    git(place, "init", "--quiet", "--initial-branch=main")
    commit(place, "app.py", APP)
    commit(place, "Makefile", "test:\n\ttrue\n")
    commit(place, "vendor/x.py", "# TODO: x\n")
    monkeypatch.chdir(place)
    return place


def run(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, ["backlog", *words])
    assert done.exit_code == code, done.output
    return done


@pytest.mark.usefixtures("repository")
def test_a_scan_lists_what_is_left_undone() -> None:
    first, second, summary = run("scan").stdout.splitlines()
    assert "  app.py:5  TODO handle empty text  bob  0 d  in def parse(text):" in first
    assert "  app.py:10  FIXME this is not safe  Ann  0 d  in def lock():" in second
    assert summary.startswith("2 marks in 1 files of ")
    assert summary.endswith("; files not looked at: 1 excluded")
    assert "Ann" not in run("scan", "--no-blame").stdout
    assert run("scan", "Makefile").stdout.startswith("0 marks")
    found = json.loads(run("scan", "--json").stdout)
    assert [one["owner"] for one in found["marks"]] == ["bob", "Ann"]
    assert found["marks"][0]["before"][-1] == "def parse(text):"
    assert found["skipped"] == {"excluded": 1}


@pytest.mark.usefixtures("repository")
def test_a_plan_tells_tasks_limits_and_tests() -> None:
    lines = run("plan", "--most", "1", "--task-cost", "0.5").stdout.splitlines()
    assert lines[0].endswith("-handle-empty-text  claude  $0.50")
    assert "app.py:5  TODO" in lines[1]
    assert lines[2:] == [
        "1 tasks, probably $0.50; 0 marks have one already",
        "1 marks are left for later: most tasks",
        "tests that must pass before and after: make test",
    ]
    found = json.loads(run("plan", "--by", "file", "--no-tests", "--json").stdout)
    (task,) = found["tasks"]
    assert len(task["marks"]) == 2
    assert len(task["acceptance"]) == 1
    assert found["cost_usd"] is None
    assert "2 comments in this repository" in task["prompt"]
    own = run("plan", "--test", "a", "--test", "b", "--tag", "FIXME", "--owner", "ann")
    assert own.stdout.splitlines()[-1].endswith("after: a; b")
    assert "TODO" not in own.stdout
    none = run("plan", "--tag", "NOPE", "--no-tests").stdout
    assert "after: none, as no file says how they are run" in none


def test_what_is_gone_is_checked_with_an_exit_code(repository: Path) -> None:
    began = git(repository, "rev-parse", "HEAD")
    asked = ("check", "--commit", began, "--tag", "TODO", "--tag", "FIXME", "app.py:5", "app.py:10")
    assert "app.py:5 is not gone" in run(*asked, code=1).stderr
    (repository / "app.py").write_text("x = 1\n")
    assert run(*asked).stdout == "all 2 are gone\n"
    assert "is no PATH:LINE" in run(*asked, "x", code=1).stderr


def test_mistakes_are_told_in_a_line(repository: Path, tmp_path: Path) -> None:
    assert "one of mark, file, owner" in run("plan", "--by", "moon", code=2).stderr
    told = run("scan", "-C", str(tmp_path), code=1).stderr
    assert told.startswith(f"iterm-mcp: {tmp_path} is in no checkout of a git repository")
    assert told.count("\n") == 1
    assert "limit how many there are" in run("plan", "--most-cost", "3", code=1).stderr
    commit(repository, "evil.py", "# TODO: \x1b[2J clear\n")
    assert "TODO  [2J clear" in run("scan", "evil.py").stdout
    (tmp_path / "home" / "backlog.toml").write_text("most_marks = 1\n")
    assert "2 more are left out" in run("scan").stdout
