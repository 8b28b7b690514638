"""Keeping all that is in a worktree before it is removed, and having it back."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.services.worktrees.git import LONG_SECONDS, Git
from iterm_mcp.services.worktrees.repository import tree_of

if TYPE_CHECKING:
    from iterm_mcp.models.worktrees import Worktree

FOLDER = "refs/iterm-mcp/salvage"
SUBJECT = "Uncommitted work of "
_AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "iterm-mcp"), ("EMAIL", "iterm-mcp@localhost"))
}
"""Who salvages: a user without a name in git's configuration must lose nothing either."""


async def salvage(worktree: Worktree, at: datetime) -> str:
    """Keep a worktree's commits and all its uncommitted files; return the reference.

    What git ignores is not kept.

    Raises:
        GitError: That failed; nothing must be removed then.
    """
    git = Git(worktree.path)
    head = await git.commit_of("HEAD")
    commit = await _with_changes(git, head, worktree.name)
    reference = f"{FOLDER}/{worktree.name}/{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
    await git("update-ref", "-m", "worktree removed", reference, commit)
    return reference


async def tree_of_files(git: Git, head: str) -> str:
    """Return the tree of all files as they are, but what git ignores; nothing is staged.

    Args:
        git: At the top of a worktree.
    """
    index = await to_thread.run_sync(_temporary_index)
    used = {"GIT_INDEX_FILE": index}
    try:
        await git("read-tree", head, environ=used)
        await git("add", "--all", "--", ".", seconds=LONG_SECONDS, environ=used)
        return (await git("write-tree", environ=used)).text
    finally:
        await to_thread.run_sync(_remove, index)


async def _with_changes(git: Git, head: str, name: str) -> str:
    """Return a commit of all files as they are; the head itself where nothing was changed."""
    tree = await tree_of_files(git, head)
    if tree == await tree_of(git, head):
        return head
    made = await git(
        "-c", "commit.gpgSign=false", "commit-tree", tree, "-p", head, "-m", f"{SUBJECT}{name}",
        environ=_AUTHOR,
    )  # fmt: skip
    return made.text


def _temporary_index() -> str:
    handle, path = tempfile.mkstemp(prefix="iterm-mcp-index-")
    os.close(handle)
    os.unlink(path)  # noqa: PTH108 - git makes it, and takes an empty file for a broken one
    return path


def _remove(path: str) -> None:
    for one in (path, f"{path}.lock"):
        if os.path.exists(one):  # noqa: PTH110
            os.unlink(one)  # noqa: PTH108


async def parts(git: Git, reference: str) -> tuple[str, str]:
    """Return the commit that a worktree stood on, and the one of all its files; may be the same."""
    kept = await git.commit_of(reference)
    subject = (await git("log", "-1", "--format=%s", kept)).text
    return (await git.commit_of(f"{kept}^") if subject.startswith(SUBJECT) else kept), kept


async def put_back(path: str, kept: str, head: str) -> None:
    """Have files in a worktree as they were; what was uncommitted is so again."""
    if kept == head:
        return
    git = Git(path)
    await git("read-tree", "--reset", "-u", kept, seconds=LONG_SECONDS)
    await git("reset", "--quiet", "--mixed", head, seconds=LONG_SECONDS)


async def forget_salvaged(repository: str, before: datetime) -> tuple[str, ...]:
    """Let go of what was salvaged earlier than a time; return those references."""
    git = Git(repository)
    listed = (await git("for-each-ref", "--format=%(refname)", FOLDER)).text.splitlines()
    old = tuple(one for one in listed if (at := _salvaged_at(one)) and at < before)
    for one in old:
        await git("update-ref", "-d", one)
    return old


def _salvaged_at(reference: str) -> datetime | None:
    try:
        stamp = reference.rpartition("/")[2]
        return datetime.strptime(stamp, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def salvage_limit(now: datetime, days: int) -> datetime:
    """Return the time before which what was salvaged is let go."""
    return now - timedelta(days=days)
