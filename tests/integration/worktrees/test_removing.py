"""A worktree goes only when nothing is lost, and can be had back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.worktrees.repositories import commit, git, text_of, there, write

from iterm_mcp.errors import ConflictError, NotFoundError, RefusedError
from iterm_mcp.models.worktrees import Joining, WorktreeState
from iterm_mcp.services.worktrees.git import GitError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.worktrees.repositories import Bench


def gone(bench: Bench) -> bool:
    return bench.known_to_git() == [str(bench.repository)] and bench.branches() == ["main"]


async def test_one_without_work_goes_with_its_branch(bench: Bench) -> None:
    made = await bench.make()
    removed = await bench.worktrees.remove("w")
    assert (removed.state, gone(bench), there(made, ".")) == (WorktreeState.REMOVED, True, False)
    assert await bench.worktrees.remove("w") == removed
    assert await bench.worktrees.listed() == []
    assert [one.worktree for one in await bench.worktrees.listed(removed=True)] == [removed]


async def test_commits_that_are_nowhere_else_keep_it(bench: Bench) -> None:
    made = await bench.make()
    commit(made.path, "b.txt", "b")
    with pytest.raises(RefusedError, match="the worktree 'w' stays: 1 commits are nowhere else"):
        await bench.worktrees.remove("w")
    assert there(made, "b.txt")


@pytest.mark.parametrize("name", ["a.txt", "new.txt", "sub/über\nall.txt"])
async def test_uncommitted_files_keep_it(bench: Bench, name: str) -> None:
    made = await bench.make()
    write(made, name, "mine")
    with pytest.raises(RefusedError, match="1 files have uncommitted changes"):
        await bench.worktrees.remove("w")
    write(made, "ignored/cache", "what git ignores keeps nothing")
    git(made.path, "checkout", "--quiet", "--", ".")
    git(made.path, "clean", "--quiet", "-f", "-d")
    assert (await bench.worktrees.remove("w")).state is WorktreeState.REMOVED


async def test_a_process_in_it_keeps_it_even_by_force(bench: Bench) -> None:
    made = await bench.make()
    write(made, "sub/x", "")
    git(made.path, "add", "--all")
    git(made.path, "commit", "--quiet", "-m", "x")
    await bench.worktrees.land("w")
    async with await anyio.open_process(["sleep", "60"], cwd=f"{made.path}/sub") as sleeper:
        try:
            for force in (False, True):
                with pytest.raises(RefusedError, match=f"in use by {sleeper.pid} sleep"):
                    await bench.worktrees.remove("w", force=force)
        finally:
            sleeper.kill()
    assert (await bench.worktrees.remove("w")).state is WorktreeState.REMOVED


async def test_conflicts_keep_it(bench: Bench) -> None:
    made = await bench.make()
    commit(made.path, "a.txt", "mine\n")
    commit(bench.repository, "a.txt", "theirs\n")
    await bench.worktrees.bring_up("w")
    with pytest.raises(RefusedError, match="conflicts wait in 1 files"):
        await bench.worktrees.remove("w")
    forced = await bench.worktrees.remove("w", force=True)
    assert (forced.state, forced.conflicts, gone(bench)) == ("removed", (), True)


# What counts as merged.


@pytest.mark.parametrize("how", list(Joining))
async def test_what_has_landed_may_go(bench: Bench, how: Joining) -> None:
    made = await bench.make()
    commit(made.path, "b.txt", "b")
    commit(made.path, "a.txt", "one\n2\nthree\n")
    commit(bench.repository, "theirs.txt", "theirs")
    await bench.worktrees.land("w", how)
    assert (await bench.worktrees.remove("w")).state is WorktreeState.REMOVED


async def test_a_squash_counts_also_when_the_base_has_gone_on_from_there(bench: Bench) -> None:
    made = await bench.make()
    commit(made.path, "b.txt", "b\n")
    commit(made.path, "a.txt", "one\n2\nthree\n")
    git(bench.repository, "merge", "--quiet", "--squash", made.branch)
    squashed = commit(bench.repository, "c.txt", "", "Squashed")
    git(bench.repository, "reset", "--quiet", "--hard", "HEAD^")
    git(bench.repository, "merge", "--quiet", "--squash", made.branch)
    git(bench.repository, "commit", "--quiet", "-m", "Squashed")
    squashed = git(bench.repository, "rev-parse", "HEAD")
    commit(bench.repository, "a.txt", "all is different now\n")
    commit(bench.repository, "b.txt", "here, too\n")

    facts = await bench.worktrees.show("w")

    assert facts.merged == f"main has its changes in the commit {squashed[:9]}"
    assert (await bench.worktrees.remove("w")).state is WorktreeState.REMOVED


async def test_half_of_it_is_not_all_of_it(bench: Bench) -> None:
    made = await bench.make()
    first = commit(made.path, "b.txt", "b\n")
    commit(made.path, "c.txt", "c\n")
    git(bench.repository, "cherry-pick", first)
    assert (await bench.worktrees.show("w")).merged == ""


async def test_a_pull_request_that_was_merged_counts_with_exactly_its_commit(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await bench.make()
    head = commit(made.path, "b.txt", "b")
    told = json.dumps([{"headRefOid": head, "number": 7}])
    forge = tmp_path / "bin" / "gh"
    forge.parent.mkdir()
    forge.write_text(f"#!/bin/sh\necho '{told}'\n")
    forge.chmod(0o755)
    monkeypatch.setenv("PATH", str(forge.parent), prepend=":")
    assert (await bench.worktrees.show("w")).merged == "pull request #7 was merged with it"
    commit(made.path, "c.txt", "more")
    assert (await bench.worktrees.show("w")).merged == ""
    forge.write_text("#!/bin/sh\necho '{}'  # and now something else\n")
    assert (await bench.worktrees.show("w")).merged == ""


async def test_a_pull_request_that_is_merged_later_counts_from_then(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await bench.make()
    head = commit(made.path, "b.txt", "b")
    forge = tmp_path / "bin" / "gh"
    forge.parent.mkdir()
    forge.write_text(f"#!/bin/sh\ncat {tmp_path}/merged\n")
    forge.chmod(0o755)
    monkeypatch.setenv("PATH", str(forge.parent), prepend=":")
    (tmp_path / "merged").write_text("[]")
    assert (await bench.worktrees.show("w")).merged == ""
    (tmp_path / "merged").write_text(json.dumps([{"headRefOid": head, "number": 7}]))
    assert (await bench.worktrees.show("w")).merged == "pull request #7 was merged with it"


async def test_one_from_another_history_is_merged_nowhere(bench: Bench) -> None:
    made = await bench.make()
    git(made.path, "checkout", "--quiet", "--orphan", "stranger")
    commit(made.path, "a.txt", "stranger\n")
    assert (await bench.worktrees.show("w")).merged == ""


# Having it back.


async def test_all_that_was_in_it_comes_back(bench: Bench) -> None:
    made = await bench.make()
    head = commit(made.path, "b.txt", "b")
    write(made, "a.txt", "changed\n")
    write(made, "sub/new.txt", "new")
    write(made, "b.txt", None)
    before = git(made.path, "status", "--porcelain")
    assert (await bench.worktrees.remove("w", force=True)).salvage.startswith("refs/iterm-mcp/")
    assert gone(bench)

    back = await bench.worktrees.restore("w")

    assert (back.state, back.salvage, back.path) == (WorktreeState.READY, "", made.path)
    assert git(back.path, "rev-parse", "HEAD") == head
    assert git(back.path, "status", "--porcelain") == before
    assert (text_of(back, "a.txt"), text_of(back, "sub/new.txt")) == ("changed\n", "new")
    assert (await bench.worktrees.show("w")).ahead == 1


async def test_one_that_is_there_or_of_which_nothing_was_kept_does_not_come_back(
    bench: Bench,
) -> None:
    await bench.make()
    with pytest.raises(ConflictError, match="the worktree 'w' is there"):
        await bench.worktrees.restore("w")
    removed = await bench.worktrees.remove("w")
    git(bench.repository, "update-ref", "-d", removed.salvage)
    with pytest.raises(ConflictError, match="nothing is kept of the worktree 'w'"):
        await bench.worktrees.restore("w")
    with pytest.raises(NotFoundError, match="no worktree 'x'"):
        await bench.worktrees.restore("x")
    with pytest.raises(NotFoundError, match="no worktree"):
        await bench.worktrees.show("../../x")


async def test_a_branch_of_that_name_is_in_its_way_and_stays(bench: Bench) -> None:
    await bench.make()
    removed = await bench.worktrees.remove("w")
    git(bench.repository, "branch", "iterm-mcp/w")
    with pytest.raises(ConflictError, match="there is a branch"):
        await bench.worktrees.restore("w")
    assert await bench.worktrees.records.get("w") == removed
    assert "iterm-mcp/w" in bench.branches()


async def test_when_nothing_can_be_kept_nothing_is_removed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await bench.make()
    write(made, "new.txt", "new")
    monkeypatch.setattr("iterm_mcp.services.worktrees.salvage.FOLDER", "refs/heads/iterm-mcp/w")
    with pytest.raises(GitError):
        await bench.worktrees.remove("w", force=True)
    assert text_of(made, "new.txt") == "new"
    assert (await bench.worktrees.show("w")).worktree.state is WorktreeState.READY


# Being killed.


async def test_a_removal_that_was_cut_off_is_finished(bench: Bench) -> None:
    made = await bench.make()
    commit(made.path, "b.txt", "b")
    removed = await bench.worktrees.remove("w", force=True)
    await bench.worktrees.restore("w")
    for name in (".git", "a.txt"):
        write(made, name, None)
    half = replace(made, state=WorktreeState.REMOVING, salvage=removed.salvage)
    await bench.worktrees.records.put(half)

    assert (await bench.worktrees.remove("w")).state is WorktreeState.REMOVED
    assert gone(bench)
    assert text_of(await bench.worktrees.restore("w"), "b.txt") == "b"


async def test_a_restoration_that_was_cut_off_is_done_again(bench: Bench) -> None:
    made = await bench.make()
    commit(made.path, "b.txt", "b")
    removed = await bench.worktrees.remove("w", force=True)
    await bench.worktrees.restore("w")
    await bench.worktrees.records.put(replace(removed, state=WorktreeState.CREATING))

    assert text_of(await bench.worktrees.restore("w"), "b.txt") == "b"


async def test_one_whose_files_somebody_removed_is_told(bench: Bench) -> None:
    made = await bench.make()
    commit(made.path, "b.txt", "b")
    write(made, ".git", None)
    with pytest.raises(ConflictError, match="somebody has removed the files of 'w'"):
        await bench.worktrees.land("w")
    removed = await bench.worktrees.remove("w")
    assert (removed.state, removed.salvage) == (WorktreeState.REMOVED, "")
    assert "iterm-mcp/w" in bench.branches(), "its commits stay on its branch"
    with pytest.raises(ConflictError, match="the worktree 'w' is removed"):
        await bench.worktrees.bring_up("w")


# Collecting.


async def test_a_collection_takes_what_is_merged_clean_and_unused(bench: Bench) -> None:
    for name in ("done", "busy", "dirty"):
        await bench.make(name)
    commit((await bench.worktrees.show("busy")).worktree.path, "b.txt", "b")
    write((await bench.worktrees.show("dirty")).worktree, "new.txt", "")

    looked = await bench.worktrees.collect(only_look=True)
    assert len(await bench.worktrees.listed()) == 3
    done = await bench.worktrees.collect()

    assert [one.name for one in looked.removed] == [one.name for one in done.removed] == ["done"]
    assert [one.worktree.name for one in done.kept] == ["busy", "dirty"]
    assert (done.forgotten, done.failed) == ((), {})


async def test_salvage_is_forgotten_in_the_end(bench: Bench) -> None:
    await bench.make()
    removed = await bench.worktrees.remove("w")
    bench.later(89)
    assert (await bench.worktrees.collect()).forgotten == ()
    git(bench.repository, "update-ref", "refs/iterm-mcp/salvage/w/by-hand", "HEAD")
    bench.later(2)
    assert (await bench.worktrees.collect()).forgotten == (removed.salvage,)


async def test_a_repository_that_is_gone_ends_no_collection(bench: Bench, tmp_path: Path) -> None:
    await bench.make()
    await bench.worktrees.remove("w")
    bench.repository.rename(tmp_path / "moved")
    assert (await bench.worktrees.collect()).failed == {}


async def test_only_those_of_a_repository_are_listed(bench: Bench, tmp_path: Path) -> None:
    await bench.make()
    (tmp_path / "other").mkdir()
    git(tmp_path / "other", "init", "--quiet", "--initial-branch=main")
    commit(tmp_path / "other", "x", "")
    await bench.make("x", directory=str(tmp_path / "other"))
    listed = await bench.worktrees.listed(str(tmp_path / "other"))
    assert [one.worktree.name for one in listed] == ["x"]
    assert listed[0].size_bytes > 0
