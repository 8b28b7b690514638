"""Teams with agents in them, and who asks as which of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.agents import Agent, Team
from iterm_mcp.models.callers import Caller
from iterm_mcp.models.ids import AgentName, SessionId, TeamName

if TYPE_CHECKING:
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock

CREW, NIGHT, OTHER = TeamName("crew"), TeamName("night"), TeamName("other")

PERSON = Caller(client="editor")
BOSS, ANN, BEN, CEM = (Caller(AgentName(name)) for name in ("boss", "ann", "ben", "cem"))


async def add_crews(store: Store, clock: FakeClock, roles: dict[str, str] | None = None) -> None:
    """Add crew with boss and ann, night below it with ben, and other with cem."""
    at = clock.now()
    for team, parent in ((CREW, None), (NIGHT, CREW), (OTHER, None)):
        await store.agents.add_team(Team(team, parent, "", at))
    for name, team in (("boss", CREW), ("ann", CREW), ("ben", NIGHT), ("cem", OTHER)):
        session = SessionId(f"session-of-{name}")
        role = (roles or {}).get(name, "")
        await store.agents.add_agent(Agent(AgentName(name), "shell", session, (team,), role, at))
