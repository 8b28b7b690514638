"""Bringing a worktree and its base branch together. Conflicts are a state with files, no error."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.errors import ConflictError
from iterm_mcp.models.worktrees import Joining, WorktreeState
from iterm_mcp.services.worktrees.git import LONG_SECONDS, Git, GitError
from iterm_mcp.services.worktrees.repository import (
    changed_files,
    conflicted_files,
    join_trees,
    places_of,
)

if TYPE_CHECKING:
    from iterm_mcp.models.worktrees import Worktree

TRIES = 5
"""How often a base branch may be moved by somebody else while something lands on it."""

MOST_NAMED = 10
MARKS = (b"<<<<<<< ", b">>>>>>> ")
MOST_BYTES = 16 << 20


async def bring_up(worktree: Worktree, how: Joining) -> Worktree:
    """Bring what is new in the base branch into a worktree.

    Returns:
        The worktree: ready, or with conflicts, which stand in its files with git's marks.

    Raises:
        ConflictError: It has uncommitted changes, or waits for conflicts already.
        GitError: Git refused for another reason; the worktree is as it was.
    """
    await check_clean(worktree)
    return await _join(worktree, _base(worktree), how)


async def _join(worktree: Worktree, base: str, how: Joining) -> Worktree:
    verb = ("rebase", base) if how is Joining.REBASE else ("merge", "--no-edit", base)
    return await _go(worktree, how, *verb)


async def _go(worktree: Worktree, how: Joining, *arguments: str) -> Worktree:
    git = Git(worktree.path)
    try:
        await git(*arguments, seconds=LONG_SECONDS)
    except GitError:
        files = await conflicted_files(git)
        if not files:
            await _give_up(git, how)
            raise
        return replace(
            worktree, state=WorktreeState.CONFLICTED, conflicts=files, joining=how, problem=""
        )
    return _settled(worktree)


def _settled(worktree: Worktree) -> Worktree:
    return replace(worktree, state=WorktreeState.READY, conflicts=(), joining=None, problem="")


async def _give_up(git: Git, how: Joining) -> None:
    with suppress(GitError):  # there may be nothing to give up
        await git("rebase" if how is Joining.REBASE else "merge", "--abort")


async def go_on(worktree: Worktree) -> Worktree:
    """Go on with what waited for conflicts; the next commit of a rebase may have some, too.

    Raises:
        ConflictError: Files still have git's marks in them, or nothing waits.
    """
    how = _waiting(worktree)
    git = Git(worktree.path)
    files = await conflicted_files(git)
    marked = await to_thread.run_sync(_marked, worktree.path, files)
    if marked:
        raise ConflictError(
            f"conflicts stand in {_named(marked)}",
            hint="Take the lines with <<<<<<<, ======= and >>>>>>> out of them, or abort.",
        )
    if files:
        await git("add", "--all", "--", *files)
    if not await _is_going(git, how):  # somebody has concluded it by hand
        return _settled(worktree)
    verb = "rebase" if how is Joining.REBASE else "merge"
    return await _go(worktree, how, verb, "--continue")


async def _is_going(git: Git, how: Joining) -> bool:
    names = ("rebase-merge", "rebase-apply") if how is Joining.REBASE else ("MERGE_HEAD",)
    asked = ("rev-parse", "--path-format=absolute")
    found = [(await git(*asked, "--git-path", name)).text for name in names]
    return await to_thread.run_sync(lambda: any(Path(one).exists() for one in found))


def _marked(path: str, files: tuple[str, ...]) -> tuple[str, ...]:
    """Return the files in which git's marks still stand."""
    found = []
    for name in files:
        try:
            with Path(path, name).open("rb") as file:
                lines = file.read(MOST_BYTES).splitlines()
        except OSError:  # removed: that settles it, too
            continue
        if all(any(line.startswith(mark) for line in lines) for mark in MARKS):
            found.append(name)
    return tuple(found)


async def abort(worktree: Worktree) -> Worktree:
    """Give up what waited for conflicts: the worktree is as it was before.

    Raises:
        ConflictError: Nothing waits.
    """
    how = _waiting(worktree)
    git = Git(worktree.path)
    if await _is_going(git, how):
        await git("rebase" if how is Joining.REBASE else "merge", "--abort")
    return _settled(worktree)


def _waiting(worktree: Worktree) -> Joining:
    if worktree.joining is None:
        raise ConflictError(
            f"nothing waits in the worktree {worktree.name!r}", hint="Bring it up or land it first."
        )
    return worktree.joining


async def land(worktree: Worktree, how: Joining, message: str = "") -> Worktree:
    """Bring a worktree's commits into its base branch; that has all of them, or none.

    Where the base branch is checked out, its files follow; local changes there that are in the
    way make git refuse. Conflicts come up in the worktree, never in that checkout. Commits made
    here are made without git's hooks.

    Returns:
        The worktree: ready and landed, or with conflicts, and nothing landed.

    Raises:
        ConflictError: It has uncommitted changes, waits for conflicts, or has no base branch.
        GitError: The base branch's checkout is in the way.
    """
    await check_clean(worktree)
    base = _base(worktree)
    for _ in range(TRIES):
        before = await Git(worktree.repository).commit_of(f"refs/heads/{base}")
        if not before:
            raise ConflictError(
                f"the branch {base!r} is gone", hint="Make it again, or merge by hand."
            )
        if how is Joining.REBASE:
            worktree = await _join(worktree, before, how)
            if worktree.state is WorktreeState.CONFLICTED:
                return worktree
        after = await _landed(worktree, before, how, message)
        if not after:
            return await _join(worktree, before, Joining.MERGE)
        if await _advance(worktree, base, before, after):
            return _settled(worktree)
    raise ConflictError(f"the branch {base!r} moves all the time", hint="Try again.")


async def _landed(worktree: Worktree, before: str, how: Joining, message: str) -> str:
    """Return the commit that the base branch is to have; nothing where there are conflicts."""
    git = Git(worktree.path)
    head = await git.commit_of("HEAD")
    if await git.ok("merge-base", "--is-ancestor", head, before):
        return before
    forward = await git.ok("merge-base", "--is-ancestor", before, head)
    if how is Joining.REBASE or (forward and how is Joining.MERGE):
        return head
    tree, conflicts = await join_trees(git, before, head)
    if conflicts:
        return ""
    parents = ("-p", before) if how is Joining.SQUASH else ("-p", before, "-p", head)
    text = message or await _message(git, worktree, before, head, how)
    return (await git("commit-tree", tree, *parents, "-F", "-", given=text)).text


async def _message(git: Git, worktree: Worktree, before: str, head: str, how: Joining) -> str:
    if how is Joining.MERGE:
        return f"Merge branch '{worktree.branch}'\n"
    subjects = (await git("log", "--reverse", "--format=%s", f"{before}..{head}")).text.split("\n")
    if len(subjects) == 1:
        return (await git("log", "-1", "--format=%B", head)).text + "\n"
    listed = "\n".join(f"- {one}" for one in subjects)
    return f"{worktree.name}: {subjects[-1]}\n\n{listed}\n"


async def _advance(worktree: Worktree, base: str, before: str, after: str) -> bool:
    """Move the base branch on; tell whether it still stood where it did."""
    place = (await places_of(worktree.repository)).get(base)
    if place is None:
        try:
            git = Git(worktree.repository)
            await git(
                "update-ref", "-m", f"{worktree.name} lands", f"refs/heads/{base}", after, before
            )
        except GitError:
            return False
        return True
    git = Git(place)
    if await git.commit_of("HEAD") != before:
        return False
    await git("merge", "--ff-only", "--quiet", after, seconds=LONG_SECONDS)
    return True


def _base(worktree: Worktree) -> str:
    if not worktree.base_branch:
        raise ConflictError(
            f"the worktree {worktree.name!r} was made from a commit, not from a branch",
            hint="Merge its branch by hand.",
        )
    return worktree.base_branch


async def check_clean(worktree: Worktree) -> None:
    """See that nothing is uncommitted, and that nothing waits.

    Raises:
        ConflictError: Something does.
    """
    if worktree.state is WorktreeState.CONFLICTED:
        raise ConflictError(
            f"conflicts wait in {_named(worktree.conflicts)}", hint="Continue, or abort."
        )
    files = await changed_files(Git(worktree.path))
    if files:
        raise ConflictError(
            f"{_named(files)} of {worktree.name!r} has uncommitted changes",
            hint="Commit them in the worktree first.",
        )


def _named(files: tuple[str, ...]) -> str:
    more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    return ", ".join(files[:MOST_NAMED]) + more
