"""Durable work with what chooses how it is done, learns from it, and finds more of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from iterm_mcp.agents.kinds import all_kinds, find_kind
from iterm_mcp.app.tasks import open_tasks
from iterm_mcp.services.backlog.opening import make_desk
from iterm_mcp.services.choosing.availability import Availability
from iterm_mcp.services.choosing.chooser import Chooser
from iterm_mcp.services.choosing.learning import Learning
from iterm_mcp.services.deliveries.means import SHELL
from iterm_mcp.services.tasks.graphs.known import Known
from iterm_mcp.services.tasks.quotas import Quotas
from iterm_mcp.services.tasks.service import TaskService
from iterm_mcp.services.tasks.settings import TaskSettingsFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from iterm_mcp.app.machine import MachineSettings
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
    asked: TaskService
    chooser: Chooser
    backlog: BacklogDesk


@asynccontextmanager
async def open_desk(
    services: Services,
    store: Store,
    work: AgentWork,
    paths: Paths,
    machine: MachineSettings,
    clock: Clock,
    tell: Callable[[TaskChange], None],
    alarm: Alarm,
) -> AsyncIterator[WorkDesk]:
    """Run the task engine for the block, and remember how every attempt went.

    Args:
        machine, tell: See `open_tasks`.
        alarm: Is told when a way of doing work does otherwise than it used to.
    """
    quotas, settings = Quotas(), TaskSettingsFile(paths.task_settings)
    templates = services.lives.templates
    available = Availability(templates, find_kind, quotas, clock)
    chooser = Chooser(
        store.outcomes, paths.choosing, clock, Random(),  # noqa: S311 - no secret
        unavailable=available.why_not, alarm=alarm,
    )  # fmt: skip
    learning = Learning(chooser)

    def told(change: TaskChange) -> None:
        tell(change)
        learning.note(change)

    async with (
        open_tasks(services, store, work, paths, machine, clock, told, quotas, settings) as (
            tasks,
            front,
        ),
        learning.running(tasks),
    ):
        backlog = make_desk(
            store.backlogs, paths.backlog_settings, clock, services.worktrees, chooser, tasks
        )

        async def known() -> Known:
            found, _ = await templates.load()
            kinds = frozenset(all_kinds()) - {SHELL}
            return Known(kinds, {one.name: one.order.kind for one in found})

        asked = TaskService(
            tasks, known, lambda: settings.last.most_at_once, front, services.worktrees.show,
            chooser,
        )  # fmt: skip
        yield WorkDesk(tasks, asked, chooser, backlog)
