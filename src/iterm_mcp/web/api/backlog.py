"""What is left undone in repositories, over HTTP: handed in as tasks, and followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from iterm_mcp.models.backlog import Grouping, Order
from iterm_mcp.services.backlog.answers import (
    plan_answer,
    progress_answer,
    scan_answer,
    submitted_answer,
)
from iterm_mcp.services.backlog.batching import Limits
from iterm_mcp.services.backlog.planning import Wanted
from iterm_mcp.services.backlog.scanning import Look
from iterm_mcp.web.api.routing import Given, make_router, reply, told
from iterm_mcp.web.security import grant_of

if TYPE_CHECKING:
    from iterm_mcp.services.backlog.opening import BacklogDesk

Text = Annotated[str, Field(max_length=1000)]
Place = Annotated[str, Field(min_length=1, max_length=4096, pattern="^/", description="Absolute.")]
Path = Annotated[str, Field(max_length=4096)]


class BacklogQuery(Given):
    """Where to look: a directory of a checkout, and a commit."""

    directory: Place
    commit: Text = "HEAD"


class BacklogWish(BacklogQuery):
    """What is to be made of a repository's marks."""

    paths: Annotated[list[Path], Field(max_length=1000, default_factory=list)]
    by: Grouping = Grouping.MARK
    order: Order = Order.OLDEST
    most_tasks: Annotated[int, Field(ge=1, le=1000)] = 20
    most_marks: Annotated[int, Field(ge=1, le=100, description="In one task.")] = 5
    most_usd: Annotated[float | None, Field(ge=0, le=1e6)] = None
    task_usd: Annotated[float | None, Field(ge=0, le=1e6)] = None
    tags: Annotated[list[Text], Field(max_length=50, default_factory=list)]
    owner: Text = ""
    tests: Annotated[list[Text] | None, Field(max_length=20)] = None
    kind: Text = ""
    template: Text = ""
    team: Text = ""
    account: Text = ""
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0

    def wanted(self) -> Wanted:
        """Return it as the backlog knows it."""
        return Wanted(
            by=self.by,
            order=self.order,
            limits=Limits(self.most_tasks, self.most_usd, self.most_marks),
            tags=tuple(self.tags),
            owner=self.owner,
            kind=self.kind,
            template=self.template,
            tests=None if self.tests is None else tuple(self.tests),
            cost_usd=self.task_usd,
            team=self.team,
            account=self.account,
            priority=self.priority,
        )

    def look(self) -> Look:
        """Return where to look."""
        return Look(self.directory, self.commit, tuple(self.paths))


def backlog_router(desk: BacklogDesk) -> APIRouter:
    """Return the routes of backlogs."""
    router = make_router("backlog")
    found = told(dict[str, Any])

    @router.get("/backlog", responses=found)
    async def scan_backlog(given: Annotated[BacklogQuery, Query()]) -> Response:
        """List what a commit's comments say is left undone, with place, owner and age."""
        scan = await desk.backlog.scan(Look(given.directory, given.commit))
        return reply(scan_answer(scan))

    @router.post("/backlog/plan", responses=found)
    async def plan_backlog(given: BacklogWish) -> Response:
        """Tell which tasks would be handed in; nothing is done."""
        return reply(plan_answer(await desk.backlog.plan(given.look(), given.wanted())))

    @router.post("/backlog/submit", responses=found)
    async def submit_backlog(request: Request, given: BacklogWish) -> Response:
        """Hand a batch in; a mark that has a task gets no second one.

        The repository's tests are run before, once for a commit, and nothing is handed in when
        they fail.
        """
        who = grant_of(request.scope).name
        plan, tasks = await desk.submit(given.look(), given.wanted(), who)
        return reply(submitted_answer(plan, tasks))

    @router.get("/backlog/progress", responses=found)
    async def get_backlog_progress(given: Annotated[BacklogQuery, Query()]) -> Response:
        """Tell what is done, failed, at work and left, and what it cost."""
        progress = await desk.progress(Look(given.directory, given.commit))
        return reply(progress_answer(progress))

    @router.post("/backlog/renew", responses=found)
    async def renew_backlog(given: BacklogQuery) -> Response:
        """Let marks have another task whose task was purged, is dead or was cancelled."""
        return reply({"marks": await desk.renew(Look(given.directory, given.commit))})

    return router
