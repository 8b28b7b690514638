"""What git knows of a repository and of its branches."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.worktrees.git import Git, GitError

BRANCH = "refs/heads/"
OLDEST_GIT = (2, 38)


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where somebody stands.

    Attributes:
        repository: The git folder that all worktrees share.
        top: The top of the checkout.
    """

    repository: str
    top: str


async def find_checkout(directory: str) -> Checkout:
    """Return the checkout that a directory belongs to.

    Raises:
        InvalidRequestError: It belongs to none, or git is too old.
    """
    told = (await Git(directory)("version")).text
    version = tuple(int(one) for one in re.findall(r"\d+", told)[:2])
    if version < OLDEST_GIT:
        raise InvalidRequestError(
            f"{told} cannot merge without touching files", hint="Install git 2.38 or newer."
        )
    asked = ("rev-parse", "--path-format=absolute", "--git-common-dir", "--show-toplevel")
    try:
        lines = (await Git(directory)(*asked)).text.split("\n")
    except GitError as error:
        raise InvalidRequestError(
            f"{directory} is in no checkout of a git repository: {error}",
            hint="Name a directory of one.",
        ) from None
    return Checkout(os.path.realpath(lines[0]), lines[1])  # noqa: ASYNC240 - once, and quick


async def branch_of(git: Git) -> str:
    """Return the branch that is checked out; empty when a bare commit is."""
    return (await git("symbolic-ref", "--quiet", "--short", "HEAD", codes=(0, 1))).text


async def changed_files(git: Git) -> tuple[str, ...]:
    """Return the files with changes that are in no commit, new ones included, ignored ones not."""
    asked = ("--no-optional-locks", "status", "--porcelain=v1", "-z", "--untracked-files=all")
    entries = iter((await git(*asked, "--no-renames")).names)
    return tuple(one[3:] for one in entries)


async def conflicted_files(git: Git) -> tuple[str, ...]:
    """Return the files in which both sides changed the same lines, and nobody settled it."""
    return (await git("diff", "--name-only", "--diff-filter=U", "-z")).names


async def counts(git: Git, ours: str, theirs: str) -> tuple[int, int]:
    """Return how many commits each of two has that the other has not."""
    asked = ("rev-list", "--left-right", "--count", f"{ours}...{theirs}")
    left, right = (await git(*asked)).text.split()
    return int(left), int(right)


async def places_of(repository: str) -> dict[str, str]:
    """Return where each branch of a repository is checked out, by branch."""
    listed = (await Git(repository)("worktree", "list", "--porcelain", "-z")).out
    found: dict[str, str] = {}
    for entry in listed.split("\0\0"):
        lines = dict(line.partition(" ")[::2] for line in entry.split("\0") if line)
        branch = lines.get("branch", "")
        if branch.startswith(BRANCH) and "bare" not in lines:
            found[branch.removeprefix(BRANCH)] = lines["worktree"]
    return found


async def join_trees(git: Git, ours: str, theirs: str) -> tuple[str, tuple[str, ...]]:
    """Merge two commits without touching any file; return the tree, and files in conflict."""
    said = await git(
        "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs,
        codes=(0, 1),
    )  # fmt: skip
    tree, *files = said.names
    return tree, tuple(dict.fromkeys(files))


async def tree_of(git: Git, commit: str) -> str:
    """Return the id of a commit's tree."""
    return (await git("rev-parse", f"{commit}^{{tree}}")).text
