"""What agents shall be against what they are: the difference is found, told, and made good.

Nothing here trusts memory: what a keeper wrote down, and which processes stand, is looked at, so
that it is the same after a crash of the daemon or of the machine as after a crash of the agent.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anyio
import structlog

from iterm_mcp.errors import (
    AgentError,
    ConflictError,
    ItermMcpError,
    NotFoundError,
    TerminalTimeoutError,
    TerminalUnavailableError,
)
from iterm_mcp.models.agent_lives import Desired, Phase
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting
from iterm_mcp.services.agents.beginnings import Beginnings
from iterm_mcp.services.agents.conversations import last_conversation
from iterm_mcp.services.agents.end_reasons import CLOSED, End, end_of, is_closed
from iterm_mcp.services.agents.ends import process_of
from iterm_mcp.services.agents.placing import Place
from iterm_mcp.services.agents.processes import ProcessId
from iterm_mcp.services.agents.restart_policy import Quarantine, RestartPolicy, after_crash
from iterm_mcp.services.background import beside
from iterm_mcp.store.times import to_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from datetime import datetime

    from anyio.abc import TaskGroup

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_lives import Forensics, Life
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.agents.care import AgentCare
    from iterm_mcp.services.agents.ends import AgentEnder
    from iterm_mcp.services.agents.forensics import ForensicsCollector
    from iterm_mcp.services.agents.launches import AgentLauncher
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.agents.life_files import KeeperStatus, LifeFiles
    from iterm_mcp.services.agents.processes import AgentProcesses
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.store.agent_lives import AgentLifeStore

log = structlog.get_logger()

TICK_SECONDS = 0.5
RETRY_SECONDS = 5.0
"""After which a start is tried again that the terminal could not take."""

CLOSING_SECONDS = 2.0
"""How long the closing of a pane may take from the first signal to the last."""


class AgentSupervisor:
    """Sees that agents that shall run do, and cares for those that run."""

    def __init__(
        self,
        states: States,
        store: AgentLifeStore,
        book: LifeBook,
        files: LifeFiles,
        launcher: AgentLauncher,
        ender: AgentEnder,
        processes: AgentProcesses,
        forensics: ForensicsCollector,
        care: AgentCare,
        clock: Clock,
        policy: RestartPolicy | None = None,
        beginnings: Beginnings | None = None,
    ) -> None:
        self._beginnings = beginnings or Beginnings(states, clock)
        self._states = states
        self._store = store
        self._book = book
        self._files = files
        self._launcher = launcher
        self._ender = ender
        self._processes = processes
        self._forensics = forensics
        self._care = care
        self._clock = clock
        self._policy = policy or RestartPolicy()
        self._forgiven: dict[AgentName, str] = {}
        self._told: set[tuple[str, Phase]] = set()
        self._at: set[AgentName] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look at all agents again and again for the length of the block."""
        async with beside(self._run):
            yield

    async def restart(self, agent: AgentName) -> Life:
        """Start an agent again now, in the same conversation if that is still there.

        What runs of it is ended first. Former crashes count no more. Whoever gives up, or a daemon
        that dies, leaves it about to be started again.

        Raises:
            NotFoundError: We did not start it, or its program is no more installed.
            AgentError: The program could not be started.
        """
        async with self._book.turn(agent):
            return await self.revive(await self._book.get(agent), Place())

    async def revive(self, life: Life, place: Place) -> Life:
        """Do what `restart` does with an agent whose turn the caller has.

        Args:
            place: Where its pane is opened if it has none.
        """
        if life.phase is Phase.RUNNING:
            life = await self._wish_again(life)
            await self._ender.end_process(life)
        else:
            await self._store.forgive(life.agent)
            life = await self._book.save(life, desired=Desired.RUNNING, phase=Phase.ENDED)
        try:
            return await self.go_on(life, place)
        except ItermMcpError:
            life = await self._book.get(life.agent)
            if life.phase is Phase.RESTARTING:  # it never came so far as to be begun
                await self._book.save(life, phase=Phase.ENDED, restart_at=None)
            raise

    async def _wish_again(self, life: Life) -> Life:
        """Have an agent that runs be one that is to be started again, before anything is ended."""
        status = await self._files.status(life.agent)
        end = End("it was started again by hand")
        return await self._book.end(
            life,
            await self._examine(life, status, end),
            forgiven=True,
            desired=Desired.RUNNING,
            phase=Phase.RESTARTING,
            restart_at=self._clock.now(),
            reason=end.reason,
        )

    async def release(self, agent: AgentName) -> Life:
        """Let an agent out of quarantine, and start it again.

        Raises:
            ConflictError: It is in none.
        """
        life = await self._book.get(agent)
        if life.phase is not Phase.QUARANTINED:
            raise ConflictError(
                f"agent {agent!r} is not in quarantine, but {life.phase}",
                hint="Use action restart to start it again.",
            )
        return await self.restart(agent)

    async def tick(self) -> None:
        """Look at every agent once, do what is due, and return when it is done."""
        async with anyio.create_task_group() as group:
            await self._begin_looks(group)

    async def _run(self) -> None:
        async with anyio.create_task_group() as group:
            while True:
                await self._begin_looks(group)
                with anyio.move_on_after(TICK_SECONDS):
                    await self._book.changed()
                    await anyio.sleep(TICK_SECONDS / 10)

    async def _begin_looks(self, group: TaskGroup) -> None:
        """Look at every agent that nobody is at; what one needs makes no other wait."""
        lives = [
            life
            for life in await self._book.all()
            if life.agent not in self._at
            and life.spare is None  # those are looked after by `Spares`
            and not self._book.is_taken(life.agent)
        ]
        statuses = await self._files.statuses(life.agent for life in lives)
        for life in lives:
            self._at.add(life.agent)
            group.start_soon(self._look_safely, life, statuses[life.agent])

    async def _look_safely(self, life: Life, status: KeeperStatus | None) -> None:
        try:
            await self._tell_held(life)
            await self._look(life, status)
        except (TerminalUnavailableError, TerminalTimeoutError):
            pass  # it is looked at again when there is a terminal
        except (ItermMcpError, OSError) as error:
            log.warning("agent_not_looked_after", agent=life.agent, error=str(error))
        finally:
            self._at.discard(life.agent)

    async def _look(self, life: Life, status: KeeperStatus | None) -> None:
        if life.phase in {Phase.ENDED, Phase.QUARANTINED}:
            return
        if life.desired is Desired.STOPPED:
            await self._alone(life, self._ender.finish_stop)
            return
        if life.phase is Phase.RESTARTING:
            if status is not None and status.life == life.token and is_closed(status):
                await self._alone(life, lambda one: self._let_be(one, CLOSED))
            elif life.restart_at is None or self._clock.now() >= life.restart_at:
                await self._alone(life, self._try_again)
            return
        end = await self._ended(life, status)
        if end is not None:
            await self._alone(life, lambda one: self._handle_end(one, status, end))
        elif status is not None and status.life == life.token and status.state == "running":
            if life.phase is Phase.CREATING:
                life = await self._book.save(life, phase=Phase.RUNNING)
                self._beginnings.of(life.order.kind).found_done()
                await self._tell(life, {})
            await self._care_for(life)
        elif life.phase is Phase.CREATING:
            await self._alone(life, self._try_again)

    async def _alone(self, life: Life, act: Callable[[Life], Awaitable[None]]) -> None:
        """Do something with an agent that nobody else has changed since it was looked at."""
        async with self._book.turn(life.agent):
            if await self._book.find(life.agent) is life:
                await act(life)

    async def _care_for(self, life: Life) -> None:
        if life.desired is not Desired.RUNNING:
            return
        stable = timedelta(seconds=self._policy.stable_seconds)
        since = life.begun_at or life.ordered_at
        if self._clock.now() - since >= stable and self._forgiven.get(life.agent) != life.token:
            await self._store.forgive(life.agent)
            self._forgiven[life.agent] = life.token
        overdue = await self._care.tend(life)
        if overdue is not None:
            log.warning("agent_restarted", agent=life.agent, reason=overdue)
            await self.restart(life.agent)

    async def _ended(self, life: Life, status: KeeperStatus | None) -> End | None:
        """Return how an agent ended; None while it runs or has not begun."""
        if status is None or status.life != life.token:
            lost = life.phase is Phase.RUNNING
            return End("nothing of it was left, as when the machine restarts") if lost else None
        if status.state == "ended" or status.hung_up:
            return end_of(status)
        root, keeper = process_of(status, life), ProcessId(status.keeper, status.keeper_started)
        for one in (root, keeper):  # a keeper that stands is about to say how it ended
            if one is None or await self._processes.stands(one):
                return None
        status = await self._files.status(life.agent)
        seen = status is not None and status.state == "ended"
        return end_of(status) if seen and status else End("it ended with its terminal")

    async def _handle_end(self, life: Life, status: KeeperStatus | None, end: End) -> None:
        """Keep what the agent left, and decide what becomes of it, in one step of the store.

        Whatever stands before that step may be done twice, if the daemon dies, and counts nothing.
        """
        found = await self._examine(life, status, end)
        log.info("agent_ended", agent=life.agent, epoch=life.epoch, reason=end.reason)
        if end.wanted or not life.order.restart:
            changes = {**_ENDED, "reason": end.reason}
        elif end.crash:
            changes = await self._after_crash(life, found.at, end)
        else:
            changes = _restarting(self._clock.now(), end.reason)
        await self._tell_standing(await self._book.end(life, found, **changes))

    async def _let_be(self, life: Life, reason: str) -> None:
        """Leave an agent ended, until somebody starts it again."""
        await self._tell_standing(await self._book.save(life, **_ENDED, reason=reason))

    async def _after_crash(self, life: Life, at: datetime, end: End) -> dict[str, Any]:
        """Return what changes in a life by a crash, which is not kept yet."""
        now = self._clock.now()
        since = now - timedelta(seconds=self._policy.stable_seconds)
        crashes = (*await self._store.crashes(life.agent, since), at)
        verdict = after_crash(crashes, now, self._policy)
        if isinstance(verdict, Quarantine):
            minutes = self._policy.window_seconds / 60
            reason = f"{verdict.crashes} crashes in {minutes:g} min, the last: {end.reason}"
            return {"phase": Phase.QUARANTINED, "restart_at": None, "reason": reason}
        soonest = now + timedelta(seconds=CLOSING_SECONDS if end.asked else 0)
        return _restarting(max(verdict.at, soonest), end.reason)

    async def _wait(self, life: Life, until: datetime, reason: str) -> None:
        await self._tell_standing(await self._book.save(life, **_restarting(until, reason)))

    async def _tell_held(self, life: Life) -> None:
        """Tell once of an agent that is not to run now: a daemon may have died before it did."""
        held = life.phase in {Phase.RESTARTING, Phase.QUARANTINED}
        if held and (life.token, life.phase) not in self._told:
            await self._tell_standing(life)

    async def _tell_standing(self, life: Life) -> None:
        """Tell where a life stands; who then looks at the life finds it so."""
        value: dict[str, Json] = {}
        if life.phase is Phase.QUARANTINED:
            value = {"is": "quarantined", "why": life.reason}
        elif life.phase is Phase.RESTARTING and life.restart_at is not None:
            until = to_text(life.restart_at)
            value = {"is": "restarting", "why": life.reason, "until": until}
        await self._tell(life, value)
        self._told.add((life.token, life.phase))

    async def _try_again(self, life: Life) -> None:
        """Start an agent again, if nothing holds it; when that fails too, it is a crash."""
        if self._launcher.held(life):
            await self._launcher.hold(life)
            return
        try:
            if life.phase is Phase.RESTARTING and await self._still_runs(life):
                await self._ender.end_process(life)  # a restart by hand was cut short
            await self.go_on(life, Place())
        except (TerminalUnavailableError, TerminalTimeoutError):
            raise
        except AgentError as error:
            life = await self._book.get(life.agent)
            status = await self._files.status(life.agent)
            await self._handle_end(life, status, End(str(error), crash=True))
        except ItermMcpError as error:
            life = await self._book.get(life.agent)
            until = self._clock.now() + timedelta(seconds=RETRY_SECONDS)
            await self._wait(life, until, str(error))

    async def _still_runs(self, life: Life) -> bool:
        root = process_of(await self._files.status(life.agent), life)
        return root is not None and await self._processes.stands(root)

    async def go_on(self, life: Life, place: Place) -> Life:
        """Begin an agent's next life, or the one that was being begun; the caller has its turn.

        Raises:
            NotFoundError: Its program is no more installed.
            AgentError: The program could not be started.
        """
        again = life.phase is not Phase.CREATING
        beginning = self._beginnings.of(life.order.kind, again=again)
        return await beginning.through(self._go_on(life, place))

    async def _go_on(self, life: Life, place: Place) -> Life:
        last = await last_conversation(self._states, life)
        conversation, there = last.conversation, await last.is_there()
        pending = life.pending
        if there:
            pending = life.order.resume_prompt or ("" if life.epoch else pending)
        elif life.phase is not Phase.CREATING:
            conversation = ""
        life = await self._book.save(life, conversation=conversation, pending=pending)
        plan = await self._launcher.plan(life, resume=there)
        if not there and not plan.takes_prompt:
            life = await self._book.save(life, pending=life.order.prompt)
        return await self._launcher.launch(life, place, resume=there)

    async def _examine(self, life: Life, status: KeeperStatus | None, end: End) -> Forensics:
        """Return what is left of an agent, and tell of its end."""
        mine = status if status is not None and status.life == life.token else None
        found = await self._forensics.collect(life, mine, end.reason, crash=end.crash)
        value: dict[str, Json] = {}
        if found.code is not None:
            value["code"] = found.code
        if found.signal is not None:
            value["signal"] = found.signal
        with suppress(NotFoundError):
            await self._states.record(
                life.agent, [Sighting(Fact.EXIT, value, ObservationSource.PROTOCOL, end.reason)]
            )
        return found

    async def _tell(self, life: Life, value: dict[str, Json]) -> None:
        with suppress(NotFoundError):
            await self._states.record(
                life.agent, [Sighting(Fact.LIFE, value, ObservationSource.PROTOCOL)]
            )


_ENDED: dict[str, Any] = {
    "desired": Desired.STOPPED,
    "phase": Phase.ENDED,
    "restart_at": None,
}


def _restarting(until: datetime, reason: str) -> dict[str, Any]:
    return {"phase": Phase.RESTARTING, "restart_at": until, "reason": reason}
