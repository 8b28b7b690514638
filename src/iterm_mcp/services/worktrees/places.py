"""Where somebody works who has a worktree instead of the directory that it was made from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.errors import ConflictError
from iterm_mcp.models.worktrees import WorktreeState
from iterm_mcp.services.worktrees.repository import find_checkout

if TYPE_CHECKING:
    from iterm_mcp.models.worktrees import Worktree


async def directory_in(worktree: Worktree, directory: str) -> str:
    """Return the directory of a worktree that another one is in its checkout, else the top.

    Raises:
        InvalidRequestError: The other one belongs to no checkout.
    """
    top = (await find_checkout(directory)).top

    def find() -> str:
        below = os.path.relpath(os.path.realpath(directory), os.path.realpath(top))
        wanted = Path(worktree.path, below)
        return os.path.normpath(wanted) if wanted.is_dir() else worktree.path

    return await to_thread.run_sync(find)


def check_set_up(worktree: Worktree) -> None:
    """See that a worktree can be worked in.

    Raises:
        ConflictError: Its set-up failed.
    """
    if worktree.state is WorktreeState.SETUP_FAILED:
        raise ConflictError(
            f"the set-up of worktree {worktree.name!r} failed: {worktree.problem}",
            hint="Mend the set-up in worktrees.toml, or what it runs.",
            code="setup_failed",
        )
