"""Where attempts work: a directory that is there, or a worktree that is made for them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from iterm_mcp.errors import (
    InvalidRequestError,
    ItermMcpError,
    NotFoundError,
    RefusedError,
    shown,
)
from iterm_mcp.services.tasks.prompts import agent_name, inputs_text
from iterm_mcp.services.worktrees.git import Git
from iterm_mcp.services.worktrees.places import check_set_up, directory_in
from iterm_mcp.services.worktrees.service import Wish
from iterm_mcp.tasks.work import Place

if TYPE_CHECKING:
    from iterm_mcp.models.worktrees import Worktree
    from iterm_mcp.services.tasks.folders import AttemptFolders
    from iterm_mcp.services.worktrees.service import Worktrees
    from iterm_mcp.tasks.work import Order

log = structlog.get_logger()


class Places:
    """Makes and takes away the places of attempts."""

    def __init__(self, worktrees: Worktrees, folders: AttemptFolders) -> None:
        self._worktrees = worktrees
        self._folders = folders

    async def make(self, order: Order) -> Place:
        """Return where an attempt works; what was made before is not made again.

        Raises:
            InvalidRequestError: There is no such directory, or no repository.
            ConflictError: Its worktree was made by somebody else, or its set-up failed.
            RefusedError: There is no room for another worktree.
        """
        directory = Path(order.spec.directory)
        if not directory.is_absolute() or not await to_thread.run_sync(directory.is_dir):
            raise InvalidRequestError(
                f"{shown(order.spec.directory)!r} is no directory",
                hint="Give the absolute path of a directory that is there.",
            )
        folder = self._folders.of(order.attempt_id)
        await folder.keeping.write_private({folder.inputs: inputs_text(order)})
        if not order.spec.worktree:
            wanted = order.spec.acceptance
            if (wanted.commit or wanted.pull_request) and not await _exists(folder.began):
                commit = await Git(str(directory)).commit_of("HEAD")
                await folder.keeping.write_private({folder.began: commit})
            return Place(str(directory))
        return await self._in_worktree(order, str(directory))

    async def _in_worktree(self, order: Order, directory: str) -> Place:
        name = str(agent_name(order))
        worktree = await self._worktrees.create(Wish(name, directory, owner_of(order)))
        check_set_up(worktree)
        return Place(await directory_in(worktree, directory), name)

    async def take_away(self, order: Order) -> str:
        """Remove an attempt's worktree, if nothing is lost by that; return why it stays."""
        if not order.spec.worktree:
            return ""
        name = str(agent_name(order))
        try:
            worktree = await self._worktrees.records.find(name)
            if worktree is not None and _is_ours(worktree, order):
                with suppress(NotFoundError):
                    await self._worktrees.remove(name)
        except RefusedError as error:
            log.info("worktree_kept", worktree=name, task=order.task_id, reason=str(error))
            return str(error)
        except ItermMcpError as error:  # it can be removed later, and nothing is lost meanwhile
            log.warning("worktree_not_removed", worktree=name, reason=str(error))
            return str(error)
        return ""


async def _exists(path: Path) -> bool:
    return await to_thread.run_sync(path.exists)


def owner_of(order: Order) -> str:
    """Return whose worktree it is."""
    return f"task {order.task_id}"


def _is_ours(worktree: Worktree, order: Order) -> bool:
    return worktree.owner == owner_of(order)
