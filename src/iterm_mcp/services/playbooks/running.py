"""Running playbooks: one step after the other, each in the journal before it begins.

A run goes on when its caller has gone, and stops with the daemon. A daemon that comes later finds
in the journal how far it came: what is done is not done again, and of the step that was under
way it looks what has become. Where nobody can tell, a person decides.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import ConflictError, ItermMcpError, RefusedError
from iterm_mcp.models.playbooks import Decision, Known, Run, RunId, RunState, StepRecord
from iterm_mcp.services.background import Background
from iterm_mcp.services.playbooks.checks import read_playbook
from iterm_mcp.services.playbooks.driver import Driver
from iterm_mcp.services.playbooks.plan import settle_variables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.callers import Caller
    from iterm_mcp.services.playbooks.document import Playbook
    from iterm_mcp.services.playbooks.driver import Permits
    from iterm_mcp.services.playbooks.steps import Steps
    from iterm_mcp.store import Store

log = structlog.get_logger()

MOST_AT_ONCE = 20
SAVE_SECONDS = 10.0
"""How long a run that is cancelled may take to write that down."""


@dataclass(slots=True)
class _Live:
    """A run that goes on in this process."""

    ended: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    driver: Driver | None = None
    cancelled: bool = False

    @property
    def now(self) -> str:
        """What is under way, in words."""
        return "" if self.driver is None else self.driver.now


@dataclass(frozen=True, slots=True)
class RunView:
    """How a run stands.

    Attributes:
        steps: How many its playbook has.
        now: What is under way, in words; empty when nothing is.
    """

    run: Run
    journal: tuple[StepRecord, ...]
    steps: int
    now: str = ""


class PlaybookService:
    """Runs playbooks in the background."""

    def __init__(self, store: Store, steps: Steps, permits: Permits, clock: Clock) -> None:
        self._store = store.playbooks
        self._steps = steps
        self._permits = permits
        self._clock = clock
        self._background = Background()
        self._live: dict[RunId, _Live] = {}
        self._listener: Callable[[Run, tuple[StepRecord, ...]], None] | None = None

    def tell(self, listener: Callable[[Run, tuple[StepRecord, ...]], None]) -> None:
        """Have a listener called with a run, and its steps that changed, once they are kept.

        It must not wait.
        """
        self._listener = listener

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run playbooks for the length of the block; those under way can be resumed later."""
        async with self._background.running():
            yield

    async def run(self, caller: Caller, document: str, variables: Mapping[str, str]) -> RunId:
        """Begin to run a playbook, and return at once.

        Raises:
            InvalidRequestError: The document or a variable is wrong.
            ConflictError: Too many are run at once.
        """
        playbook = await to_thread.run_sync(read_playbook, document)
        settle_variables(playbook, variables)
        now = self._clock.now()
        run = Run(
            RunId(uuid4().hex[:12]),
            playbook.playbook,
            document,
            dict(variables),
            RunState.RUNNING,
            "",
            caller.agent or "",
            Known(),
            now,
            now,
        )
        self._check_room()
        run = await self._save(run)
        self._begin(run, playbook, (), Decision.LOOK)
        return run.run_id

    async def resume(
        self, caller: Caller, run_id: RunId, decision: Decision = Decision.LOOK
    ) -> None:
        """Go on with a run that stopped, as whoever asks for it.

        Args:
            decision: What is to become of the step at which it stopped: ``look`` repeats one that
                failed, and finds out what has become of one that was under way; ``repeat`` does it
                again whatever became of it; ``skip`` goes on behind it.

        Raises:
            NotFoundError: There is no such run.
            ConflictError: It goes on already, or it is done; or too many are run at once.
            RefusedError: An agent asks, and it is not its own.
        """
        view = await self.view(run_id)
        _check_own(caller, view.run)
        if view.run.state in {RunState.RUNNING, RunState.DONE}:
            raise ConflictError(
                f"the run {run_id} is {view.run.state.value}", hint="Its status tells more."
            )
        if view.run.state is RunState.UNDECIDED and decision is Decision.LOOK:
            raise ConflictError(
                f"the run {run_id} needs a decision: {view.run.reason}",
                hint="See whether it took effect; then resume with skip if it did, or repeat.",
                code="run_undecided",
            )
        playbook = await to_thread.run_sync(read_playbook, view.run.document)
        self._check_room()
        run = replace(view.run, state=RunState.RUNNING, reason="", caller=caller.agent or "")
        await self._save(run)
        self._begin(run, playbook, view.journal, decision)

    async def cancel(self, caller: Caller, run_id: RunId) -> None:
        """Stop a run where it is. What its steps have begun goes on: nothing is ended or undone.

        Raises:
            NotFoundError: There is no such run.
            ConflictError: It has come to an end.
            RefusedError: An agent asks, and it is not its own.
        """
        view = await self.view(run_id)
        _check_own(caller, view.run)
        live = self._live.get(run_id)
        if live is not None:
            live.cancelled = True
            live.scope.cancel()
            await live.ended.wait()
            return
        if view.run.state in {RunState.DONE, RunState.CANCELLED}:
            raise ConflictError(f"the run {run_id} is {view.run.state.value}", hint="Leave it.")
        await self._save(replace(view.run, state=RunState.CANCELLED, reason="cancelled"))

    async def view(self, run_id: RunId) -> RunView:
        """Return how a run stands.

        Raises:
            NotFoundError: There is no such run.
        """
        run, journal = await self._store.find(run_id)
        playbook = await to_thread.run_sync(read_playbook, run.document)
        live = self._live.get(run_id)
        return RunView(
            self._as_it_is(run), journal, len(playbook.steps), "" if live is None else live.now
        )

    async def runs(self) -> tuple[Run, ...]:
        """Return all runs, the newest first."""
        return tuple(self._as_it_is(run) for run in await self._store.list())

    async def wait(self, run_id: RunId, timeout_seconds: float) -> RunView:
        """Wait until a run stops, and return how it stands then, or when the time is over."""
        live = self._live.get(run_id)
        if live is not None:
            with anyio.move_on_after(timeout_seconds):
                await live.ended.wait()
        return await self.view(run_id)

    def now(self, run_id: RunId) -> str:
        """Return what a run does at the moment, in words."""
        live = self._live.get(run_id)
        return "" if live is None else live.now

    def _as_it_is(self, run: Run) -> Run:
        """Return a run with the state that a journal cannot know: its daemon has ended."""
        if run.state is RunState.RUNNING and run.run_id not in self._live:
            return replace(run, state=RunState.INTERRUPTED, reason="the daemon ended meanwhile")
        return run

    def _check_room(self) -> None:
        self._background.check()
        if len(self._live) >= MOST_AT_ONCE:
            raise ConflictError(
                f"{MOST_AT_ONCE} playbooks are run at once already",
                hint="Wait until one has ended, or cancel one.",
            )

    def _begin(
        self, run: Run, playbook: Playbook, journal: tuple[StepRecord, ...], decision: Decision
    ) -> None:
        if run.run_id in self._live:
            raise ConflictError(f"the run {run.run_id} goes on already", hint="See its status.")
        self._live[run.run_id] = _Live()
        self._background.start(self._drive, run, playbook, journal, decision)

    async def _drive(
        self, run: Run, playbook: Playbook, journal: tuple[StepRecord, ...], decision: Decision
    ) -> None:
        """Do the steps that are left; write down how it ended."""
        live = self._live[run.run_id]
        driver = live.driver = Driver(
            run, playbook, journal, self._steps, self._permits, self._save, self._clock
        )
        try:
            with live.scope:
                try:
                    await driver.go(decision)
                except ItermMcpError as error:  # the journal cannot be written
                    log.warning("playbook_stopped", run=run.run_id, reason=str(error))
                    return
            if live.cancelled:
                with anyio.move_on_after(SAVE_SECONDS):
                    await self._save(
                        replace(driver.run, state=RunState.CANCELLED, reason="cancelled")
                    )
        finally:
            del self._live[run.run_id]
            live.ended.set()

    async def _save(self, run: Run, *steps: StepRecord) -> Run:
        run = replace(run, updated_at=self._clock.now())
        await self._store.save(run, *steps)
        if self._listener is not None:
            self._listener(run, steps)
        return run


def _check_own(caller: Caller, run: Run) -> None:
    """Let people do what they like with runs, and agents with their own."""
    if caller.agent is not None and caller.agent != run.caller:
        raise RefusedError(
            f"the run {run.run_id} is not agent {caller.agent!r}'s own",
            hint="Who runs it resumes and cancels it, and so may a person.",
            code="not_own_run",
        )
