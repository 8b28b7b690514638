"""Worktrees and their base branches come together; conflicts are told by file and lose nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.worktrees.repositories import commit, git, text_of, write

from iterm_mcp.errors import ConflictError
from iterm_mcp.models.worktrees import Joining, WorktreeState
from iterm_mcp.services.worktrees.git import GitError

if TYPE_CHECKING:
    from tests.integration.worktrees.repositories import Bench

BOTH = [Joining.MERGE, Joining.REBASE]


def in_main(bench: Bench, name: str) -> str:
    return git(bench.repository, "show", f"main:{name}")


@pytest.mark.parametrize("how", BOTH)
async def test_what_is_new_in_the_base_comes_into_a_worktree(bench: Bench, how: Joining) -> None:
    made = await bench.make()
    commit(made.path, "mine.txt", "mine")
    commit(bench.repository, "theirs.txt", "theirs")

    joined = await bench.worktrees.bring_up("w", how)

    facts = await bench.worktrees.show("w")
    assert (joined.state, facts.behind) == (WorktreeState.READY, 0)
    assert text_of(made, "theirs.txt") == "theirs"
    merges = git(made.path, "rev-list", "--merges", "--count", "HEAD")
    assert merges == ("1" if how is Joining.MERGE else "0")


@pytest.mark.parametrize("how", BOTH)
async def test_conflicts_are_a_state_with_files_and_are_settled_there(
    bench: Bench, how: Joining
) -> None:
    made = await bench.make()
    commit(made.path, "a.txt", "one\nmine\nthree\n")
    commit(bench.repository, "a.txt", "one\ntheirs\nthree\n")

    stuck = await bench.worktrees.bring_up("w", how)

    assert (stuck.state, stuck.conflicts, stuck.joining) == ("conflicted", ("a.txt",), how)
    assert await bench.worktrees.records.get("w") == stuck
    for refused in (bench.worktrees.bring_up("w"), bench.worktrees.land("w")):
        with pytest.raises(ConflictError, match=r"conflicts wait in a\.txt"):
            await refused
    with pytest.raises(ConflictError, match=r"conflicts stand in a\.txt"):
        await bench.worktrees.go_on("w")

    write(made, "a.txt", "one\nboth\nthree\n")
    settled = await bench.worktrees.go_on("w")

    assert (settled.state, settled.conflicts, settled.joining) == ("ready", (), None)
    landed = await bench.worktrees.land("w")
    assert (landed.state, in_main(bench, "a.txt")) == ("ready", "one\nboth\nthree")


async def test_each_commit_of_a_rebase_may_have_conflicts(bench: Bench) -> None:
    made = await bench.make()
    commit(made.path, "a.txt", "first\ntwo\nthree\n")
    commit(made.path, "b.txt", "mine\n")
    commit(bench.repository, "a.txt", "theirs\ntwo\nthree\n")
    commit(bench.repository, "b.txt", "theirs\n")

    first = await bench.worktrees.bring_up("w", Joining.REBASE)
    write(made, "a.txt", "both\ntwo\nthree\n")
    second = await bench.worktrees.go_on("w")
    write(made, "b.txt", None)
    third = await bench.worktrees.go_on("w")

    assert (first.conflicts, second.conflicts, third.conflicts) == (("a.txt",), ("b.txt",), ())
    assert text_of(made, "a.txt") == "both\ntwo\nthree\n"


@pytest.mark.parametrize("how", BOTH)
async def test_giving_up_leaves_all_as_it_was(bench: Bench, how: Joining) -> None:
    made = await bench.make()
    head = commit(made.path, "a.txt", "mine\n")
    commit(bench.repository, "a.txt", "theirs\n")
    await bench.worktrees.bring_up("w", how)

    back = await bench.worktrees.abort("w")

    assert (back.state, git(made.path, "rev-parse", "HEAD")) == ("ready", head)
    assert git(made.path, "status", "--porcelain") == ""
    with pytest.raises(ConflictError, match="nothing waits in the worktree 'w'"):
        await bench.worktrees.abort("w")


async def test_what_a_person_has_concluded_by_hand_counts(bench: Bench) -> None:
    made = await bench.make()
    commit(made.path, "a.txt", "mine\n")
    commit(bench.repository, "a.txt", "theirs\n")
    await bench.worktrees.bring_up("w")
    commit(made.path, "a.txt", "both\n", "Merged by hand")

    assert (await bench.worktrees.go_on("w")).state is WorktreeState.READY
    assert git(made.path, "log", "-1", "--format=%s") == "Merged by hand"


async def test_uncommitted_work_is_never_merged_over(bench: Bench) -> None:
    made = await bench.make()
    write(made, "new.txt", "new")
    for refused in (bench.worktrees.bring_up("w"), bench.worktrees.land("w")):
        with pytest.raises(ConflictError, match=r"new\.txt of 'w' has uncommitted changes"):
            await refused


# Landing.


@pytest.mark.parametrize(
    ("how", "subject", "parents"),
    [
        (Joining.MERGE, "Merge branch 'iterm-mcp/w'", 2),
        (Joining.SQUASH, "w: Change c.txt", 1),
        (Joining.REBASE, "Change c.txt", 1),
    ],
)
async def test_its_commits_land_on_the_base(
    bench: Bench, how: Joining, subject: str, parents: int
) -> None:
    made = await bench.make()
    commit(made.path, "b.txt", "b")
    commit(made.path, "c.txt", "c")
    commit(bench.repository, "theirs.txt", "theirs")

    await bench.worktrees.land("w", how)

    told = git(bench.repository, "log", "-1", "--format=%s%n%p", "main").split("\n")
    assert (told[0], len(told[1].split())) == (subject, parents)
    assert (in_main(bench, "b.txt"), in_main(bench, "theirs.txt")) == ("b", "theirs")
    assert (bench.repository / "c.txt").read_text() == "c", "the checkout of main follows"
    assert git(bench.repository, "status", "--porcelain") == ""
    assert (await bench.worktrees.show("w")).merged != ""


async def test_a_squash_of_one_commit_keeps_its_words_and_a_message_may_be_given(
    bench: Bench,
) -> None:
    made = await bench.make()
    commit(made.path, "b.txt", "b", "One thing\n\nBecause.")
    await bench.worktrees.land("w", Joining.SQUASH)
    assert git(bench.repository, "log", "-1", "--format=%B", "main") == "One thing\n\nBecause."
    commit(made.path, "c.txt", "c")
    await bench.worktrees.land("w", Joining.SQUASH, "Given")
    assert git(bench.repository, "log", "-1", "--format=%s", "main") == "Given"


async def test_it_lands_on_a_branch_that_nobody_has_checked_out(bench: Bench) -> None:
    made = await bench.make()
    head = commit(made.path, "b.txt", "b")
    git(bench.repository, "switch", "--quiet", "-c", "other")

    await bench.worktrees.land("w")

    assert git(bench.repository, "rev-parse", "main") == head
    assert git(bench.repository, "symbolic-ref", "--short", "HEAD") == "other"
    assert not (bench.repository / "b.txt").exists()


async def test_landing_again_changes_nothing(bench: Bench) -> None:
    made = await bench.make()
    commit(made.path, "b.txt", "b")
    await bench.worktrees.land("w")
    before = git(bench.repository, "rev-parse", "main")
    await bench.worktrees.land("w", Joining.SQUASH)
    assert git(bench.repository, "rev-parse", "main") == before


@pytest.mark.parametrize("how", list(Joining))
async def test_what_would_conflict_lands_not_at_all_and_comes_up_in_the_worktree(
    bench: Bench, how: Joining
) -> None:
    made = await bench.make()
    commit(made.path, "a.txt", "mine\n")
    theirs = commit(bench.repository, "a.txt", "theirs\n")

    stuck = await bench.worktrees.land("w", how)

    assert (stuck.state, stuck.conflicts) == (WorktreeState.CONFLICTED, ("a.txt",))
    assert git(bench.repository, "rev-parse", "main") == theirs
    write(made, "a.txt", "both\n")
    await bench.worktrees.go_on("w")
    await bench.worktrees.land("w", how)
    assert in_main(bench, "a.txt") == "both"


async def test_local_changes_in_the_checkout_of_the_base_are_not_touched(bench: Bench) -> None:
    made = await bench.make()
    commit(made.path, "a.txt", "mine\n")
    (bench.repository / "a.txt").write_text("unsaved\n")
    with pytest.raises(GitError, match="local changes"):
        await bench.worktrees.land("w")
    assert (bench.repository / "a.txt").read_text() == "unsaved\n"


async def test_two_land_at_once_and_both_are_in(bench: Bench) -> None:
    for name in ("one", "two"):
        made = await bench.make(name)
        commit(made.path, f"{name}.txt", name)
    await bench.worktrees.land("one")
    await bench.worktrees.land("two")
    assert (in_main(bench, "one.txt"), in_main(bench, "two.txt")) == ("one", "two")


async def test_without_a_base_branch_nothing_lands(bench: Bench) -> None:
    head = git(bench.repository, "rev-parse", "HEAD")
    await bench.make("bare", start=head)
    with pytest.raises(ConflictError, match="was made from a commit"):
        await bench.worktrees.land("bare")
    git(bench.repository, "branch", "base")
    await bench.make("lost", start="base")
    git(bench.repository, "branch", "-D", "base")
    with pytest.raises(ConflictError, match="the branch 'base' is gone"):
        await bench.worktrees.land("lost")


async def test_a_merge_that_git_refuses_leaves_all_as_it_was(bench: Bench) -> None:
    made = await bench.make()
    commit(made.path, "a.txt", "mine\n")
    git(bench.repository, "checkout", "--quiet", "--orphan", "stranger")
    commit(bench.repository, "a.txt", "stranger\n")
    git(bench.repository, "branch", "-D", "main")
    git(bench.repository, "branch", "-m", "main")
    with pytest.raises(GitError, match="unrelated histories"):
        await bench.worktrees.bring_up("w")
    assert (await bench.worktrees.show("w")).worktree.state is WorktreeState.READY
