"""Making a worktree, and undoing what was half made."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from iterm_mcp.agents.programs import open_program
from iterm_mcp.errors import ConflictError, InvalidRequestError
from iterm_mcp.models.worktrees import WorktreeState
from iterm_mcp.services.worktrees.git import LONG_SECONDS, Git, GitError, git_environ

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from iterm_mcp.models.worktrees import Worktree
    from iterm_mcp.services.worktrees.settings import RepositorySettings

UNDO_SECONDS = 60.0
TAIL_CHARACTERS = 2000
REASON = "iterm-mcp: "


async def add(worktree: Worktree, start: str) -> None:
    """Have git make a worktree on a new branch, locked against everybody's pruning.

    It shares all objects with the repository; several are made at once without harm. When it
    fails, or is cancelled, nothing of it is left.

    Raises:
        ConflictError: The branch is there already.
        GitError: Git refused.
    """
    git = Git(worktree.repository)
    await check_branch(git, worktree.branch)
    lock = ("--lock", "--reason", f"{REASON}{worktree.owner}")
    new = ("--no-track", "-b", worktree.branch, worktree.path, start)
    made = git("worktree", "add", "--quiet", *lock, *new, seconds=LONG_SECONDS)
    await or_undo(replace(worktree, base_commit=start), made)


async def or_undo(worktree: Worktree, work: Awaitable[object]) -> None:
    """Do something for a worktree that nobody has yet; when it fails, nothing of it is left."""
    try:
        await work
    except BaseException:
        with anyio.CancelScope(shield=True), anyio.move_on_after(UNDO_SECONDS):
            await undo(worktree)
        raise


async def undo(worktree: Worktree) -> None:
    """Remove what was half made: nobody has worked in it yet."""
    git = Git(worktree.repository)
    await take_away(worktree)
    branch = f"refs/heads/{worktree.branch}"
    if await git.commit_of(branch) == worktree.base_commit:
        await git("update-ref", "-d", branch, worktree.base_commit)


async def take_away(worktree: Worktree) -> None:
    """Remove a worktree's files and git's knowledge of it, however little is left of them."""
    git = Git(worktree.repository)
    with suppress(GitError):
        await git("worktree", "unlock", worktree.path)
    try:
        twice = ("--force", "--force")
        await git("worktree", "remove", *twice, worktree.path, seconds=LONG_SECONDS)
    except GitError:
        await to_thread.run_sync(lambda: shutil.rmtree(worktree.path, ignore_errors=True))
        await git("worktree", "prune")


async def furnish(worktree: Worktree, checkout: str, wanted: RepositorySettings | None) -> Worktree:
    """Bring what git does not keep, and run the commands of the set-up.

    Returns:
        The worktree; with its problem where a file or a command failed.
    """
    if wanted is None:
        return replace(worktree, state=WorktreeState.READY)
    problem = await to_thread.run_sync(_bring, worktree.path, checkout, wanted)
    if not problem:
        problem = await _run_all(worktree, wanted)
    state = WorktreeState.SETUP_FAILED if problem else WorktreeState.READY
    return replace(worktree, state=state, problem=problem)


def _bring(path: str, checkout: str, wanted: RepositorySettings) -> str:
    """Copy and link; return what went wrong. What is not there is left out."""
    try:
        for name in wanted.copy_files:
            source, target = Path(checkout, name), Path(path, name)
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
            elif source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        for name in wanted.link:
            source, target = Path(checkout, name), Path(path, name)
            if source.exists() and not os.path.lexists(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(source)
    except (OSError, shutil.Error) as error:
        return f"a file could not be brought: {error}"[:TAIL_CHARACTERS]
    return ""


async def _run_all(worktree: Worktree, wanted: RepositorySettings) -> str:
    """Run the commands of a set-up; return what went wrong with the first that failed."""
    try:
        with anyio.fail_after(wanted.setup_seconds):
            for command in wanted.setup:
                code, tail = await _run(command, worktree)
                if code:
                    return f"{command!r} ended with {code}: {tail}"
    except TimeoutError:
        return f"the set-up took longer than {wanted.setup_seconds:g} s"
    return ""


async def _run(command: str, worktree: Worktree) -> tuple[int, str]:
    environ = {"ITERM_MCP_WORKTREE": worktree.name, "ITERM_MCP_BRANCH": worktree.branch}
    tail = b""
    async with open_program(
        ["/bin/sh", "-c", command],
        {**git_environ(), **environ},
        directory=worktree.path,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        async for piece in process.stdout:
            tail = (tail + piece)[-TAIL_CHARACTERS:]
        code = await process.wait()
    return code, tail.decode("utf-8", "replace").strip()


async def check_branch(git: Git, branch: str) -> None:
    """See that a new branch may be called so.

    Raises:
        ConflictError: There is one already.
        InvalidRequestError: Git takes no such name.
    """
    if branch.startswith("-") or not await git.ok("check-ref-format", f"refs/heads/{branch}"):
        raise InvalidRequestError(
            f"{branch[:80]!r} cannot be the name of a branch", hint="See git check-ref-format."
        )
    if await git.commit_of(f"refs/heads/{branch}"):
        raise ConflictError(
            f"there is a branch {branch!r} already",
            hint="Choose another name or branch, or delete that one.",
        )
