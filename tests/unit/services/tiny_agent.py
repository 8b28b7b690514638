"""An agent of a few lines with a composer, its kind, and what is known of its state."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from iterm_mcp.agents.kind import Stroke, Transport, WhileBusy
from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.agents import Agent
from iterm_mcp.models.happenings import ScreenChanged
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.observations import Fact, Observation, ObservationSource, Sighting
from iterm_mcp.models.sessions import Program, Screen, Size
from iterm_mcp.services.states.state_changes import Watchers
from iterm_mcp.testing.fake_clock import START
from iterm_mcp.testing.fake_shell import FakeShell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.services.states.asking import Observed, StateChanges
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeTerminal

ADA = AgentName("ada")
CLEAR, ESCAPE, ENTER = "\x15", "\x1b", "\r"


class TinyAgent(FakeShell):
    """What is typed stands in its composer until Enter.

    Attributes:
        composer: What stands there.
        received: What was submitted.
        strand: How many Enters it will eat.
        deaf: It takes no keys.
        stuck: Nothing empties its composer but Enter.
        hidden: Its composer is not to be seen.
        dialog, gate, busy: What else is to be seen.
        meanwhile: Done once, before the next key is taken.
        then: Done once, when something was submitted.
        restores: What comes back into the composer by an interruption.
    """

    def __init__(self) -> None:
        super().__init__(Size(80, 24))
        self.composer = ""
        self.received: list[str] = []
        self.strand = 0
        self.deaf = self.stuck = self.hidden = self.busy = False
        self.dialog = self.gate = self.restores = ""
        self.meanwhile: Callable[[], None] | None = None
        self.then: Callable[[], None] | None = None

    def type(self, text: str) -> None:
        self.typed += text
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        if not self.deaf:
            self._take(text)
        self.tell(ScreenChanged())

    def _take(self, text: str) -> None:
        if text == CLEAR:
            self.composer = self.composer if self.stuck else ""
        elif text == ESCAPE:
            self.busy, self.composer = False, self.restores
        elif text != ENTER:
            self.composer += text.replace("\r", "\n")
        elif self.strand:
            self.strand -= 1
        elif self.composer and not self.dialog:
            self.received.append(self.composer)
            self.composer = ""
            if self.then is not None:
                then, self.then = self.then, None
                then()

    def screen(self) -> Screen:
        rows = [f"dialog {self.dialog}" if self.dialog else "", "busy" if self.busy else ""]
        rows += [f"gate {self.gate}" if self.gate else ""]
        rows += [] if self.hidden else ["composer", *self.composer.split("\n")]
        return Screen(tuple(rows), 0, 0, 0, self.size)


class TinyKind:
    """Reads a tiny agent's screen."""

    name = "tiny"
    transports = frozenset({Transport.TERMINAL})
    while_busy = WhileBusy.KEEPS

    def compose(self, text: str, *, raw: bool = False) -> tuple[Stroke, ...]:
        del raw
        return Stroke(text), Stroke(ENTER)

    def see(
        self, screen: Screen, title: str, styles: Sequence[object] = ()
    ) -> tuple[Sighting, ...]:
        del title, styles
        dialog, busy, gate, *rest = screen.lines
        told: list[tuple[Fact, dict[str, Any]]] = [
            (Fact.DIALOG, {"asks": "permission", "text": dialog} if dialog else {}),
            (Fact.GATE, {"name": gate} if gate else {}),
            (Fact.ACTIVITY, {"is": "busy" if busy else "idle"}),
        ]
        if rest:
            text = "\n".join(rest[1:])
            holds = {"holds": "draft", "text": text} if text else {"holds": "nothing"}
            told.append((Fact.COMPOSER, holds))
        return tuple(Sighting(fact, value, ObservationSource.SCREEN) for fact, value in told)

    def clear(self) -> tuple[Stroke, ...]:
        return (Stroke(CLEAR),)

    def interrupt(self) -> tuple[Stroke, ...]:
        return (Stroke(ESCAPE),)


class FakeStates:
    """States that a test sets; `TinyAgent.busy` counts too."""

    def __init__(self, agent: TinyAgent) -> None:
        self.agent = agent
        self.state = AgentState.READY
        self.watchers = Watchers()
        self.count = 0
        self.ledger: list[Observation] = []

    async def view(self, agent: AgentName) -> StateView:
        state = AgentState.WORKING if self.agent.busy else self.state
        return StateView(agent, 1, state, "so it is", START)

    look = view

    async def observations(
        self, agent: AgentName, *, after: int = 0, limit: int = 1000
    ) -> tuple[Observation, ...]:
        del agent
        return tuple(one for one in self.ledger if one.number > after)[:limit]

    def tell(self, phase: str, **value: str) -> None:
        """Have a turn seen."""
        sighting = Sighting(Fact.TURN, {"phase": phase, **value}, ObservationSource.HOOK)
        self.count += 1
        self.ledger.append(Observation(ADA, 1, sighting, START, self.count))
        self.watchers.recorded((self.ledger[-1],))

    async def become(self, state: AgentState) -> None:
        """Have another state, and tell of it."""
        self.state = state
        self.watchers.changed(await self.view(ADA))

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[StateChanges]:
        with self.watchers.of_states() as changes:
            yield changes

    @asynccontextmanager
    async def watch_observations(self, agent: AgentName | None = None) -> AsyncIterator[Observed]:
        with self.watchers.of_observations(agent) as observed:
            yield observed


async def settle_in(terminal: FakeTerminal, store: Store) -> tuple[TinyAgent, SessionId]:
    """Let a tiny agent live in a session of its own, registered as ada."""
    session_id = (await terminal.open_session(Program())).session_id
    session = terminal._windows.find(session_id)
    tiny = TinyAgent()
    tiny.tell, session.shell = session.shell.tell, tiny
    await store.agents.add_agent(Agent(ADA, "tiny", session_id, (), "", START))
    return tiny, session_id
