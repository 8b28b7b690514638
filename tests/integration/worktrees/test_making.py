"""Worktrees are made once, whole, and beside each other."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.worktrees.repositories import commit, git, target_of, text_of, there, write

from iterm_mcp.errors import ConflictError, InvalidRequestError, RefusedError, StoreError
from iterm_mcp.models.worktrees import WorktreeState
from iterm_mcp.services.worktrees import making
from iterm_mcp.services.worktrees.git import Git, GitError
from iterm_mcp.services.worktrees.service import Wish

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.worktrees.repositories import Bench

    from iterm_mcp.models.worktrees import Worktree


async def test_a_worktree_starts_where_its_caller_stands(bench: Bench) -> None:
    git(bench.repository, "switch", "--quiet", "-c", "feature")
    tip = commit(bench.repository, "b.txt", "new\n")

    made = await bench.make()

    assert (made.state, made.base_branch, made.base_commit) == ("ready", "feature", tip)
    assert made.branch == "iterm-mcp/w"
    assert git(made.path, "rev-parse", "HEAD") == tip
    assert git(made.path, "symbolic-ref", "--short", "HEAD") == "iterm-mcp/w"
    assert text_of(made, "b.txt") == "new\n"


async def test_a_worktree_of_a_worktree_starts_there(bench: Bench) -> None:
    first = await bench.make("first")
    tip = commit(first.path, "c.txt", "c\n")

    second = await bench.make("second", directory=first.path)

    assert (second.base_branch, second.base_commit) == ("iterm-mcp/first", tip)
    assert second.repository == first.repository


async def test_it_starts_from_what_is_named(bench: Bench) -> None:
    old = git(bench.repository, "rev-parse", "HEAD")
    commit(bench.repository, "b.txt", "new\n")

    by_branch = await bench.make("one", start="main", branch="mine")
    by_commit = await bench.make("two", start=old[:10])

    assert (by_branch.base_branch, by_branch.branch) == ("main", "mine")
    assert (by_commit.base_branch, by_commit.base_commit) == ("", old)
    assert not there(by_commit, "b.txt")


async def test_many_are_made_side_by_side(bench: Bench) -> None:
    made: dict[str, Worktree] = {}

    async def make(name: str) -> None:
        made[name] = await bench.make(name)

    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(make, f"w{number}")

    assert {one.state for one in made.values()} == {WorktreeState.READY}
    assert len(bench.known_to_git()) == 13
    assert all(there(one, "a.txt") for one in made.values())


async def test_who_asks_again_gets_the_same_one(bench: Bench) -> None:
    made = await bench.make()
    write(made, "a.txt", "mine\n")

    assert await bench.make() == made
    assert text_of(made, "a.txt") == "mine\n"


async def test_a_name_belongs_to_its_owner(bench: Bench) -> None:
    await bench.make()
    with pytest.raises(ConflictError, match="ann has a worktree 'w'"):
        await bench.make(owner="bob")


async def test_it_is_locked_against_pruning(bench: Bench) -> None:
    made = await bench.make()
    git(bench.repository, "worktree", "remove", made.path, code=128)
    listed = git(bench.repository, "worktree", "list", "--porcelain")
    assert "locked iterm-mcp: ann" in listed


@pytest.mark.parametrize(
    ("more", "kind", "words"),
    [
        ({"name": "../x"}, InvalidRequestError, "cannot be the name of a worktree"),
        ({"name": "-x", "branch": "-x"}, InvalidRequestError, "cannot be the name of a branch"),
        ({"branch": "a..b"}, InvalidRequestError, "cannot be the name of a branch"),
        ({"branch": "main"}, ConflictError, "there is a branch 'main' already"),
        ({"start": "nope"}, InvalidRequestError, "'nope' is no branch and no commit"),
        ({"start": "--all"}, InvalidRequestError, "'--all' is no branch and no commit"),
        ({"directory": "/"}, InvalidRequestError, "is in no checkout of a git repository"),
        ({"directory": "/nowhere"}, ConflictError, "/nowhere is gone"),
    ],
    ids=["name", "dash", "branch", "taken", "start", "option", "root", "nowhere"],
)
async def test_what_cannot_be_is_refused_and_leaves_nothing(
    bench: Bench, more: dict[str, str], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        await bench.make(**{"name": "w", **more})
    assert await bench.worktrees.listed() == []
    assert bench.known_to_git() == [str(bench.repository)]
    assert bench.branches() == ["main"]


async def test_an_empty_repository_has_nothing_to_start_from(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    with pytest.raises(InvalidRequestError, match="'HEAD' is no branch"):
        await bench.make(directory=str(tmp_path / "empty"))


async def test_the_variables_of_a_hook_do_not_lead_elsewhere(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    made = await bench.make()
    assert made.repository == str(bench.repository / ".git")


# Setting up.


async def test_files_are_brought_and_commands_run_as_the_user_says(bench: Bench) -> None:
    (bench.repository / ".env").write_text("KEY=1\n")
    (bench.repository / "ignored").mkdir()
    (bench.repository / "ignored" / "big").write_text("cached")
    (bench.repository / "ignored" / "sub").mkdir()
    bench.settings.write_text(
        f'[[repository]]\npath = "{bench.repository.parent}"\nsetup = ["exit 3"]\n'
        f'[[repository]]\npath = "{bench.repository}"\ncopy = [".env", "missing", "ignored/sub"]\n'
        'link = ["ignored/big", "absent"]\nsetup = ["echo $ITERM_MCP_WORKTREE > setup.txt"]\n'
    )

    made = await bench.make()

    assert made.state is WorktreeState.READY
    assert text_of(made, ".env") == "KEY=1\n"
    assert target_of(made, "ignored/big") == str(bench.repository / "ignored" / "big")
    assert there(made, "ignored/sub")
    assert text_of(made, "setup.txt") == "w\n"


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        ("echo broken; exit 3", "ended with 3: broken"),
        ("sleep 60", "longer than 0.3 s"),
    ],
    ids=["fails", "hangs"],
)
async def test_a_set_up_that_fails_is_told_and_the_worktree_stays(
    bench: Bench, setup: str, words: str
) -> None:
    bench.settings.write_text(
        f'[[repository]]\npath = "{bench.repository}"\nsetup = ["{setup}"]\nsetup_seconds = 0.3\n'
    )
    made = await bench.make()
    assert (made.state, words in made.problem) == (WorktreeState.SETUP_FAILED, True)
    assert there(made, "a.txt")


async def test_a_file_that_cannot_be_copied_is_told(bench: Bench) -> None:
    git(bench.repository, "switch", "--quiet", "-c", "odd")
    commit(bench.repository, "ignored", "a file where main has a folder")
    git(bench.repository, "switch", "--quiet", "main")
    (bench.repository / "ignored").mkdir()
    (bench.repository / "ignored" / "a").write_text("")
    bench.settings.write_text(f'[[repository]]\npath = "{bench.repository}"\ncopy = ["ignored/a"]')
    made = await bench.make(start="odd")
    assert (made.state, "could not be brought" in made.problem) == ("setup_failed", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("most_gigabytes = ", "Invalid value"),
        ("most_gigabytes = 0", "most_gigabytes: Input should be greater than 0"),
        ("most = 1", "most: Extra inputs are not permitted"),
        ('[[repository]]\npath = "/x"\ncopy = ["../x"]', "no path within the repository"),
        ('[[repository]]\npath = "/x"\nlink = [".git/config"]', "no path within the repository"),
    ],
    ids=["syntax", "range", "unknown", "outside", "git"],
)
async def test_a_file_of_settings_that_cannot_be_understood_makes_nothing(
    bench: Bench, text: str, words: str
) -> None:
    bench.settings.write_text(text)
    with pytest.raises(InvalidRequestError, match=words):
        await bench.make()
    assert bench.known_to_git() == [str(bench.repository)]


async def test_there_must_be_room(bench: Bench) -> None:
    await bench.make("first")
    bench.settings.write_text("most_gigabytes = 0.000001")
    bench.later(1)
    with pytest.raises(RefusedError, match="worktrees take"):
        await bench.make("second")
    bench.settings.write_text("least_free_gigabytes = 99999")
    with pytest.raises(RefusedError, match="GB left"):
        await bench.make("second")


# Being killed.


async def test_one_whose_maker_was_killed_is_made_anew(bench: Bench) -> None:
    made = await bench.make()
    await bench.worktrees.records.put(replace(made, state=WorktreeState.CREATING))
    write(made, "a.txt", None)

    again = await bench.make()

    assert again.state is WorktreeState.READY
    assert there(made, "a.txt")


async def test_one_that_git_did_not_come_to_make_is_made_anew(bench: Bench) -> None:
    wish = Wish("w", str(bench.repository), "ann")
    planned = await bench.worktrees._planned(wish, str(bench.repository / ".git"))
    await bench.worktrees.records.put(planned)
    assert (await bench.worktrees.create(wish)).state is WorktreeState.READY


async def test_who_is_cancelled_leaves_nothing_half_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled(*_: object) -> None:
        scope.cancel()
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(making, "furnish", cancelled)
    with anyio.CancelScope() as scope:
        await bench.make()
    monkeypatch.undo()
    assert scope.cancelled_caught
    assert (await bench.worktrees.show("w")).worktree.state is WorktreeState.CREATING
    assert (await bench.worktrees.remove("w")).state is WorktreeState.REMOVED
    assert bench.known_to_git() == [str(bench.repository)]
    assert bench.branches() == ["main"]


async def test_when_git_fails_nothing_is_left(bench: Bench) -> None:
    hook = bench.repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitError, match="git worktree in"):
        await bench.make()
    hook.unlink()
    assert bench.known_to_git() == [str(bench.repository)]
    assert bench.branches() == ["main"]
    assert (await bench.make()).state is WorktreeState.READY


# Records.


async def test_a_record_that_cannot_be_read_is_named(bench: Bench) -> None:
    await bench.make()
    path = bench.folder / ".records" / "w.json"
    path.write_text(json.dumps({"name": "w"}))
    with pytest.raises(StoreError, match=r"w\.json cannot be read"):
        await bench.worktrees.listed()


async def test_a_disk_that_refuses_is_told(bench: Bench) -> None:
    made = await bench.make()
    (bench.folder / ".records" / "w.new").mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        await bench.worktrees.records.put(made)


async def test_two_do_not_change_one_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iterm_mcp.services.worktrees.records.LOCK_SECONDS", 0.05)
    await bench.make()
    async with bench.worktrees.records.held("w"):
        with pytest.raises(ConflictError, match="another process is at work"):
            await bench.worktrees.remove("w")


# Git itself.


async def test_a_command_that_takes_too_long_is_ended(bench: Bench) -> None:
    with pytest.raises(GitError, match=r"longer than 0\.05 s"):
        await Git(str(bench.repository))("-c", "alias.s=!sleep 60", "s", seconds=0.05)


async def test_the_lock_of_another_is_waited_for(bench: Bench) -> None:
    lock = bench.repository / ".git" / "index.lock"
    lock.write_text("")
    (bench.repository / "b.txt").write_text("b")

    async def release() -> None:
        await anyio.sleep(0.1)
        await anyio.Path(lock).unlink()

    async with anyio.create_task_group() as group:
        group.start_soon(release)
        await Git(str(bench.repository))("add", "b.txt")
    assert git(bench.repository, "diff", "--cached", "--name-only") == "b.txt"


async def test_an_old_git_is_told(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.30.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent))
    with pytest.raises(InvalidRequestError, match=r"git version 2\.30\.1"):
        await bench.make()
    old.unlink()
    with pytest.raises(InvalidRequestError, match="git is not installed"):
        await bench.make()
