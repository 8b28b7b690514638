"""Worktrees from a shell, without a daemon."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.integration.worktrees.repositories import commit, git
from typer.testing import CliRunner

from iterm_mcp.cli import app
from iterm_mcp.errors import RefusedError
from iterm_mcp.services.worktrees.service import Worktrees

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.worktrees.repositories import Bench
    from typer.testing import Result

    from iterm_mcp.models.worktrees import Worktree


@pytest.fixture(autouse=True)
def home(tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ITERM_MCP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(bench.repository)
    return tmp_path / "home"


def run(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, ["worktrees", *words])
    assert done.exit_code == code, done.output
    return done


def test_a_worktree_is_made_shown_landed_removed_and_had_back(home: Path) -> None:
    assert run("list").stdout == "there are none; iterm-mcp worktrees create NAME makes one\n"
    path = run("create", "fix").stdout.strip()
    assert path == str(home / "worktrees" / "fix")
    assert run("create", "fix").stdout.strip() == path
    commit(path, "b.txt", "b")
    row = run("list").stdout
    assert row.startswith("fix  ready  iterm-mcp/fix  ")
    assert "+1 -0  0 changed" in row
    assert "stays: 1 commits are nowhere else" in row

    refused = run("remove", "fix", code=1)
    assert "Land it, or remove it by force." in refused.stderr
    assert run("gc").stdout == "kept fix: 1 commits are nowhere else\n"
    assert run("land", "fix", "--how", "squash").stdout == "fix has landed on main\n"
    assert run("gc", "--dry-run").stdout == "would remove fix\n"
    assert run("gc").stdout == "removed fix\n"
    assert run("list", "--removed").stdout.startswith("fix  removed")
    assert run("restore", "fix").stdout.strip() == path
    assert run("remove", "fix").stdout.startswith("fix is removed; restore it with: iterm-mcp")


def test_conflicts_are_listed_with_what_to_do(bench: Bench) -> None:
    path = run("create", "fix").stdout.strip()
    commit(path, "a.txt", "mine\n")
    commit(bench.repository, "a.txt", "theirs\n")
    stuck = run("update", "fix", "--how", "rebase", code=2)
    assert f"conflicts in {path}:\n  a.txt\nsettle them there" in stuck.stderr
    assert run("abort", "fix").stdout == "fix is as it was before\n"
    run("land", "fix", code=2)
    (bench.folder.parent / "home" / "worktrees" / "fix" / "a.txt").write_text("both\n")
    assert run("continue", "fix").stdout == "fix is settled\n"
    assert run("land", "fix").stdout == "fix has landed on main\n"
    assert git(bench.repository, "show", "main:a.txt") == "both"


def test_what_programs_read_is_json(bench: Bench) -> None:
    made = json.loads(run("create", "fix", "--owner", "ann", "--json").stdout)
    assert (made["owner"], made["state"], made["base_branch"]) == ("ann", "ready", "main")
    shown = json.loads(run("show", "fix", "--json").stdout)
    listed = json.loads(run("list", "-C", str(bench.repository), "--json").stdout)
    assert shown["ahead"] == 0
    assert [one["name"] for one in listed["worktrees"]] == ["fix"]
    told = run("show", "fix").stdout
    assert "base branch: main\n" in told
    assert "kept because: \n" in told


def test_mistakes_are_told_in_a_line(bench: Bench, home: Path) -> None:
    assert run("show", "nope", code=1).stderr.startswith("iterm-mcp: no worktree 'nope'")
    assert "one of merge, rebase" in run("update", "x", "--how", "squash", code=2).stderr
    home.mkdir(exist_ok=True)
    (home / "worktrees.toml").write_text(
        f'[[repository]]\npath = "{bench.repository}"\nsetup = ["exit 3"]\n'
    )
    failed = run("create", "fix", code=1)
    assert failed.stdout.strip() == str(home / "worktrees" / "fix")
    assert "its set-up failed: 'exit 3' ended with 3" in failed.stderr


def test_a_collection_goes_on_when_one_cannot_go(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run("create", "one").stdout.strip()
    run("create", "two")
    real = Worktrees.remove

    async def remove(self: Worktrees, name: str, *, force: bool = False) -> Worktree:
        if name == "one":
            raise RefusedError("somebody came")
        return await real(self, name, force=force)

    monkeypatch.setattr(Worktrees, "remove", remove)
    done = run("gc", code=1)
    assert (done.stdout, done.stderr) == ("removed two\n", "kept one: somebody came\n")
    assert path in git(bench.repository, "worktree", "list")


def test_a_name_of_a_file_cannot_break_out_of_its_line(bench: Bench) -> None:
    path = run("create", "fix").stdout.strip()
    for place in (path, bench.repository):
        commit(place, "x\n\x1b[2Jy", str(place))
    assert "  x  [2Jy\n" in run("update", "fix", code=2).stderr
