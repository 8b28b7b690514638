"""Closing all that an attempt has opened, however far it came; evidence first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.models.tasks import COMMAND, Outcome
from iterm_mcp.services.tasks.commands import RUN
from iterm_mcp.services.tasks.prompts import agent_name

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.services.tasks.agent_runs import AgentRuns
    from iterm_mcp.services.tasks.commands import CommandRuns
    from iterm_mcp.services.tasks.evidence import EvidenceKeeper
    from iterm_mcp.services.tasks.folders import AttemptFolders
    from iterm_mcp.services.tasks.leftovers import Leftovers
    from iterm_mcp.services.tasks.places import Places
    from iterm_mcp.tasks.work import Order

log = structlog.get_logger()

NO_FAILURE = frozenset({Outcome.SUCCEEDED, Outcome.CANCELLED})


class Cleaner:
    """Cleans up after attempts. All of it may be done again."""

    def __init__(
        self,
        commands: CommandRuns,
        agents: AgentRuns,
        places: Places,
        leftovers: Leftovers,
        evidence: EvidenceKeeper,
        folders: AttemptFolders,
        book: LifeBook,
        states: States,
    ) -> None:
        self._commands = commands
        self._agents = agents
        self._places = places
        self._leftovers = leftovers
        self._evidence = evidence
        self._folders = folders
        self._book = book
        self._states = states

    async def clean(self, order: Order, outcome: Outcome) -> str:
        """Return the folder with what was kept of a failure; see `Work.clean`.

        Raises:
            ItermMcpError: An agent could not be ended now; it may be asked for again.
        """
        evidence = "" if outcome in NO_FAILURE else await self._keep(order, outcome)
        if order.spec.kind == COMMAND:
            await self._commands.end(order.attempt_id)
        else:
            await self._agents.end(order)
        left = await self._leftovers.end(order.attempt_id)
        if left:
            log.info("attempt_left_processes", attempt=order.attempt_id, ended=left)
        await self._places.take_away(order)
        return evidence

    async def _keep(self, order: Order, outcome: Outcome) -> str:
        session_id, facts = await self._facts(order)
        running = await self._leftovers.find(order.attempt_id)
        folder = self._folders.of(order.attempt_id)
        return await self._evidence.keep(order, outcome, folder, session_id, running, facts)

    async def _facts(self, order: Order) -> tuple[str, dict[str, Json]]:
        """Return the session of a run, and what is known of the run."""
        if order.spec.kind == COMMAND:
            status = await self._folders.of(order.attempt_id).keeping.status(RUN)
            if status is None:
                return "", {}
            ended: dict[str, Json] = {"code": status.code, "signal": status.signal}
            return str(status.session_id or ""), ended
        life = await self._book.find(agent_name(order))
        if life is None:
            return "", {}
        known: dict[str, Json] = {
            "agent": str(life.agent),
            "phase": life.phase.value,
            "reason": life.reason,
            "conversation": life.conversation,
            "transcript": life.transcript,
        }
        try:
            view = await self._states.view(life.agent)
        except ItermMcpError:
            return str(life.session_id or ""), known
        known |= {"state": view.state.value, "why": view.reason}
        return str(life.session_id or ""), known
