"""Tools that tell what agents do, and why that is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver import Context
from pydantic import AwareDatetime, Field

from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.tools import answers
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.progress import progress
from iterm_mcp.tools.tool import READS, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.services.states.service import AgentStateService
    from iterm_mcp.services.states.waits import AgentWaits


class AgentStateTools:
    """The tools over `AgentStateService` and `AgentWaits`."""

    def __init__(self, states: AgentStateService, waits: AgentWaits) -> None:
        self._states = states
        self._waits = waits

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(self.explain_agent, "Explain agent", READS, "why state evidence stuck idle"),
            ToolRow(self.wait_agents, "Wait for agents", READS, "until ready idle done attention"),
        ]

    async def explain_agent(
        self,
        name: Annotated[str, Field(description="A registered agent.")],
        at: Annotated[AwareDatetime | None, Field(description="A former moment, ISO 8601.")] = None,
    ) -> str:
        """Tell an agent's state with the evidence for and against it, its sources and ages."""
        return await self._states.explain(AgentName(name), at)

    async def wait_agents(
        self,
        agents: Annotated[list[str], Field(description="Names; none, and no team: all.")] = [],
        team: Annotated[str | None, Field(description="All of it and below.")] = None,
        until: Annotated[
            list[str],
            Field(description="States; or settled, attention (needs a person), ended."),
        ] = ["settled"],
        which: Annotated[Literal["all", "any"], Field(description="Of the agents.")] = "all",
        timeout_seconds: Annotated[float, Field(description="At most.", ge=0, le=3600)] = 60,
        *,
        context: Context[Any, Any],
    ) -> Json:
        """Wait until agents are in some state; tells each one's state and reason.

        One that was just told something may not have begun yet: see its receipt.
        """
        names = [AgentName(one) for one in agents]
        async with progress(context, "waiting for agents"):
            waited = await self._waits.wait(
                names,
                until,
                timeout_seconds,
                team=None if team is None else TeamName(team),
                every=which == "all",
            )
        return {
            "met": waited.met,
            "agents": [{"name": one.agent, **answers.state(one)} for one in waited.views],
        }
