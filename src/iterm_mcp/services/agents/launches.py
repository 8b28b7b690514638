"""One life of an agent begun: a pane with a keeper, the name registered, the program started.

Every step can be repeated. Whoever finds an agent half created, as after a crash of the daemon,
goes on from where it stands, and the keeper's lock sees that nothing is started twice.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents import bridge, keeper
from iterm_mcp.agents.discovery import discover
from iterm_mcp.agents.kind import StartRequest, has_screen
from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.agents.telemetry import WISH
from iterm_mcp.errors import AgentError, ConflictError, NotFoundError
from iterm_mcp.models.agent_lives import Phase
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting
from iterm_mcp.models.sessions import Program
from iterm_mcp.services.agents.environment import KEEP, SCRUB, correlation
from iterm_mcp.services.agents.life_files import KeeperOrder, KeeperStatus
from iterm_mcp.services.agents.own_telemetry import has_own_telemetry
from iterm_mcp.services.agents.processes import ProcessId
from iterm_mcp.services.agents.start_fingerprints import fingerprint
from iterm_mcp.services.holding import never_held

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterm_mcp.agents.kind import AgentKind, Installed, StartPlan
    from iterm_mcp.agents.reports import Reports
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.models.observations import Json
    from iterm_mcp.services.agents.life_book import LifeBook
    from iterm_mcp.services.agents.life_files import LifeFiles
    from iterm_mcp.services.agents.placing import PanePlacer, Place
    from iterm_mcp.services.agents.processes import AgentProcesses
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.holding import Held
    from iterm_mcp.services.states.asking import States

KEEPER_SECONDS = 10.0
"""How long a new pane's keeper may take to say that it is there."""

STARTED_SECONDS = 10.0
"""How long a keeper may take to start what it was ordered to."""

NOBODYS = "00000000-0000-4000-8000-000000000000"
"""The conversation of no agent."""

_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose agents these are.

    Attributes:
        state: The state folder of this installation.
        home: ``ITERM_MCP_HOME``, if it was moved by it.
        hook_command: What an agent runs on its events, to which its kind's name is added; empty
            for no hooks.
        spool: The folder in which it may leave events; empty for none.
        reports: Where it may report over HTTP; None for nowhere.
        environ: Where agents' programs are looked for.
        propagate: Returns the variables by which what an agent traces of itself is part of the
            trace in which it was ordered; None where nothing is traced.
    """

    state: str
    home: str | None = None
    hook_command: tuple[str, ...] = ()
    spool: str = ""
    reports: Reports | None = None
    environ: Mapping[str, str] | None = None
    propagate: Callable[[Life], Mapping[str, str]] | None = None


class AgentLauncher:
    """Begins lives.

    Args:
        keeper_seconds: How long a new pane may take; `started_seconds` is for the program in it.
        held: Asked before a program is started; what is held waits in its pane.
    """

    def __init__(
        self,
        panes: PanePlacer,
        agents: AgentService,
        states: States,
        book: LifeBook,
        files: LifeFiles,
        processes: AgentProcesses,
        clock: Clock,
        origin: Origin,
        *,
        keeper_seconds: float = KEEPER_SECONDS,
        started_seconds: float = STARTED_SECONDS,
        held: Held = never_held,
    ) -> None:
        self._panes = panes
        self._agents = agents
        self._states = states
        self._book = book
        self._files = files
        self._processes = processes
        self._clock = clock
        self._origin = origin
        self._keeper_seconds = keeper_seconds
        self._started_seconds = started_seconds
        self._held = held

    async def plan(self, life: Life, *, resume: bool) -> StartPlan:
        """Return how the life would be started; nothing is done.

        Raises:
            NotFoundError: There is no such kind, or (``program``) it is not installed.
            InvalidRequestError: The installed version cannot do what is asked.
        """
        kind = find_kind(life.order.kind)
        installed = await self._installed(kind, life.order.environment)
        reports = await self._reports(life)
        return kind.start(self._request(life, installed, reports, resume=resume), installed)

    async def launch(self, life: Life, place: Place, *, resume: bool) -> Life:
        """Begin a life, and return it as it then stands: its program has been started.

        If something holds the agent, it waits in its pane instead, and the life says why: whoever
        looks after agents begins it once it may.

        Args:
            place: Where a pane is opened if the agent has none.
            resume: Go on with its conversation, which must be there. Else it must have none, or
                one that was never begun.

        Raises:
            AgentError: The program could not be started; the life is as it was ordered.
        """
        plan = await self.plan(life, resume=resume)
        life = await self._with_pane(life, place)
        await self.register(life)
        if self.held(life):
            return await self.hold(life)
        if life.phase is not Phase.CREATING or not life.epoch:
            life = await self._book.save(
                life,
                phase=Phase.CREATING,
                epoch=await self._states.new_life(life.agent),
                token=secrets.token_hex(8),
                begun_at=self._clock.now(),
                restart_at=None,
                reason="",
            )
        await self._tell(life, {"is": "creating"})
        known = plan.conversation or (life.conversation if resume else "")
        life = await self._begin(await self._book.save(life, conversation=known), plan)
        await self._tell(life, {})
        return life

    def held(self, life: Life) -> str:
        """Return why a life may not begin now; empty when it may."""
        return self._held(life.agent, life.order.kind, life.order.teams)

    async def hold(self, life: Life) -> Life:
        """Have a life wait that is held, and say why; return it as it then stands."""
        why = self.held(life)
        waits = life.phase if life.phase is Phase.CREATING else Phase.RESTARTING
        if (life.phase, life.reason) == (waits, why):
            return life
        until = None if waits is Phase.CREATING else life.restart_at or self._clock.now()
        life = await self._book.save(life, phase=waits, restart_at=until, reason=why)
        await self._tell(life, {"is": waits.value, "why": why})
        return life

    async def warm(self, life: Life, place: Place) -> Life:
        """Begin the life of a spare agent, which is nobody's: it is registered when handed out.

        Raises:
            NotFoundError, InvalidRequestError: See `plan`.
            AgentError: The program could not be started.
        """
        plan = await self.plan(life, resume=False)
        life = await self._with_pane(life, place)
        life = await self._book.save(
            life,
            token=secrets.token_hex(8),
            begun_at=self._clock.now(),
            conversation=plan.conversation,
        )
        return await self._begin(life, plan)

    async def fingerprint(self, life: Life) -> str:
        """Return what is the same for lives that would be started alike, but for their prompts.

        It holds the program with its version, all that it is given, and the state of the files
        that it reads at its start.

        Raises:
            NotFoundError, InvalidRequestError: See `plan`.
        """
        order = replace(life.order, prompt="")
        installed = await self._installed(find_kind(order.kind), order.environment)
        plan = await self.plan(replace(life, order=order, conversation=NOBODYS), resume=False)
        return await fingerprint(order, installed, plan, {**self._environ(), **order.environment})

    async def _begin(self, life: Life, plan: StartPlan) -> Life:
        """Have the keeper that stands start a program; return the life once it has."""
        await self._files.write_private(plan.files)
        await self._order(life, plan)
        await self._await_start(life)
        return await self._book.save(life, phase=Phase.RUNNING)

    async def keeper_of(self, life: Life) -> KeeperStatus | None:
        """Return the status of the keeper that stands for an agent; None when none does."""
        status = await self._files.status(life.agent)
        if status is None:
            return None
        process = ProcessId(status.keeper, status.keeper_started)
        return status if await self._processes.stands(process) else None

    async def _installed(self, kind: AgentKind, environment: Mapping[str, str]) -> Installed:
        (found,) = await discover([kind], {**self._environ(), **environment})
        if found.installed is None:
            raise NotFoundError(
                "program",
                kind.name,
                hint=f"Install {kind.name}, or see that the daemon's PATH leads to it: "
                "`iterm-mcp agents doctor` tells what was found.",
            )
        return found.installed

    def _environ(self) -> Mapping[str, str]:
        return os.environ if self._origin.environ is None else self._origin.environ

    async def _reports(self, life: Life) -> Reports | None:
        """Return where it reports; what it measures only if nothing of its user's says where."""
        reports, order = self._origin.reports, life.order
        if reports is None:
            return None
        wish = {"1": True, "0": False}.get(order.environment.get(WISH, ""))
        wished = reports.telemetry if wish is None else wish
        traces = "" if wish is False else reports.traces
        environ = {**self._environ(), **order.environment}
        asked = wished or traces
        if asked and await has_own_telemetry(order.kind, order.directory, environ):
            wished, traces = False, ""
        return replace(reports, telemetry=wished, traces=traces)

    def _request(
        self, life: Life, installed: Installed, reports: Reports | None, *, resume: bool
    ) -> StartRequest:
        order = life.order
        conversation = life.conversation
        hooked = self._origin.hook_command and "hooks" in installed.features
        if not conversation and "session_id" in installed.features:
            conversation = str(uuid.uuid4())
        return StartRequest(
            directory=order.directory,
            prompt="" if resume else order.prompt,
            model=order.model,
            conversation=conversation,
            resume=resume,
            permissions=order.permissions,
            environment=order.environment,
            hook_command=(*self._origin.hook_command, order.kind) if hooked else (),
            spool=self._origin.spool if hooked else "",
            reports=reports,
            trusted=order.trust == "accept",
            options=order.options,
        )

    async def _with_pane(self, life: Life, place: Place) -> Life:
        """Return the life with a session in which a keeper of its stands."""
        status = await self.keeper_of(life)
        if status is None and place.session_id is not None:
            life = await self._book.save(life, session_id=place.session_id, placed="")
            status = await self._await_keeper(life)
        elif status is None:
            opened = await self._panes.open(await self.prepare_pane(life), place)
            life = await self._book.save(life, session_id=opened.session_id, placed=opened.note)
            status = await self._await_keeper(life)
        if status.session_id is not None and status.session_id != life.session_id:
            life = await self._book.save(life, session_id=status.session_id)
        return life

    async def prepare_pane(self, life: Life) -> Program:
        """Return what a pane that is opened for an agent runs: a keeper, which awaits its order."""
        await self._files.make(life.agent)
        await self._files.forget(life.agent)
        stands = keeper if has_screen(find_kind(life.order.kind)) else bridge
        return Program(
            sys.executable,
            directory=life.order.directory,
            name=str(life.agent),
            arguments=("-I", "-S", str(stands.__file__), str(self._files.folder(life.agent))),
        )

    async def _await_keeper(self, life: Life) -> KeeperStatus:
        with anyio.move_on_after(self._keeper_seconds):
            while True:
                status = await self.keeper_of(life)
                if status is not None:
                    return status
                await anyio.sleep(_POLL_SECONDS)
        raise AgentError(
            f"the pane for agent {life.agent!r} did not come up in {self._keeper_seconds:g} s",
            hint=f"Look at session {life.session_id} with read_screen.",
        )

    async def register(self, life: Life) -> None:
        """Have the agent's name stand for the session, with its teams and role."""
        if life.session_id is None:
            raise AgentError(
                f"the terminal does not tell in which session agent {life.agent!r} stands",
                hint="Register the session with register_agent.",
            )
        session_id, role, teams = life.session_id, life.order.role, life.order.teams
        with suppress(NotFoundError):
            former = await self._agents.find_agent(life.agent)
            if former.session_id == life.session_id:
                return
            role, teams = former.role, former.teams  # as somebody may have changed them since
        for team in teams:
            await self._agents.ensure_team(team)

        async def register() -> None:
            await self._agents.register_agent(
                life.agent, session_id, kind=life.order.kind, teams=teams, role=role, replace=True
            )

        try:
            await register()
        except ConflictError:  # its old pane still stands, with nobody in it
            await self._agents.remove_agent(life.agent)
            await register()

    async def _order(self, life: Life, plan: StartPlan) -> None:
        """Hand the order to the keeper; one that has had another already is woken."""
        marks = correlation(life, self._origin.state, self._origin.home)
        if self._origin.propagate is not None:
            marks |= self._origin.propagate(life)
        await self._files.write_order(
            life.agent,
            KeeperOrder(
                life.token,
                life.epoch,
                plan.command,
                plan.arguments,
                life.order.directory,
                {**plan.environment, **marks},
                SCRUB,
                (*KEEP, *life.order.keep),
                plan.opening,
            ),
        )
        status = await self.keeper_of(life)
        if status is not None and status.life:
            await self._processes.signal(
                ProcessId(status.keeper, status.keeper_started), signal.SIGUSR1
            )

    async def _await_start(self, life: Life) -> None:
        """Wait until the keeper has started this very life."""
        with anyio.move_on_after(self._started_seconds):
            while True:
                status = await self._files.status(life.agent)
                if status is not None and status.life == life.token:
                    if status.problem:
                        raise AgentError(
                            f"agent {life.agent!r} could not be started: {status.problem}",
                            hint="See that the program and its directory are there.",
                        )
                    return
                await anyio.sleep(_POLL_SECONDS)
        raise AgentError(
            f"agent {life.agent!r} was not started in {self._started_seconds:g} s",
            hint=f"Look at session {life.session_id} with read_screen.",
        )

    async def _tell(self, life: Life, value: dict[str, Json]) -> None:
        await self._states.record(
            life.agent, [Sighting(Fact.LIFE, value, ObservationSource.PROTOCOL)]
        )
