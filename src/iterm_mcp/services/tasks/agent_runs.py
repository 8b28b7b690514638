"""Agents of attempts: started once, told once, watched, answered and ended."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.errors import (
    AgentError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    StoreError,
    TerminalUnavailableError,
)
from iterm_mcp.models.agent_lives import Phase
from iterm_mcp.models.agent_states import NEEDS_PERSON, AgentState
from iterm_mcp.models.deliveries import DeliveryId, Stage
from iterm_mcp.models.ids import TeamName
from iterm_mcp.models.observations import ObservationSource
from iterm_mcp.models.task_limits import NO_LIMITS
from iterm_mcp.services.agents.placing import Place as PanePlace
from iterm_mcp.services.agents.templates import PREFIX
from iterm_mcp.services.deliveries.service import LONGEST_LIFETIME_SECONDS, Urgency
from iterm_mcp.services.deliveries.service import Order as Message
from iterm_mcp.services.tasks.judging import Known, judge, last_turn
from iterm_mcp.services.tasks.prompts import ATTEMPT, GO_ON, agent_name, environment, told
from iterm_mcp.tasks.work import Running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agent_lives import AgentOrder, Life
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.models.ids import AgentName
    from iterm_mcp.models.observations import Observation
    from iterm_mcp.services.agents.life_files import LifeFiles
    from iterm_mcp.services.agents.lifecycle import Lifecycle
    from iterm_mcp.services.agents.service import AgentService
    from iterm_mcp.services.approvals.service import ApprovalService
    from iterm_mcp.services.deliveries.service import DeliveryService
    from iterm_mcp.services.states.asking import Observed, StateChanges, States
    from iterm_mcp.services.tasks.folders import AttemptFolders
    from iterm_mcp.services.tasks.supervising import Sight
    from iterm_mcp.tasks.work import Order, Place

STANDS_SECONDS = 45.0
"""How long an agent may take to stand, whoever started it."""

START_TRIES = 4
START_AGAIN_SECONDS = 2.0

TAKEN_SECONDS = 10.0
"""How long it may take until an answer shows."""

LONGEST_WAIT_SECONDS = 3600.0

ANSWERER = "person"
"""Who answers, as approvals have it."""

YES = frozenset({"y", "yes", "ok", "allow", "true"})
NO = frozenset({"n", "no", "deny", "false"})


class AgentRuns:
    """Begins, watches and ends the agents of attempts.

    Args:
        files: The folders of all agents' keepers.
        stands_seconds: How long an agent may take to stand, whoever started it.
    """

    def __init__(
        self,
        lives: Lifecycle,
        agents: AgentService,
        states: States,
        deliveries: DeliveryService,
        approvals: ApprovalService,
        files: LifeFiles,
        folders: AttemptFolders,
        clock: Clock,
        *,
        stands_seconds: float = STANDS_SECONDS,
    ) -> None:
        self._lives = lives
        self._agents = agents
        self._states = states
        self._deliveries = deliveries
        self._approvals = approvals
        self._files = files
        self._folders = folders
        self._clock = clock
        self._stands_seconds = stands_seconds

    async def begin(self, order: Order, place: Place) -> Running:
        """Start an attempt's agent and tell it what to do; what was done before is not done again.

        Raises:
            ItermMcpError: It could not be started, or not be told.
        """
        name = agent_name(order)
        life = await self._lives.book.find(name)
        if life is None:
            await self._start_surely(order, place, name)
        elif life.order.environment.get(ATTEMPT) != order.attempt_id:
            raise ConflictError(f"somebody else has an agent {name!r}", hint="End that one.")
        life = await self._standing(name)
        delivery = await self._tell(order, name)
        return Running(str(life.session_id or ""), str(name), str(delivery.delivery_id))

    async def _start_surely(self, order: Order, place: Place, name: AgentName) -> None:
        """Start it; and again where the terminal went away meanwhile and nothing is left of it."""
        for _ in range(START_TRIES - 1):
            try:
                await self._start(order, place, name)
            except TerminalUnavailableError:
                if await self._lives.book.find(name) is not None:
                    raise
                await anyio.sleep(START_AGAIN_SECONDS)
            else:
                return
        await self._start(order, place, name)

    async def _start(self, order: Order, place: Place, name: AgentName) -> None:
        wanted = await self.drawn_up(order, place)
        with suppress(ConflictError):
            await self._lives.starter.start(wanted, name=name, place=PanePlace(behind=True))
            return
        # A name that is unlike any other was reserved, and its reserver killed.
        if await self._lives.book.find(name) is None:
            await self._files.remove(name)
        await self._lives.starter.start(wanted, name=name, place=PanePlace(behind=True))

    async def drawn_up(self, order: Order, place: Place) -> AgentOrder:
        """Return what an attempt's agent is started with.

        Raises:
            NotFoundError, InvalidRequestError: There is no such template, or it cannot be used.
        """
        spec = order.spec
        base, _ = await self._lives.templates.order(
            f"{PREFIX}{spec.template}" if spec.template else spec.kind
        )
        team = (TeamName(spec.team),) if spec.team and spec.team not in base.teams else ()
        marks = environment(order, self._folders.of(order.attempt_id))
        return replace(
            base,
            kind=base.kind if spec.template else spec.kind,
            directory=place.directory,
            prompt="",
            resume_prompt=base.resume_prompt or GO_ON,
            teams=(*base.teams, *team),
            environment={**base.environment, **marks},
            resources=base.resources if spec.limits == NO_LIMITS else spec.limits,
            template=spec.template,
        )

    async def _standing(self, name: AgentName) -> Life:
        """Wait until an agent is registered and its program started, or why it is not is known."""
        with anyio.move_on_after(self._stands_seconds):
            while True:
                life = await self._lives.book.find(name)
                if life is None or life.phase in {Phase.ENDED, Phase.QUARANTINED}:
                    why = "it is gone" if life is None else life.reason
                    raise AgentError(f"agent {name!r} did not come up: {why}")
                if life.session_id is not None and life.phase is not Phase.CREATING:
                    return life
                await self._lives.book.changed()
        raise AgentError(
            f"agent {name!r} did not come up in {self._stands_seconds:g} s",
            hint="explain_agent says what it waits for.",
        )

    async def _tell(self, order: Order, name: AgentName) -> Delivery:
        agent = await self._agents.find_agent(name)
        left = (order.deadline - self._clock.now()).total_seconds()
        urgency = Urgency(lifetime_seconds=min(max(left, 1.0), LONGEST_LIFETIME_SECONDS))
        text = told(order, self._folders.of(order.attempt_id))
        message = Message(agent, text, urgency, key=f"task {order.attempt_id}", sender="task")
        (kept,) = await self._deliveries.accept([self._deliveries.draw_up(message)])
        return kept

    @asynccontextmanager
    async def watching(self, order: Order, running: Running) -> AsyncIterator[AgentWatch]:
        """Watch an attempt's agent for the length of the block."""
        name = agent_name(order)
        async with (
            self._states.watch() as changes,
            self._states.watch_observations(name) as observed,
            anyio.create_task_group() as group,
        ):
            watch = AgentWatch(self, order, running)
            group.start_soon(watch.follow_states, changes)
            group.start_soon(watch.follow_observations, observed)
            group.start_soon(watch.follow_delivery)
            group.start_soon(watch.follow_lives)
            try:
                yield watch
            finally:
                group.cancel_scope.cancel()

    async def known(self, order: Order, running: Running) -> Known:
        """Return what is known of an attempt's agent."""
        name, message = agent_name(order), DeliveryId(running.started)
        view = None
        with suppress(NotFoundError):
            view = await self._states.view(name)
        result = await to_thread.run_sync(self._folders.of(order.attempt_id).result.exists)
        delivery = (await self._deliveries.find([message])).get(message)
        return Known(
            await self._lives.book.find(name),
            view,
            delivery,
            approval=next(iter(self._approvals.book.standing(name)), None),
            turn=await self._last_turn(view, delivery),
            result=result,
        )

    async def _last_turn(self, view: StateView | None, delivery: Delivery | None) -> str:
        """Return how the last turn ended, once what was told has come to its end."""
        if view is None or delivery is None or delivery.stage is not Stage.ENDED:
            return ""
        seen: list[Observation] = []
        while page := await self._states.observations(
            view.agent, after=seen[-1].number if seen else 0
        ):
            seen += page
        return last_turn(seen, view.epoch)

    def now(self) -> datetime:
        """Return what time it is."""
        return self._clock.now()

    def judged(self, known: Known) -> Sight:
        """Return how a run stands of which this is known."""
        return judge(known, self._clock.now())

    async def delivered(self, running: Running) -> None:
        """Wait until what an agent was told has come to its end."""
        message = DeliveryId(running.started)
        with suppress(NotFoundError, StoreError):  # then it is looked at now and then
            await self._deliveries.wait([message], Stage.ENDED, LONGEST_WAIT_SECONDS, every=True)

    async def changed(self) -> None:
        """Wait until something is done with some agent."""
        await self._lives.book.changed()

    async def answer(self, order: Order, text: str) -> None:
        """Give an agent a person's answer: to what it asks, to a gate, or as a message.

        Raises:
            ItermMcpError: It did not take it.
        """
        name = agent_name(order)
        standing = self._approvals.book.standing(name)
        asked = await self._states.look(name)
        if standing:
            await self._approvals.answer(standing[0].approval_id, choice_of(text), by=ANSWERER)
            await self._taken(asked)
            return
        if asked.state is AgentState.GATE:
            life = await self._lives.book.get(name)
            strokes = find_kind(life.order.kind).answer(asked.details, choice_of(text))
            await self._lives.ender.type(life, strokes)
            await self._taken(asked)
            return
        if not text.strip():
            raise InvalidRequestError("an empty answer says nothing", hint="Say something.")
        agent = await self._agents.find_agent(name)
        await self._deliveries.accept(
            [self._deliveries.draw_up(Message(agent, text, sender=ANSWERER))]
        )

    async def _taken(self, asked: StateView) -> None:
        """Wait until an agent does not show any more what was answered, for a while."""
        await self._states.wait_for(
            asked.agent,
            lambda now: (now.state, now.since) != (asked.state, asked.since),
            TAKEN_SECONDS,
        )

    async def end(self, order: Order) -> None:
        """End an attempt's agent and give its name free. May be asked for again."""
        name = agent_name(order)
        life = await self._lives.book.find(name)
        if life is None or life.order.environment.get(ATTEMPT) != order.attempt_id:
            return
        with suppress(NotFoundError):
            await self._lives.ender.stop(name, forget=True, reason="its task is over")


class AgentWatch:
    """Tells how an agent's run stands, and when that may have changed."""

    def __init__(self, runs: AgentRuns, order: Order, running: Running) -> None:
        self._runs = runs
        self._order = order
        self._running = running
        self._name = agent_name(order)
        self._stirred = anyio.Event()
        self._heard_at: datetime | None = None
        self._asks_since: datetime | None = None

    async def look(self) -> Sight:
        """Return how it stands."""
        self._stirred = anyio.Event()
        known = await self._runs.known(self._order, self._running)
        asks = known.view is not None and known.view.state in NEEDS_PERSON
        self._asks_since = (self._asks_since or self._runs.now()) if asks else None
        return self._runs.judged(
            replace(known, asks_since=self._asks_since, heard_at=self._heard_at)
        )

    async def stirred(self) -> None:
        """Wait until something was told of it since the last look began."""
        await self._stirred.wait()

    async def follow_states(self, changes: StateChanges) -> None:
        """Ring at every change of its state."""
        while True:
            view = await changes.next()
            if view.agent == self._name:
                self._stirred.set()

    async def follow_observations(self, observed: Observed) -> None:
        """Note what comes from itself."""
        while True:
            one = await observed.next()
            if one.sighting.source is not ObservationSource.PROCESS:
                self._heard_at = one.at

    async def follow_delivery(self) -> None:
        """Ring when what it was told has come to its end."""
        await self._runs.delivered(self._running)
        self._stirred.set()

    async def follow_lives(self) -> None:
        """Ring when something is done with it."""
        while True:
            await self._runs.changed()
            self._stirred.set()


def choice_of(text: str) -> str:
    """Return what a person's answer means to a dialog; an option's text is taken as it is."""
    word = text.strip()
    if word.lower() in YES:
        return "allow"
    return "deny" if word.lower() in NO else word
