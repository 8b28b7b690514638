"""What agents shall be against what they are: the difference is found, told, and made good.

Nothing here trusts memory: what a keeper wrote down, and which processes stand, is looked at, so
that it is the same after a crash of the daemon or of the machine as after a crash of the agent.
"""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import structlog
from anyio import to_thread

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
from iterm_mcp.services.agent_ends import process_of
from iterm_mcp.services.agent_launches import Place
from iterm_mcp.services.agent_processes import ProcessId
from iterm_mcp.services.restart_policy import Quarantine, RestartPolicy, after_crash
from iterm_mcp.store.times import to_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from datetime import datetime

    from anyio.abc import TaskGroup

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.agent_care import AgentCare
    from iterm_mcp.services.agent_ends import AgentEnder
    from iterm_mcp.services.agent_launches import AgentLauncher
    from iterm_mcp.services.agent_processes import AgentProcesses
    from iterm_mcp.services.forensics import ForensicsCollector
    from iterm_mcp.services.life_book import LifeBook
    from iterm_mcp.services.life_files import KeeperStatus, LifeFiles
    from iterm_mcp.services.states import States
    from iterm_mcp.store.agent_lives import AgentLifeStore

log = structlog.get_logger()

TICK_SECONDS = 0.5
RETRY_SECONDS = 5.0
"""After which a start is tried again that the terminal could not take."""

LEDGER_PAGE = 1000
CLOSED = "its pane was closed"
CLOSING_SECONDS = 2.0
"""How long the closing of a pane may take from the first signal to the last."""

ASKED = frozenset({signal.SIGTERM, signal.SIGHUP})


@dataclass(frozen=True, slots=True)
class End:
    """How an agent's process came to be gone.

    Attributes:
        crash: It counts towards quarantine.
        wanted: Somebody wanted it, so it is not started again.
        asked: It was asked to end, which may be the beginning of closing its pane.
    """

    reason: str
    crash: bool = False
    wanted: bool = False
    asked: bool = False


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
    ) -> None:
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
        self._at: set[AgentName] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look at all agents again and again for the length of the block."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._run)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    async def restart(self, agent: AgentName) -> Life:
        """Start an agent again now, in the same conversation if that is still there.

        What runs of it is ended first. Former crashes count no more.

        Raises:
            NotFoundError: We did not start it, or its program is no more installed.
            AgentError: The program could not be started.
        """
        async with self._book.turn(agent):
            life = await self._book.get(agent)
            if life.phase is Phase.RUNNING:
                status = await self._files.status(agent)
                await self._keep_forensics(life, status, End("it was started again by hand"))
                await self._ender.end_process(life)
            await self._store.forgive(agent)
            life = await self._book.save(life, desired=Desired.RUNNING, phase=Phase.ENDED)
            return await self._launch_again(life)

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
            if life.agent not in self._at and not self._book.is_taken(life.agent)
        ]
        statuses = await self._files.statuses(life.agent for life in lives)
        for life in lives:
            self._at.add(life.agent)
            group.start_soon(self._look_safely, life, statuses[life.agent])

    async def _look_safely(self, life: Life, status: KeeperStatus | None) -> None:
        try:
            await self._look(life, status)
        except (TerminalUnavailableError, TerminalTimeoutError):
            pass  # it is looked at again when there is a terminal
        except (ItermMcpError, OSError) as error:
            log.warning("agent_not_looked_after", agent=life.agent, error=str(error))
        finally:
            self._at.discard(life.agent)

    async def _look(self, life: Life, status: KeeperStatus | None) -> None:
        if life.desired is Desired.STOPPED or life.phase in {Phase.ENDED, Phase.QUARANTINED}:
            return
        if life.phase is Phase.RESTARTING:
            if status is not None and status.life == life.token and _closed(status):
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
            return _end_of(status)
        root, keeper = process_of(status, life), ProcessId(status.keeper, status.keeper_started)
        for one in (root, keeper):  # a keeper that stands is about to say how it ended
            if one is None or await self._processes.stands(one):
                return None
        status = await self._files.status(life.agent)
        seen = status is not None and status.state == "ended"
        return _end_of(status) if seen and status else End("it ended with its terminal")

    async def _handle_end(self, life: Life, status: KeeperStatus | None, end: End) -> None:
        """Keep what the agent left, and decide what becomes of it."""
        await self._keep_forensics(life, status, end)
        log.info("agent_ended", agent=life.agent, epoch=life.epoch, reason=end.reason)
        if end.wanted or not life.order.restart:
            await self._let_be(life, end.reason)
        elif end.crash:
            await self._after_crash(life, end)
        else:
            await self._wait(life, self._clock.now(), end.reason)

    async def _let_be(self, life: Life, reason: str) -> None:
        """Leave an agent ended, until somebody starts it again."""
        await self._book.save(
            life, desired=Desired.STOPPED, phase=Phase.ENDED, restart_at=None, reason=reason
        )
        await self._tell(life, {})

    async def _after_crash(self, life: Life, end: End) -> None:
        now, reason = self._clock.now(), end.reason
        since = now - timedelta(seconds=self._policy.stable_seconds)
        verdict = after_crash(await self._store.crashes(life.agent, since), now, self._policy)
        if isinstance(verdict, Quarantine):
            minutes = self._policy.window_seconds / 60
            reason = f"{verdict.crashes} crashes in {minutes:g} min, the last: {reason}"
            await self._tell(life, {"is": "quarantined", "why": reason})
            await self._book.save(life, phase=Phase.QUARANTINED, restart_at=None, reason=reason)
        else:
            soonest = now + timedelta(seconds=CLOSING_SECONDS if end.asked else 0)
            await self._wait(life, max(verdict.at, soonest), reason)

    async def _wait(self, life: Life, until: datetime, reason: str) -> None:
        value: dict[str, Json] = {"is": "restarting", "why": reason, "until": to_text(until)}
        await self._tell(life, value)
        await self._book.save(life, phase=Phase.RESTARTING, restart_at=until, reason=reason)

    async def _try_again(self, life: Life) -> None:
        """Start an agent again; when that fails too, it is a crash."""
        try:
            await self._launch_again(life)
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

    async def _launch_again(self, life: Life) -> Life:
        """Begin an agent's next life, or the one that was being begun."""
        conversation, there = await self._conversation(life)
        pending = life.pending
        if there:
            pending = life.order.resume_prompt or ("" if life.epoch else pending)
        elif life.phase is not Phase.CREATING:
            conversation = ""
        life = await self._book.save(life, conversation=conversation, pending=pending)
        plan = await self._launcher.plan(life, resume=there)
        if not there and not plan.takes_prompt:
            life = await self._book.save(life, pending=life.order.prompt)
        return await self._launcher.launch(life, Place(), resume=there)

    async def _conversation(self, life: Life) -> tuple[str, bool]:
        """Return the agent's last conversation, and whether it is there to go on with."""
        after, found = 0, life.conversation
        transcript = ""
        with suppress(NotFoundError):
            while page := await self._states.observations(
                life.agent, after=after, limit=LEDGER_PAGE
            ):
                after = page[-1].number
                for one in page:
                    if one.sighting.fact is Fact.CONVERSATION and one.sighting.value.get("id"):
                        found = str(one.sighting.value["id"])
                        transcript = str(one.sighting.value.get("transcript") or "")
        there = bool(transcript) and await to_thread.run_sync(Path(transcript).is_file)
        return found, there

    async def _keep_forensics(self, life: Life, status: KeeperStatus | None, end: End) -> None:
        mine = status if status is not None and status.life == life.token else None
        found = await self._forensics.collect(life, mine, end.reason, crash=end.crash)
        await self._store.add_forensics(found)
        value: dict[str, Json] = {}
        if found.code is not None:
            value["code"] = found.code
        if found.signal is not None:
            value["signal"] = found.signal
        with suppress(NotFoundError):
            await self._states.record(
                life.agent, [Sighting(Fact.EXIT, value, ObservationSource.PROTOCOL, end.reason)]
            )

    async def _tell(self, life: Life, value: dict[str, Json]) -> None:
        with suppress(NotFoundError):
            await self._states.record(
                life.agent, [Sighting(Fact.LIFE, value, ObservationSource.PROTOCOL)]
            )


def _closed(status: KeeperStatus) -> bool:
    """Tell whether a person closed the pane, and with it the agent."""
    return status.dismissed or status.hung_up == "pane"


def _end_of(status: KeeperStatus) -> End:
    if _closed(status):
        return End(CLOSED, wanted=True)
    if status.hung_up == "terminal":
        return End("its terminal ended")
    if status.problem:
        return End(f"it could not be started: {status.problem}", crash=True)
    if status.signal is not None:
        how = f"it was ended by signal {status.signal}"
        return End(how, crash=True, asked=status.signal in ASKED)
    if status.code == 0:
        return End("it left by itself", wanted=True)
    asked = (status.code or 0) - 128 in ASKED
    return End(f"it ended with code {status.code}", crash=True, asked=asked)
