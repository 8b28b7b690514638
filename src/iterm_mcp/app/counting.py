"""What metrics are told of the services: what these count anyway, and what is counted for them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from iterm_mcp.agents.kinds import all_kinds
from iterm_mcp.services.background import beside
from iterm_mcp.services.deliveries.means import SHELL
from iterm_mcp.services.events.counting import EventCounter
from iterm_mcp.services.recounting import Recount
from iterm_mcp.services.worktrees.measuring import OPERATIONS
from iterm_mcp.telemetry.message_metrics import Waiting
from iterm_mcp.telemetry.task_metrics import EngineStanding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    from iterm_mcp.app.services import Services
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.task_queries import TaskChange, TaskTally
    from iterm_mcp.services.events.counting import KeptEvents
    from iterm_mcp.tasks.engine import TaskEngine
    from iterm_mcp.telemetry import Metrics

EVERY_SECONDS = 5.0
"""How often tasks and dead letters are counted; what waits or runs is seen so late at most."""

WORKTREES_SECONDS = 15.0
SIZES_SECONDS = 60.0
"""How long the size of worktrees is believed; to look means to visit every file."""


def counted(metrics: Metrics, tell: Callable[[TaskChange], None]) -> Callable[[TaskChange], None]:
    """Return what is told of every change of a task: the metrics, and whoever else is."""

    def told(change: TaskChange) -> None:
        metrics.tasks.task_changed(change)
        tell(change)

    return told


@asynccontextmanager
async def counting(
    metrics: Metrics,
    services: Services,
    engine: TaskEngine,
    events: KeptEvents,
    since: int,
    clock: Clock,
) -> AsyncIterator[None]:
    """Have metrics know of agents, messages, tasks, worktrees and costs for the block.

    Args:
        since: Events behind this number are counted.
    """
    tasks = Recount("tasks", engine.tally, clock, EVERY_SECONDS)
    dead = Recount("dead letters", services.dead_letters.count, clock, EVERY_SECONDS)
    trees = Recount(
        "worktrees", lambda: services.worktrees.tally(SIZES_SECONDS), clock, WORKTREES_SECONDS
    )
    metrics.lives.kinds_known(kind for kind in all_kinds() if kind != SHELL)
    for operation in OPERATIONS:
        metrics.worktrees.operations.declare(operation)
    metrics.tasks.standing.begin(lambda: standing(tasks))
    metrics.worktrees.standing.begin(lambda: trees.last)
    metrics.deliveries.waiting.begin(lambda: _waiting(services, dead.last, clock.now()))
    counter = EventCounter(metrics.costs, metrics.lives)
    async with (
        beside(counter.follow, events, since),
        beside(tasks.run),
        beside(dead.run),
        beside(trees.run),
    ):
        yield


def standing(tasks: Recount[TaskTally | None]) -> EngineStanding | None:
    """Return how the task engine stands; None while nobody ever asked for a task."""
    if tasks.failed:
        return EngineStanding(up=False)
    return None if tasks.last is None else EngineStanding(up=True, tally=tasks.last)


def _waiting(services: Services, dead: int | None, now: datetime) -> Waiting:
    asked = [one.asked_at for one in services.approvals.book.standing()]
    return waiting_of(services.deliveries.waiting(), asked, dead, now)


def waiting_of(
    messages: Sequence[datetime], asked: Sequence[datetime], dead: int | None, now: datetime
) -> Waiting:
    """Return who waits.

    Args:
        messages: When each was accepted of which nothing was typed yet.
        asked: When each dialog came up that waits for an answer.
        dead: How many dead letters there are; None while nobody has counted them.
    """
    return Waiting(len(messages), _age(messages, now), _age(asked, now), dead)


def _age(times: Sequence[datetime], now: datetime) -> float:
    """Return how many seconds ago the first of some times was; 0 without any."""
    return max(0.0, (now - min(times)).total_seconds()) if times else 0.0
