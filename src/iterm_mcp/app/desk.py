"""Durable work with what chooses how it is done, learns from it, and finds more of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.app.tasks import open_tasks
from iterm_mcp.services.agents.templates import Templates
from iterm_mcp.services.backlog.opening import make_desk
from iterm_mcp.services.choosing.availability import Availability
from iterm_mcp.services.choosing.chooser import Chooser
from iterm_mcp.services.choosing.learning import Learning
from iterm_mcp.services.tasks.quotas import Quotas

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from iterm_mcp.app.services import Services
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.task_queries import TaskChange
    from iterm_mcp.paths import Paths
    from iterm_mcp.services.backlog.opening import BacklogDesk
    from iterm_mcp.services.choosing.chooser import Alarm
    from iterm_mcp.services.tasks.work import AgentWork
    from iterm_mcp.store import Store
    from iterm_mcp.tasks.engine import TaskEngine


@dataclass(frozen=True, slots=True)
class WorkDesk:
    """Where work is asked for."""

    tasks: TaskEngine
    chooser: Chooser
    backlog: BacklogDesk


@asynccontextmanager
async def open_desk(
    services: Services,
    store: Store,
    work: AgentWork,
    paths: Paths,
    url: str,
    clock: Clock,
    tell: Callable[[TaskChange], None],
    alarm: Alarm,
) -> AsyncIterator[WorkDesk]:
    """Run the task engine for the block, and remember how every attempt went.

    Args:
        url, tell: See `open_tasks`.
        alarm: Is told when a way of doing work does otherwise than it used to.
    """
    quotas = Quotas()
    available = Availability(Templates(f"{paths.state}/templates"), find_kind, quotas, clock)
    chooser = Chooser(
        store.outcomes, paths.choosing, clock, Random(),  # noqa: S311 - no secret
        unavailable=available.why_not, alarm=alarm,
    )  # fmt: skip
    learning = Learning(chooser)

    def told(change: TaskChange) -> None:
        tell(change)
        learning.note(change)

    async with (
        open_tasks(services, store, work, paths, url, clock, told, quotas) as tasks,
        learning.running(tasks),
    ):
        backlog = make_desk(
            store.backlogs, paths.backlog_settings, clock, services.worktrees, chooser, tasks
        )
        yield WorkDesk(tasks, chooser, backlog)
