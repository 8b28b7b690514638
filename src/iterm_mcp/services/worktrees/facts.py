"""A worktree as it is found: what is in it, and why it stays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.models.worktrees import WorktreeFacts, WorktreeState
from iterm_mcp.services.worktrees.disk import size_of
from iterm_mcp.services.worktrees.git import Git
from iterm_mcp.services.worktrees.merged import why_merged
from iterm_mcp.services.worktrees.repository import changed_files, counts

if TYPE_CHECKING:
    from iterm_mcp.models.worktrees import Worktree

GONE = frozenset({WorktreeState.REMOVED, WorktreeState.REMOVING, WorktreeState.CREATING})


async def facts_of(worktree: Worktree, users: tuple[str, ...]) -> WorktreeFacts:
    """Look at a worktree."""
    there = await to_thread.run_sync(Path(worktree.path, ".git").exists)
    if worktree.state in GONE or not there:
        return WorktreeFacts(worktree, users=users, kept_because=_in_use(users))
    git = Git(worktree.path)
    head = await git.commit_of("HEAD")
    changed = len(await changed_files(git))
    base = f"refs/heads/{worktree.base_branch}"
    known = bool(worktree.base_branch) and bool(await git.commit_of(base))
    ahead, behind = await counts(git, "HEAD", base if known else worktree.base_commit)
    merged = await why_merged(worktree, head)
    size = await to_thread.run_sync(size_of, worktree.path)
    reasons = list(_in_use(users))
    if worktree.state is WorktreeState.CONFLICTED:
        reasons.append(f"conflicts wait in {len(worktree.conflicts)} files")
    if changed:
        reasons.append(f"{changed} files have uncommitted changes")
    if not merged:
        reasons.append(f"{ahead} commits are nowhere else")
    return WorktreeFacts(
        worktree, head, ahead, behind, changed, merged, users, size, tuple(reasons)
    )


def _in_use(users: tuple[str, ...]) -> tuple[str, ...]:
    return (f"in use by {', '.join(users[:5])}",) if users else ()
