"""The agents without a screen: their bridges listened to, and their conversations found.

What an agent's state is follows from the bridge's journal alone. So after a crash of the daemon the
present life is read again from its beginning: up to where it was taken in before, nothing is told
of it; from there on it is recorded with the time at which it was said.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

from iterm_mcp.agents.bridge_journal import COMPLAINED, NOTED, SAID, TOLD
from iterm_mcp.agents.bridged import BridgeError, BridgeVoice, open_link
from iterm_mcp.agents.kind import has_screen
from iterm_mcp.errors import NotFoundError, StoreError
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from anyio.abc import TaskGroup

    from iterm_mcp.agents.bridged import Greeting, Link, Record
    from iterm_mcp.agents.driver import Conversation, Talk
    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agents import Agent
    from iterm_mcp.models.ids import AgentName, SessionId
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.store.agents import AgentStore

log = structlog.get_logger()

SOONEST_SECONDS, LATEST_SECONDS = 0.05, 2.0
"""How often a bridge is looked for: first, and when it has not been there for long."""
RETRY_SECONDS = 1.0
LEVELS = (Fact.CONVERSATION, Fact.TROUBLE, Fact.ACTIVITY, Fact.DIALOG)
"""What is told again after a gap, in this order."""


class Connect(Protocol):
    """Connects to a bridge, see `open_link`."""

    def __call__(
        self, folder: Path, since: float, begin: Callable[[Greeting], int]
    ) -> AbstractAsyncContextManager[tuple[Link, Greeting]]:
        """Connect for the length of the block."""


class HeadlessAgents:
    """Listens to the bridges of all registered agents without a screen; see `Conversations`.

    Args:
        folder: Returns the folder of an agent's bridge.
        find_kind: Returns a kind by its name.
        connect: Connects to the bridge of a folder.
    """

    def __init__(
        self,
        agents: AgentStore,
        states: States,
        clock: Clock,
        folder: Callable[[AgentName], Path],
        find_kind: Callable[[str], AgentKind],
        connect: Connect = open_link,
    ) -> None:
        self._connect = connect
        self._agents = agents
        self._states = states
        self._clock = clock
        self._folder = folder
        self._find_kind = find_kind
        self._listeners: dict[AgentName, tuple[Agent, Listener, anyio.CancelScope]] = {}

    def find(self, agent: AgentName) -> Conversation | None:
        """Return the conversation of an agent without a screen, if it runs and can be reached."""
        known = self._listeners.get(agent)
        return None if known is None else known[1].conversation

    async def in_session(self, session_id: SessionId) -> AgentName | None:
        """Return the agent without a screen that a session holds; None for none."""
        registry = await self._agents.load()
        for one in registry.agents:
            if one.session_id == session_id:
                return one.name if self._is_headless(one) else None
        return None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen for the length of the block."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_listening, group)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    async def _keep_listening(self, group: TaskGroup) -> None:
        since = self._clock.now().timestamp()
        while True:
            registry = await self._agents.load()
            wanted = {one.name: one for one in registry.agents if self._is_headless(one)}
            for name, (agent, _, scope) in list(self._listeners.items()):
                if wanted.get(name) != agent:
                    scope.cancel()
                    del self._listeners[name]
            for name, agent in wanted.items():
                if name not in self._listeners:
                    kind = self._find_kind(agent.kind)
                    listener = Listener(
                        agent, kind, self._states, self._clock, since, self._connect
                    )
                    scope = anyio.CancelScope()
                    self._listeners[name] = agent, listener, scope
                    group.start_soon(self._listen, listener, scope)
            await self._agents.wait_changed(registry)

    def _is_headless(self, agent: Agent) -> bool:
        try:
            return not has_screen(self._find_kind(agent.kind))
        except NotFoundError:
            return False

    async def _listen(self, listener: Listener, scope: anyio.CancelScope) -> None:
        with scope:
            await listener.run(self._folder(listener.agent.name))


class Listener:
    """Listens to one agent's bridge, and records what is said.

    Args:
        since: When this daemon was started.
    """

    def __init__(
        self,
        agent: Agent,
        kind: AgentKind,
        states: States,
        clock: Clock,
        since: float,
        connect: Connect = open_link,
    ) -> None:
        self._connect = connect
        self.agent = agent
        self._kind = kind
        self._states = states
        self._clock = clock
        self._since = since
        self._talk: Talk | None = None
        self._voice: BridgeVoice | None = None
        self._epoch: int | None = None
        self._levels: dict[Fact, Sighting] = {}
        self._outbox: list[tuple[datetime, Sighting]] = []
        self._at: datetime | None = None
        self._last = datetime.fromtimestamp(0, UTC)
        self._place = 0
        self._known = 0
        self._end = 0
        self._caught_up = False

    @property
    def conversation(self) -> Conversation | None:
        """The conversation, if the agent runs and all that was said is known."""
        return self._talk if self._caught_up else None

    async def run(self, folder: Path) -> None:
        """Listen until cancelled, however often the bridge goes and comes."""
        pause = SOONEST_SECONDS
        while True:
            try:
                async with self._connect(folder, self._since, self._begin) as (link, greeting):
                    pause = SOONEST_SECONDS
                    await self._serve(link, greeting)
            except BridgeError as error:
                log.debug("bridge_not_reached", agent=self.agent.name, error=str(error))
            await self._cut_off()
            await anyio.sleep(pause)
            pause = min(pause * 2, LATEST_SECONDS)

    def _begin(self, greeting: Greeting) -> int:
        """Return from where on to read: the present life, and what was never taken in before it."""
        self._known, self._end = greeting.taken, greeting.end
        self._place = max(greeting.base, min(greeting.taken, greeting.life_at))
        return self._place

    async def _serve(self, link: Link, greeting: Greeting) -> None:
        taken = greeting.taken
        while True:
            if not self._caught_up and self._place >= self._end:
                self._catch_up()
                await self._flush()
            for record in await link.next():
                self._take(link, record)
            await self._flush()
            if self._place > taken:
                taken = self._place
                link.taken(taken)

    def _catch_up(self) -> None:
        """Tell again how things are: for a while nobody could know."""
        self._caught_up = True
        now = self._now()
        self._outbox += [(now, self._levels[one]) for one in LEVELS if one in self._levels]

    def _take(self, link: Link, record: Record) -> None:
        """Take a record; what follows from it is of when it was written."""
        self._place = record.place
        self._at = datetime.fromtimestamp(record.at, UTC)
        self._read(link, record)
        self._at = None

    def _read(self, link: Link, record: Record) -> None:
        message = record.message()
        if record.mark == NOTED and message is not None:
            self._note(link, message)
        if self._talk is None or self._voice is None:
            return
        if record.mark == SAID and message is not None:
            self._talk.take(message)
        elif record.mark == TOLD:
            self._voice.confirmed(record.said)
            if message is not None:
                self._talk.sent(message)
        elif record.mark == COMPLAINED:
            self._voice.complained(record.said)

    def _note(self, link: Link, message: Mapping[str, Json]) -> None:
        """Take what the bridge says of the agent's lives."""
        match message:
            case {"life": str(life), "epoch": int(epoch), "pid": int(pid)}:
                driver = self._kind.driver()
                if driver is None:
                    return
                environ = message.get("environment")
                known = environ if isinstance(environ, dict) else {}
                self._epoch = epoch
                self._levels.clear()
                self._voice = BridgeVoice(link, life, pid)
                self._talk = driver.talk(
                    self._see,
                    str(message.get("directory") or ""),
                    {name: str(value) for name, value in known.items()},
                )
                self._talk.process = self._voice
            case {"ended": {"code": int(code)}}:
                self._gone(code)
            case {"ended": {"signal": int(number)}}:
                self._gone(-number)

    def _gone(self, code: int) -> None:
        if self._talk is not None and self._voice is not None:
            self._voice.ended()
            self._talk.gone(code)
        self._talk = self._voice = None
        self._levels.clear()

    def _see(self, sighting: Sighting) -> None:
        """Take what the conversation tells; what was recorded before counts as a level alone."""
        self._levels[sighting.fact] = sighting
        if self._caught_up or self._place > self._known:
            self._outbox.append((self._now(), sighting))

    def _now(self) -> datetime:
        """Return when it is, or was where a record is read; never before what was told last."""
        self._last = max(self._at or self._clock.now(), self._last)
        return self._last

    async def _flush(self) -> None:
        """Record what was told, in order, and with the times at which it was said."""
        while self._outbox:
            at, first = self._outbox[0]
            some = [first]
            for later, one in self._outbox[1:]:
                if later != at:
                    break
                some.append(one)
            try:
                await self._states.record(self.agent.name, some, at=at, epoch=self._epoch)
            except StoreError as error:
                log.warning("headless_sighting_held", agent=self.agent.name, error=str(error))
                await anyio.sleep(RETRY_SECONDS)
                continue
            except NotFoundError as error:  # it was removed
                log.warning("headless_sighting_lost", agent=self.agent.name, error=str(error))
            del self._outbox[: len(some)]

    async def _cut_off(self) -> None:
        """Forget the conversation, which is read again, and say that nothing is known for now."""
        was, self._caught_up = self._caught_up, False
        if self._voice is not None:
            self._voice.cut_off()
        alive, self._talk, self._voice = self._talk is not None, None, None
        self._levels.clear()
        self._outbox.clear()
        if was and alive:
            why: dict[str, Json] = {"why": "its bridge does not answer"}
            gap = Sighting(Fact.GAP, why, ObservationSource.PROTOCOL)
            self._outbox.append((self._now(), gap))
            await self._flush()
