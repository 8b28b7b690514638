"""Backlogs together with what does the work on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.services.backlog.baselines import Baselines
from iterm_mcp.services.backlog.service import Backlog

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.backlog import MarkId, Plan, Progress
    from iterm_mcp.models.tasks import TaskId, TaskSpec
    from iterm_mcp.services.backlog.baselines import Room
    from iterm_mcp.services.backlog.planning import Wanted
    from iterm_mcp.services.backlog.scanning import Look
    from iterm_mcp.services.backlog.service import Ledger, Submitter
    from iterm_mcp.services.choosing.chooser import Chooser


@dataclass(frozen=True, slots=True)
class BacklogDesk:
    """Where backlogs are handed in; made by `make_desk`."""

    backlog: Backlog
    baselines: Baselines
    tasks: Submitter

    async def submit(self, look: Look, wanted: Wanted, who: str) -> tuple[Plan, dict[str, TaskId]]:
        """Plan a batch and hand it in; return the plan, and its tasks by their key.

        Raises:
            InvalidRequestError: It cannot be planned as it is asked for.
            ConflictError: The repository's tests fail already.
        """
        plan = await self.backlog.plan(look, wanted)
        return plan, await self.backlog.submit(plan, self.tasks, who, baselines=self.baselines)

    async def progress(self, look: Look) -> Progress:
        """Return how far a repository's backlog has come."""
        return await self.backlog.progress(look, self.tasks)

    async def renew(self, look: Look) -> tuple[MarkId, ...]:
        """Let marks have another task whose task was purged, is dead or was cancelled."""
        return await self.backlog.renew(look, self.tasks)


def make_desk(
    ledger: Ledger,
    settings_file: str,
    clock: Clock,
    room: Room,
    chooser: Chooser,
    tasks: Submitter,
) -> BacklogDesk:
    """Return a desk at which how the work is done is chosen, and tests are run before."""

    async def choose(spec: TaskSpec) -> TaskSpec:
        return (await chooser.choose(spec))[0]

    backlog = Backlog(ledger, settings_file, clock, estimate=chooser.estimate, choose=choose)
    return BacklogDesk(backlog, Baselines(room, ledger, clock), tasks)
