"""Worktrees over HTTP."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.worktrees.service import Wish
from iterm_mcp.web.api.routing import DESTRUCTIVE, Flag, Given, make_router, needs, reply, told
from iterm_mcp.web.security import grant_of

if TYPE_CHECKING:
    from iterm_mcp.models.worktrees import Worktree, WorktreeFacts
    from iterm_mcp.services.worktrees.service import Worktrees

Directory = Annotated[str, Field(max_length=4096)]
Branch = Annotated[str, Field(max_length=250)]
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$")]
FOUND = told(dict[str, Any])
ENDS = Depends(needs(DESTRUCTIVE))


class WorktreesQuery(Given):
    """The parameters of ``GET /v1/worktrees``: of one repository, and those that are gone, too."""

    directory: Directory = ""
    removed: bool = False


class WorktreeBody(Given):
    """The body of ``POST /v1/worktrees``.

    Attributes:
        directory: Absolute, in the checkout that it is made from.
        start: A branch or a commit; what is checked out there when it is empty.
        branch: Its new branch; ``iterm-mcp/NAME`` when it is empty.
        owner: Whose it is; the token's name when it is empty.
    """

    name: Annotated[str, Field(max_length=64)]
    directory: Directory
    start: Branch = ""
    branch: Branch = ""
    owner: Annotated[str, Field(max_length=200)] = ""


class RemoveQuery(Given):
    """The parameters of ``DELETE /v1/worktrees/{name}``."""

    force: bool = False


class CollectBody(Given):
    """The body of ``POST /v1/worktrees/gc``."""

    only_look: Flag = False


def worktree_router(worktrees: Worktrees) -> APIRouter:
    """Return the routes of worktrees."""
    router = make_router("worktrees")

    @router.get("/worktrees", responses=FOUND)
    async def list_worktrees(given: Annotated[WorktreesQuery, Query()]) -> Response:
        """List worktrees: state, commits, changes, size, and why each is kept."""
        if given.directory:
            _check_absolute(given.directory)
        found = await worktrees.listed(given.directory, removed=given.removed)
        return reply({"worktrees": [_facts(one) for one in found]})

    @router.post("/worktrees", responses=FOUND)
    async def create_worktree(request: Request, given: WorktreeBody) -> Response:
        """Make a worktree on a new branch; asked again by the same owner, it is the same one."""
        _check_absolute(given.directory)
        owner = given.owner or grant_of(request.scope).name or "an HTTP client"
        wish = Wish(given.name, given.directory, owner, given.start, given.branch)
        return reply(_told(await worktrees.create(wish)))

    @router.post("/worktrees/gc", responses=FOUND, dependencies=[ENDS])
    async def collect_worktrees(given: CollectBody) -> Response:
        """Remove all that are merged, clean and unused, and forget what was salvaged long ago."""
        done = await worktrees.collect(only_look=given.only_look)
        return reply(
            {
                "removed": [_told(one) for one in done.removed],
                "kept": [_facts(one) for one in done.kept],
                "forgotten": done.forgotten,
                "failed": done.failed,
            }
        )

    @router.get("/worktrees/{name}", responses=FOUND)
    async def show_worktree(name: Name) -> Response:
        """Tell all about a worktree."""
        return reply(_facts(await worktrees.show(name)))

    @router.delete("/worktrees/{name}", responses=FOUND, dependencies=[ENDS])
    async def remove_worktree(name: Name, given: Annotated[RemoveQuery, Query()]) -> Response:
        """Remove a worktree; by force also with work that is nowhere else, which can be had back.

        One that a process uses is never removed.
        """
        return reply(_told(await worktrees.remove(name, force=given.force)))

    @router.post("/worktrees/{name}/restore", responses=FOUND)
    async def restore_worktree(name: Name) -> Response:
        """Have a removed worktree back, with what was not committed in it."""
        return reply(_told(await worktrees.restore(name)))

    return router


def _check_absolute(directory: str) -> None:
    if not os.path.isabs(directory) or "\0" in directory:  # noqa: PTH117 - a text is looked at
        raise InvalidRequestError(
            "the directory is not absolute", hint="Begin it with a slash.", code="bad_arguments"
        )


def _told(worktree: Worktree) -> dict[str, Any]:
    return {name: getattr(worktree, name) for name in worktree.__slots__}


def _facts(facts: WorktreeFacts) -> dict[str, Any]:
    own = {name: getattr(facts, name) for name in facts.__slots__ if name != "worktree"}
    return {**_told(facts.worktree), **own}
