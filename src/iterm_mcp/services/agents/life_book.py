"""What we know of the agents that we started; kept in the store, and one at a time changed."""

from __future__ import annotations

from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio

from iterm_mcp.errors import ConflictError, NotFoundError
from iterm_mcp.models.agent_lives import Phase
from iterm_mcp.services.agents.beginnings import SilentLifeObserver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import TypeAlias

    from iterm_mcp.models.agent_lives import Forensics, Life
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.services.agents.beginnings import LifeObserver
    from iterm_mcp.store.agent_lives import AgentLifeStore

    LifeListener: TypeAlias = Callable[[Life | None, Life, Forensics | None], None]

TURN_SECONDS = 60.0
"""How long one may wait for another who starts or stops the same agent."""


class LifeBook:
    """The lives of all agents that we started.

    They are read once: the daemon's lock makes this the only process that writes them.
    """

    def __init__(self, store: AgentLifeStore, observer: LifeObserver | None = None) -> None:
        self._store = store
        self._observer: LifeObserver = observer or SilentLifeObserver()
        self._lives: dict[AgentName, Life] | None = None
        self._turns: defaultdict[AgentName, anyio.Lock] = defaultdict(anyio.Lock)
        self._changed = anyio.Event()
        self._listener: LifeListener | None = None

    def tell(self, listener: LifeListener) -> None:
        """Have a listener called with each life before and after a change; it must not wait.

        Of a process that has ended it is told what was found, too.
        """
        self._listener = listener

    async def all(self) -> tuple[Life, ...]:
        """Return every life."""
        return tuple((await self._known()).values())

    async def find(self, agent: AgentName) -> Life | None:
        """Return an agent's life; None for one that we did not start."""
        return (await self._known()).get(agent)

    async def get(self, agent: AgentName) -> Life:
        """Return an agent's life.

        Raises:
            NotFoundError: We did not start it.
        """
        life = await self.find(agent)
        if life is None:
            raise NotFoundError(
                "started_agent",
                agent,
                hint="Only agents that start_agent started can be started again; others live "
                "in a session that somebody opened.",
            )
        return life

    async def save(self, life: Life, **changes: Any) -> Life:  # noqa: ANN401 - fields of a life
        """Change some of a life and keep it; return it as it is now."""
        life = replace(life, **changes)
        known = await self._known()
        await self._store.save(life)
        before, known[life.agent] = known.get(life.agent), life
        self._ring(before, life)
        return life

    async def end(
        self,
        life: Life,
        found: Forensics,
        *,
        forgiven: bool = False,
        **changes: Any,  # noqa: ANN401 - fields of a life
    ) -> Life:
        """Change some of a life whose process has ended, and keep what was found, both or nothing.

        Args:
            forgiven: Its former crashes count for nothing from now on.
        """
        life = replace(life, **changes)
        known = await self._known()
        await self._store.end(life, found, forgiven=forgiven)
        before, known[life.agent] = known.get(life.agent), life
        self._ring(before, life, found)
        return life

    async def hand_over(self, former: AgentName, life: Life) -> Life:
        """Keep a life under another name than it had, and nothing under the former: at once."""
        known = await self._known()
        await self._store.hand_over(former, life)
        before = known.pop(former, None)
        known[life.agent] = life
        self._ring(before, life)
        return life

    def named(self, mark: str) -> str:
        """Return the agent whose processes carry a name: that name, unless it was born with it."""
        lives = (self._lives or {}).values()
        return next((str(life.agent) for life in lives if life.born == mark and mark), mark)

    async def remove(self, agent: AgentName) -> None:
        """Forget an agent's life."""
        known = await self._known()
        await self._store.remove(agent)
        known.pop(agent, None)
        self._ring()

    @asynccontextmanager
    async def turn(self, agent: AgentName) -> AsyncIterator[None]:
        """Have an agent for oneself for the length of the block.

        Raises:
            ConflictError: Somebody else had it for `TURN_SECONDS`.
        """
        lock = self._turns[agent]
        try:
            with anyio.fail_after(TURN_SECONDS):
                await lock.acquire()
        except TimeoutError:
            raise ConflictError(
                f"agent {agent!r} is being started or stopped by somebody else",
                hint="Look at list_agents, and try again.",
            ) from None
        try:
            yield
        finally:
            lock.release()

    def is_taken(self, agent: AgentName) -> bool:
        """Tell whether somebody has an agent for himself now."""
        return agent in self._turns and self._turns[agent].locked()

    async def changed(self) -> None:
        """Wait until some life is changed."""
        await self._changed.wait()

    def _ring(
        self, before: Life | None = None, after: Life | None = None, found: Forensics | None = None
    ) -> None:
        self._changed.set()
        self._changed = anyio.Event()
        self._count()
        if after is not None and self._listener is not None:
            self._listener(before, after, found)

    async def _known(self) -> dict[AgentName, Life]:
        if self._lives is None:
            lives = {life.agent: life for life in await self._store.load()}
            if self._lives is None:
                self._lives = lives
                self._count()
        return self._lives

    def _count(self) -> None:
        lives = (self._lives or {}).values()
        self._observer.quarantined(sum(one.phase is Phase.QUARANTINED for one in lives))
