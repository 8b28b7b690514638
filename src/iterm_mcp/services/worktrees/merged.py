"""Whether commits are safe elsewhere. Nobody is believed who only says so."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from iterm_mcp.agents.probing import ask_program
from iterm_mcp.services.worktrees.git import Git, git_environ
from iterm_mcp.services.worktrees.repository import join_trees, tree_of

if TYPE_CHECKING:
    from iterm_mcp.models.worktrees import Worktree

MOST_COMMITS = 1000
"""Of a base branch that are compared with a branch that may have been squashed into one."""

SHOWN = 9


async def why_merged(worktree: Worktree, head: str) -> str:
    """Say why a branch's commits are safe in another; empty when that cannot be shown.

    They are when that branch holds them; when merging them would change nothing; when one of its
    commits makes the same changes as all of them together (a squash); and when a forge says that
    a pull request with exactly this commit was merged.
    """
    git = Git(worktree.repository)
    for base in await _bases(git, worktree):
        told = await _in_branch(git, head, base, worktree.base_commit)
        if told:
            return told
    return await _by_forge(worktree, head)


async def _bases(git: Git, worktree: Worktree) -> list[str]:
    branch = worktree.base_branch
    named = [f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"] if branch else []
    found = [name for name in named if await git.commit_of(name)]
    return [*found, worktree.base_commit]


async def _in_branch(git: Git, head: str, base: str, began: str) -> str:
    name = base.removeprefix("refs/heads/").removeprefix("refs/remotes/")
    name = name[:SHOWN] if base == began else name
    if await git.ok("merge-base", "--is-ancestor", head, base):
        return f"its commits are in {name}"
    fork = (await git("merge-base", head, base, codes=(0, 1))).text
    if not fork:
        return ""
    tree, conflicts = await join_trees(git, base, head)
    if not conflicts and tree == await tree_of(git, base):
        return f"all its changes are in {name}"
    squashed = await _squashed(git, head, base, fork)
    return f"{name} has its changes in the commit {squashed[:SHOWN]}" if squashed else ""


async def _squashed(git: Git, head: str, base: str, fork: str) -> str:
    """Return the commit of a base branch that makes the changes of a whole branch; or nothing."""
    whole = (await git("diff", "--full-index", "--binary", fork, head)).out
    ours = (await git("patch-id", "--stable", given=whole)).text.split(" ")[0] if whole else ""
    if not ours:
        return ""
    span = (f"--max-count={MOST_COMMITS}", f"{fork}..{base}")
    paths = (await git("diff", "--name-only", "-z", fork, head)).names
    log = await git("log", "--no-merges", "-p", "--full-index", "--binary", *span, "--", *paths)
    ids = (await git("patch-id", "--stable", given=log.out)).text if log.out else ""
    pairs = (line.split(" ") for line in ids.splitlines())
    return next((commit for patch, commit in pairs if patch == ours), "")


async def _by_forge(worktree: Worktree, head: str) -> str:
    """Ask GitHub's own program, where it is installed and logged in."""
    program = shutil.which("gh")
    if program is None:
        return ""
    wish = ("pr", "list", "--state", "merged", "--limit", "20", "--json", "headRefOid,number")
    here = {**git_environ(), "GIT_DIR": worktree.repository}
    said = await ask_program(program, (*wish, "--head", worktree.branch), here, anew=True)
    try:
        listed = json.loads(said or "[]")
        numbers = [one["number"] for one in listed if one["headRefOid"] == head]
    except (ValueError, TypeError, KeyError):
        return ""
    return f"pull request #{numbers[0]} was merged with it" if numbers else ""
