"""Agents that somebody started in some session, and that nobody has registered."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents.glance import GlancedFiles
from iterm_mcp.agents.kinds import all_kinds
from iterm_mcp.agents.shell import Shell
from iterm_mcp.errors import ItermMcpError, TerminalError
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.sessions.details import as_pid
from iterm_mcp.services.states.evidence import TWICE_SECONDS
from iterm_mcp.services.states.ledger import Ledger
from iterm_mcp.services.states.occupants import Found, SystemFamilies, find_occupant
from iterm_mcp.services.states.sight import see_screen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.observations import Observation, Sighting
    from iterm_mcp.services.states.occupants import Families, Member
    from iterm_mcp.store import Store
    from iterm_mcp.terminal.protocol import Terminal

SECONDS = 2.0
"""How long it may take to look for them; who does not tell in time is left out."""

AT_ONCE = 16
MOST = 50
"""How many are looked at more closely."""

NOBODY = AgentName("")


@dataclass(frozen=True, slots=True)
class Stranger:
    """An agent that is not registered.

    Attributes:
        command: How it was started, cut.
        view: What it does at this moment, as far as one look tells.
        seen: All that was seen of it.
    """

    session_id: SessionId
    kind: str
    command: str
    view: StateView
    seen: tuple[Observation, ...] = ()


class Adopting:
    """Finds agents by their processes."""

    def __init__(
        self, terminal: Terminal, store: Store, clock: Clock, families: Families | None = None
    ) -> None:
        self._terminal = terminal
        self._agents = store.agents
        self._clock = clock
        self._families = families or SystemFamilies()

    async def strangers(self) -> tuple[Stranger, ...]:
        """Return the agents in sessions that belong to none, in the order of the sessions.

        Empty while the terminal is away. Takes `SECONDS` at most.
        """
        found: dict[SessionId, Stranger] = {}
        order: list[SessionId] = []
        with anyio.move_on_after(SECONDS):
            try:
                owned = {one.session_id for one in (await self._agents.load()).agents}
                listed = [one.session_id for one in await self._terminal.list_sessions()]
                order = [one for one in listed if one not in owned]
                occupants = await self._occupants(order)
            except TerminalError:
                return ()
            limit = anyio.CapacityLimiter(AT_ONCE)

            async def look(one: SessionId, kind: AgentKind, member: Member) -> None:
                async with limit:
                    found[one] = await self._look(one, kind, member)

            async with anyio.create_task_group() as group:
                for session_id, (kind, member) in list(occupants.items())[:MOST]:
                    group.start_soon(look, session_id, kind, member)
        return tuple(found[one] for one in order if one in found)

    async def kind_of(self, session_id: SessionId) -> str | None:
        """Return the kind of the agent that runs in a session; None when none is recognised."""
        occupants = await self._occupants([session_id])
        return occupants[session_id][0].name if session_id in occupants else None

    async def look(self, session_id: SessionId) -> Stranger | None:
        """Return the agent that runs in a session, whoever's it is; None when none is recognised.

        Raises:
            TerminalError: The terminal is away.
        """
        occupants = await self._occupants([session_id])
        if session_id not in occupants:
            return None
        return await self._look(session_id, *occupants[session_id])

    async def _occupants(
        self, sessions: Iterable[SessionId]
    ) -> dict[SessionId, tuple[AgentKind, Member]]:
        roots = await self._find_roots(sessions)
        families = await self._families.families([one for one in roots.values() if one])
        kinds = [one for one in all_kinds().values() if not isinstance(one, Shell)]
        found = {}
        for session_id, root in roots.items():
            family = families.get(root or 0, ())
            for kind in kinds:
                occupant = find_occupant(family, kind.recognise) if family else Found("nobody")
                if occupant.who == "agent" and occupant.member is not None:
                    found[session_id] = kind, occupant.member
                    break
        return found

    async def _find_roots(self, sessions: Iterable[SessionId]) -> dict[SessionId, int | None]:
        """Return the first process of each session, as far as they tell."""
        roots: dict[SessionId, int | None] = dict.fromkeys(sessions)
        limit = anyio.CapacityLimiter(AT_ONCE)

        async def ask(one: SessionId) -> None:
            async with limit:
                with suppress(ItermMcpError):  # it has ended since, or does not answer
                    values = await self._terminal.read_variables(one, ["effective_root_pid", "pid"])
                    roots[one] = as_pid(values["effective_root_pid"]) or as_pid(values["pid"])

        async with anyio.create_task_group() as group:
            for one in list(roots):
                group.start_soon(ask, one)
        return roots

    async def _look(self, session_id: SessionId, kind: AgentKind, member: Member) -> Stranger:
        """Look once at an agent's files and its screen."""
        found = Found("agent", member)
        seen: list[Sighting] = [found.sighting()]
        files = GlancedFiles()
        occupant = await self._families.describe(member)
        async with kind.follow(occupant, files, seen.append):
            await files.read()
        ledger = Ledger(NOBODY, 0)
        ledger.add(ledger.news(seen, self._clock.now()))
        await self._see(ledger, session_id, kind)
        if ledger.view(self._clock.now()).state is AgentState.UNKNOWN:
            await anyio.sleep(TWICE_SECONDS * 1.5)  # an idle screen must be seen twice
            await self._see(ledger, session_id, kind)
        words = " ".join(member.command)[:200]
        view = ledger.view(self._clock.now())
        return Stranger(session_id, kind.name, words, view, tuple(ledger.observations))

    async def _see(self, ledger: Ledger, session_id: SessionId, kind: AgentKind) -> None:
        with suppress(ItermMcpError):  # it has gone meanwhile, or its files have to do
            seen = await see_screen(self._terminal, session_id, kind)
            ledger.add(ledger.news(seen, self._clock.now()))
