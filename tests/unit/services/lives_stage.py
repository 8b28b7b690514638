"""Agents' lives without a process: keepers, programs and a kind that are all pretended."""

from __future__ import annotations

import json
import signal
from contextlib import asynccontextmanager
from signal import Signals
from typing import TYPE_CHECKING, Any, cast

from anyio.lowlevel import checkpoint

from iterm_mcp.agents.kind import Installed, StartPlan, Stroke, Transport
from iterm_mcp.agents.kinds import describing
from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.agent_lives import AgentOrder
from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.observations import Fact, Observation, ObservationSource, Sighting
from iterm_mcp.services.agents.beginnings import Beginnings
from iterm_mcp.services.agents.care import AgentCare
from iterm_mcp.services.agents.ends import AgentEnder
from iterm_mcp.services.agents.forensics import ForensicsCollector
from iterm_mcp.services.agents.launches import AgentLauncher, Origin
from iterm_mcp.services.agents.life_book import LifeBook
from iterm_mcp.services.agents.life_files import KeeperOrder, KeeperStatus, LifeFiles, parse_status
from iterm_mcp.services.agents.orphans import OrphanSweeper
from iterm_mcp.services.agents.pane_starts import PaneStarter
from iterm_mcp.services.agents.placing import PanePlacer
from iterm_mcp.services.agents.processes import MarkedProcess, ProcessId
from iterm_mcp.services.agents.restart_policy import RestartPolicy
from iterm_mcp.services.agents.restarts import AgentSupervisor
from iterm_mcp.services.agents.service import AgentService
from iterm_mcp.services.agents.spare_wishes import SpareWishes
from iterm_mcp.services.agents.spares import Spares
from iterm_mcp.services.agents.starts import AgentStarter
from iterm_mcp.services.agents.templates import Templates
from iterm_mcp.services.sessions.service import SessionService
from iterm_mcp.services.states.adopting import Stranger
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.telemetry import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from iterm_mcp.agents.kind import AgentKind, StartRequest
    from iterm_mcp.models.ids import WindowId
    from iterm_mcp.models.observations import Json
    from iterm_mcp.models.sessions import Direction, Program, SessionInfo
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal

ADA = AgentName("ada")
ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class FakeKind:
    """A kind of agent whose every start is written down.

    Attributes:
        installed: None when the program is not there.
        takes_prompt: Its first order is part of its command line.
    """

    name = "fake"
    transports = frozenset({Transport.TERMINAL})

    def __init__(self) -> None:
        self.features = {"session_id", "resume", "hooks"}
        self.is_here = True
        self.takes_prompt = True
        self.requests: list[StartRequest] = []
        self.on_leave: Callable[[], None] = lambda: None
        self.left = 0

    async def probe(self, environ: Mapping[str, str]) -> Installed | None:
        del environ
        return Installed("/bin/fake", "1", frozenset(self.features)) if self.is_here else None

    def start(self, request: StartRequest, installed: Installed) -> StartPlan:
        if request.model == "none":
            raise InvalidRequestError("there is no such model")
        self.requests.append(request)
        return StartPlan(
            installed.path,
            (request.conversation,),
            dict(request.environment),
            takes_prompt=self.takes_prompt and bool(request.prompt),
            conversation=request.conversation,
        )

    def leave(self) -> tuple[Stroke, ...]:
        self.left += 1
        self.on_leave()
        return (Stroke("bye"), Stroke("\r"))

    def interrupt(self) -> tuple[Stroke, ...]:
        return (Stroke("\x1b", pause_seconds=0.001),)

    def answer(self, dialog: Mapping[str, Json], choice: str) -> tuple[Stroke, ...]:
        if dialog.get("options") == ["no"]:
            raise InvalidRequestError("there is no such option")
        return (Stroke(f"{choice} {dialog.get('name')}"),)


class World:
    """Processes and keepers. It is the `AgentProcesses` of its stage.

    Attributes:
        alive: What runs.
        deaf: What obeys nothing but SIGKILL.
        deaf_to_interrupts: What goes on when it is interrupted.
        slow_keepers: Keepers do not tell of ends in time.
        sent: Every signal, with the process it was sent to.
        marks: What carries agents' marks besides the agents themselves.
        mute: Keepers that do not take orders.
        problem: Why programs cannot be started; empty when they can.
        leaves: An agent that is told to leave does.
    """

    def __init__(self) -> None:
        self._statuses: dict[AgentName, dict[str, Any]] = {}
        self._given: dict[AgentName, KeeperOrder] = {}
        self._count = 100
        self.alive: set[ProcessId] = set()
        self.below: dict[ProcessId, list[ProcessId]] = {}
        self.deaf: set[ProcessId] = set()
        self.deaf_to_interrupts: set[ProcessId] = set()
        self.slow_keepers = False
        self.sent: list[tuple[int, Signals]] = []
        self.marks: list[MarkedProcess] = []
        self.mute = False
        self.problem = ""
        self.orders: list[KeeperOrder] = []

    # What keepers do.

    def stand(self, agent: AgentName, session_id: SessionId) -> None:
        """Have a keeper stand in a session."""
        keeper = self.spawn()
        self._write(agent, {
            "keeper": keeper.pid,
            "keeper_started": keeper.started,
            "session": f"w0t0p0:{session_id}",
            "life": "",
            "state": "waiting",
        })  # fmt: skip

    def give(self, agent: AgentName, order: KeeperOrder) -> None:
        """Lay an order before an agent's keeper; the first one is taken at once."""
        self._given[agent] = order
        if not self.status(agent)["life"]:
            self.take(agent, order)

    def take(self, agent: AgentName, order: KeeperOrder) -> None:
        """Have an agent's keeper take an order."""
        status = self.status(agent)
        if self.mute or status["state"] == "running" or status["life"] == order.life:
            return
        self.orders.append(order)
        process = self.spawn()
        state: dict[str, Any] = {"state": "running", "pid": process.pid, "started": process.started}
        if self.problem:
            self.alive.discard(process)
            state |= {"state": "ended", "code": 127, "problem": self.problem}
        kept = {key: status[key] for key in ("keeper", "keeper_started", "session")}
        self._write(agent, {**kept, "life": order.life, **state})

    def end(self, agent: AgentName, **how: object) -> None:
        """End an agent's process, as its keeper tells it."""
        status = self.status(agent)
        self.alive.discard(ProcessId(status["pid"], status["started"]))
        self._write(agent, {**status, "state": "ended", **how})

    def lose(self, agent: AgentName) -> None:
        """End an agent and its keeper with nobody to tell of it."""
        status = self.status(agent)
        self.alive.discard(ProcessId(status["pid"], status["started"]))
        self.alive.discard(ProcessId(status["keeper"], status["keeper_started"]))

    def status(self, agent: AgentName) -> dict[str, Any]:
        return dict(self._statuses[agent])

    def told(self, agent: AgentName) -> KeeperStatus | None:
        """Return what stands in an agent's status file."""
        status = self._statuses.get(agent)
        return None if status is None else parse_status(json.dumps(status).encode())

    def forget(self, agent: AgentName) -> None:
        """Remove what an agent's keepers have left."""
        self._statuses.pop(agent, None)
        self._given.pop(agent, None)

    def rename(self, born: AgentName, agent: AgentName) -> None:
        """Have a keeper be found by another name."""
        self._statuses[agent] = self._statuses.pop(born)
        self._given[agent] = self._given.pop(born)

    def process(self, agent: AgentName) -> ProcessId:
        status = self.status(agent)
        return ProcessId(status["pid"], status["started"])

    def keeper(self, agent: AgentName) -> ProcessId:
        status = self.status(agent)
        return ProcessId(status["keeper"], status["keeper_started"])

    def spawn(self) -> ProcessId:
        self._count += 1
        process = ProcessId(self._count, f"s{self._count}")
        self.alive.add(process)
        return process

    def _write(self, agent: AgentName, status: Mapping[str, Any]) -> None:
        self._statuses[agent] = dict(status)

    # What is asked about processes (`AgentProcesses`).

    async def stands(self, process: ProcessId) -> bool:
        return process in self.alive

    async def tree(self, root: ProcessId) -> tuple[ProcessId, ...]:
        return (root, *self.below.get(root, ())) if root in self.alive else ()

    async def signal(self, process: ProcessId, *numbers: Signals) -> bool:
        if process not in self.alive:
            return False
        for number in numbers:
            self.sent.append((process.pid, number))
            if number == signal.SIGINT and process in self.deaf_to_interrupts:
                continue
            if number == signal.SIGKILL or (number in ENDING and process not in self.deaf):
                self._kill(process, number)
            if number == signal.SIGUSR1:
                self._wake(process)
        return True

    async def describe(self, processes: tuple[ProcessId, ...]) -> tuple[str, ...]:
        return tuple(f"{one.pid} fake" for one in processes if one in self.alive)

    async def marked(self, origin: str) -> tuple[MarkedProcess, ...]:
        del origin
        return tuple(one for one in self.marks if one.process in self.alive)

    def _kill(self, process: ProcessId, number: Signals) -> None:
        self.alive.discard(process)
        for agent, status in list(self._statuses.items()):
            mine = status.get("pid") == process.pid and status["state"] == "running"
            if mine and not self.slow_keepers:
                self._write(agent, {**status, "state": "ended", "signal": int(number)})

    def _wake(self, keeper: ProcessId) -> None:
        for agent, order in self._given.items():
            if self.keeper(agent) == keeper:
                self.take(agent, order)


class KeptFiles(LifeFiles):
    """Life files whose keepers are pretended; orders and folders are real."""

    def __init__(self, folder: Path, world: World) -> None:
        super().__init__(folder)
        self._world = world

    async def write_order(self, agent: AgentName, order: KeeperOrder) -> None:
        await super().write_order(agent, order)
        self._world.give(agent, order)

    async def statuses(self, agents: Iterable[AgentName]) -> dict[AgentName, KeeperStatus | None]:
        return {one: self._world.told(one) for one in agents}

    async def hand_over(self, agent: AgentName, born: AgentName) -> None:
        await super().hand_over(agent, born)
        self._world.rename(born, agent)

    async def forget(self, agent: AgentName) -> None:
        await super().forget(agent)
        self._world.forget(agent)

    async def remove(self, agent: AgentName) -> None:
        await super().remove(agent)
        self._world.forget(agent)


class KeptSessions(SessionService):
    """Sessions in which a keeper stands as soon as they are open."""

    def __init__(self, terminal: FakeTerminal, world: World) -> None:
        super().__init__(terminal)
        self._world = world
        self.comes_up = True

    async def open_session(
        self, program: Program, *, window_id: WindowId | None = None
    ) -> SessionInfo:
        opened = await super().open_session(program, window_id=window_id)
        self._stand(program, opened.session_id)
        return opened

    async def split_session(
        self, session_id: str, direction: Direction, program: Program
    ) -> SessionId:
        opened = await super().split_session(session_id, direction, program)
        self._stand(program, opened)
        return opened

    def _stand(self, program: Program, session_id: SessionId) -> None:
        if self.comes_up:
            self._world.stand(AgentName(str(program.name)), session_id)


class Told:
    """Takes what agents are told."""

    def __init__(self) -> None:
        self.texts: list[tuple[AgentName, str, str]] = []
        self.on_tell: Callable[[], None] = lambda: None

    async def tell(self, agent: AgentName, text: str, key: str) -> None:
        self.on_tell()
        self.texts.append((agent, text, key))


class FakeLooker:
    """Sees agents that are not registered in the state in which a test has put them.

    Attributes:
        states: By session; ready is whoever is not named.
        seen: What else is seen of everybody.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.states: dict[SessionId, AgentState] = {}
        self.seen: tuple[Sighting, ...] = ()

    async def look(self, session_id: SessionId) -> Stranger | None:
        await checkpoint()
        state = self.states.get(session_id, AgentState.READY)
        at = self._stage.clock.now()
        idle = Sighting(Fact.ACTIVITY, {"is": "idle"}, ObservationSource.REGISTRY)
        told = tuple(Observation(AgentName(""), 1, one, at) for one in (idle, *self.seen))
        view = StateView(AgentName(""), 1, state, "", at, winning=told[:1])
        return Stranger(session_id, "fake", "fake", view, told)


class Stage:
    """All that keeps agents, over a terminal in memory.

    Args:
        world: What outlives a daemon; None for a new one.
    """

    def __init__(
        self,
        terminal: FakeTerminal,
        store: Store,
        clock: FakeClock,
        folder: Path,
        world: World | None = None,
    ) -> None:
        origin = Origin(str(folder), None, hook_command=("hook",))
        self.terminal, self.store, self.clock, self.folder = terminal, store, clock, folder
        self.world = world or World()
        self.kind = FakeKind()
        self.told = Told()
        self.files = KeptFiles(folder / "agents", self.world)
        self.sessions = KeptSessions(terminal, self.world)
        self.agents = AgentService(terminal, store, clock)
        self.metrics = Metrics()
        self.states = AgentStateService(store, clock, self.metrics)
        self.beginnings = Beginnings(self.states, clock, self.metrics.lives)
        self.book = LifeBook(store.lives, self.metrics.lives)
        self.launcher = AgentLauncher(
            PanePlacer(terminal, self.sessions, self.agents), self.agents, self.states,
            self.book, self.files, self.world, clock, origin,
            keeper_seconds=0.1, started_seconds=0.1,
        )  # fmt: skip
        self.ender = AgentEnder(
            terminal, self.agents, self.states, self.book, self.files, self.world, str(folder)
        )
        self.looker = FakeLooker(self)
        self.spares = Spares(
            terminal, self.agents, self.states, self.book, self.files, self.launcher, self.ender,
            self.world, PanePlacer(terminal, self.sessions, self.agents), self.looker,
            SpareWishes(Templates(folder / "templates"), clock), clock,
        )  # fmt: skip
        self.starter = AgentStarter(
            self.agents, self.states, self.book, self.files, self.launcher, self.ender, clock,
            self.spares, beginnings=self.beginnings,
        )  # fmt: skip
        self.care = AgentCare(self.states, self.book, self.ender, self.told, clock)
        self.supervisor = self.make_supervisor()
        self.sweeper = OrphanSweeper(self.book, self.files, self.world, str(folder))

    @property
    def panes(self) -> PaneStarter:
        """What starts the agents of layouts."""
        return PaneStarter(
            Templates(self.folder / "templates"), self.states, self.book, self.launcher,
            self.starter, self.supervisor,
        )  # fmt: skip

    def make_supervisor(self) -> AgentSupervisor:
        """Return a supervisor that remembers nothing, as after a restart of the daemon."""
        self.book = LifeBook(self.store.lives, self.metrics.lives)
        collector = ForensicsCollector(self.terminal, self.world, self.clock, str(self.folder))
        for one in (self.launcher, self.ender, self.starter, self.care, self.spares):
            one._book = self.book
        return AgentSupervisor(
            self.states, self.store.lives, self.book, self.files, self.launcher, self.ender,
            self.world, collector, self.care, self.clock, RestartPolicy(), self.beginnings,
        )  # fmt: skip

    def order(self, **changes: Any) -> AgentOrder:  # noqa: ANN401
        return AgentOrder(**{"kind": "fake", "directory": "/", **changes})

    async def start(self, name: str = ADA, **changes: Any) -> None:  # noqa: ANN401
        """Start an agent."""
        await self.starter.start(self.order(**changes), name=name, wait_seconds=0)

    async def sees(self, fact: Fact, value: dict[str, Json], agent: AgentName = ADA) -> None:
        """Have something be seen of an agent."""
        seen = Sighting(fact, value, ObservationSource.REGISTRY)
        await self.states.record(agent, [seen])

    async def ready(self, agent: AgentName = ADA) -> None:
        await self.sees(Fact.ACTIVITY, {"is": "idle"}, agent)

    async def tick(self, seconds: float = 0.0) -> None:
        """Let time pass, and have everything looked at."""
        self.clock.advance(seconds)
        await self.supervisor.tick()


@asynccontextmanager
async def open_stage(*arguments: Any) -> Any:  # noqa: ANN401
    """Make a stage; its kind is known for the block."""
    stage = Stage(*arguments)
    with describing([cast("AgentKind", stage.kind)]):
        yield stage
