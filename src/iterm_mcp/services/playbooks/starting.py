"""The step of a playbook that starts agents: each once, however often the step is tried."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import ConflictError, ItermMcpError
from iterm_mcp.models.agent_lives import Phase
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.services.agents.placing import Place
from iterm_mcp.services.playbooks.tasks import Outcome, StepError

if TYPE_CHECKING:
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.services.agents.lifecycle import Lifecycle
    from iterm_mcp.services.playbooks.document import StartAgentPart, StartPart
    from iterm_mcp.services.playbooks.tasks import Detail, Task

OURS = "starting"
"""In the journal, the names that are this step's own: none of them was anybody's before."""


class Starting:
    """Starts the agents of a step, all at once."""

    def __init__(self, lives: Lifecycle) -> None:
        self._lives = lives

    async def start(self, task: Task, part: StartPart, beside: SessionId | None) -> Outcome:
        """Start those that an earlier try has not started, and tell each one's state.

        Those that it had begun are gone on with by the daemon; those that ended are started again.

        Raises:
            ConflictError: A name is somebody else's.
            StepError: Some could not be started.
        """
        before = task.before or {}
        ours = before.get(OURS)
        if not isinstance(ours, list):
            await self._check_free(part)
            ours = [*part.agents]
            await task.note({OURS: ours})
        states: Detail = {}
        problems: list[str] = []

        async def one(name: str, wanted: StartAgentPart) -> None:
            try:
                view = await self._one(AgentName(name), wanted, beside)
            except ItermMcpError as error:
                problems.append(f"{name}: {error}")
                states[name] = str(error)
            else:
                states[name] = f"{view.state.value}: {view.reason}"

        async with anyio.create_task_group() as group:
            for name, wanted in part.agents.items():
                group.start_soon(one, name, wanted)
        detail: Detail = {OURS: ours, "agents": {**states}}
        if problems:
            raise StepError(f"not all were started: {'; '.join(sorted(problems))}", detail)
        return Outcome(task.known, detail)

    async def _one(
        self, name: AgentName, wanted: StartAgentPart, beside: SessionId | None
    ) -> StateView:
        life = await self._lives.book.find(name)
        if life is None:
            order, side = await self._lives.templates.order(wanted.kind)
            order = replace(
                order,
                prompt=wanted.prompt or order.prompt,
                directory=wanted.directory or order.directory,
                role=wanted.role or order.role,
                teams=tuple(TeamName(team) for team in wanted.teams) or order.teams,
                environment={**order.environment, **wanted.environment},
            )
            place = Place() if beside is None else Place(beside, side)
            return (await self._lives.starter.start(order, name=name, place=place)).view
        if life.phase is Phase.ENDED:
            await self._lives.supervisor.restart(name)
        return await self._lives.starter.settle(name)

    async def _check_free(self, part: StartPart) -> None:
        """See that no agent of ours has one of the names; `AgentStarter` sees to the others."""
        for name in part.agents:
            if await self._lives.book.find(AgentName(name)) is not None:
                raise ConflictError(
                    f"there is an agent {name!r} already",
                    hint="Choose another name, or forget that one with stop_agent.",
                )
