"""Compares what is spent with the budgets, and does what their steps say."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

from iterm_mcp.errors import InvalidRequestError, ItermMcpError, StoreError, TerminalError
from iterm_mcp.models.alerts import AlertKind, Finding, Severity
from iterm_mcp.models.budgets import Act, BudgetState, Crossing, Period, Scope, Span, Step
from iterm_mcp.models.events import Event, EventKind, Links, event_key
from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.services.agents.team_tree import at_or_below
from iterm_mcp.services.budgets.ledger import Ledger
from iterm_mcp.services.budgets.periods import EPOCH, span_of
from iterm_mcp.services.budgets.reckoning import percent_of, reached, told
from iterm_mcp.services.events.own_events import SOURCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.budgets import Budget, Budgets, Spending
    from iterm_mcp.services.alerts.book import Alerts
    from iterm_mcp.services.budgets.budget_file import BudgetFile
    from iterm_mcp.services.budgets.ledger import KeptEvents
    from iterm_mcp.services.events.intake import Registered
    from iterm_mcp.services.events.own_facts import Records
    from iterm_mcp.store.budgets import BudgetStore

log = structlog.get_logger()

EVERY_SECONDS = 30.0
"""How often budgets are looked at when nothing is spent: days end, and files change."""

LEAST_SECONDS = 0.5
"""Between two looks, however much is spent."""

ACTIVE = timedelta(days=1)
"""Of budgets that each conversation has for ever, those that spent something lately are shown."""


_Place = tuple[str, str, str, str, int]


class Actor(Protocol):
    """Holds agents, and ends them."""

    async def suspend(self, agent: AgentName) -> None:
        """Have an agent stand still."""

    async def stop(self, agent: AgentName, *, reason: str) -> object:
        """End an agent."""


class BudgetKeeper:
    """Looks at the budgets whenever something was spent."""

    def __init__(
        self,
        file: BudgetFile,
        store: BudgetStore,
        events: KeptEvents,
        alerts: Alerts,
        recorder: Records,
        agents: Registered,
        actor: Actor,
        clock: Clock,
    ) -> None:
        self._file = file
        self._store = store
        self._alerts = alerts
        self._recorder = recorder
        self._agents = agents
        self._actor = actor
        self._clock = clock
        self._more = anyio.Event()
        self._known: set[_Place] = set()
        self.ledger = Ledger(events, store, self._spent)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Count and compare for the length of the block."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.ledger.run)
            group.start_soon(self._run)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    async def states(self) -> tuple[BudgetState, ...]:
        """Return how the budgets stand, those of each part by what is spent, most first.

        Raises:
            InvalidRequestError: Nobody understands the file of budgets.
            StoreError: What was spent cannot be read.
        """
        return await self._states(await self._file.load())

    async def look(self) -> None:
        """Compare, and do what the steps that are reached say, each once.

        Raises:
            StoreError: What was spent cannot be read, or a step not be noted.
        """
        try:
            budgets = await self._file.load()
            await self._alerts.settle(AlertKind.BUDGET_FILE, "")
        except InvalidRequestError as error:
            budgets = self._file.last
            finding = Finding(AlertKind.BUDGET_FILE, "", Severity.WARNING, str(error))
            await self._alerts.raise_alert(finding)
        subjects = set()
        for state in await self._states(budgets):
            steps = reached(state.budget, state.spent)
            for step in steps:
                subjects.add(await self._reach(state, step))
            holding = [one for one in steps if one.act is not Act.WARN]
            if holding:
                await self._act(state, holding[-1])
        for subject in await self._alerts.open_subjects(AlertKind.BUDGET) - subjects:
            await self._alerts.settle(AlertKind.BUDGET, subject)

    def _spent(self) -> None:
        self._more.set()

    async def _run(self) -> None:
        try:
            await self._store.tidy(self._clock.now())
        except StoreError as error:
            log.warning("spending_not_tidied", reason=str(error))
        while True:
            self._more = anyio.Event()
            try:
                await self.look()
            except StoreError as error:
                log.warning("budgets_not_compared", reason=str(error))
            await anyio.sleep(LEAST_SECONDS)
            with anyio.move_on_after(EVERY_SECONDS):
                await self._more.wait()

    async def _states(self, budgets: Budgets) -> tuple[BudgetState, ...]:
        now, zone = self._clock.now(), budgets.zone
        found: list[BudgetState] = []
        for budget in budgets.budgets:
            span = span_of(budget.period, now, zone)
            parts = await self._parts(budget, span)
            found += sorted(
                (
                    BudgetState(budget, part, span, spent, percent_of(budget, spent))
                    for part, spent in parts.items()
                ),
                key=lambda one: (-one.percent, one.part),
            )
        crossings: dict[tuple[str, str, str, str], list[int]] = {}
        oldest = min((one.span.since for one in found), default=now)
        for one in await self._store.crossings(oldest):
            place = (one.budget, one.part, one.since.isoformat(), one.limits)
            crossings.setdefault(place, []).append(one.percent)
        return tuple(
            replace(one, crossed=tuple(sorted(crossings.get(_place(one), ())))) for one in found
        )

    async def _parts(self, budget: Budget, span: Span) -> dict[str, Spending]:
        of = await self._names(budget)
        spent = await self._store.spent(budget.scope, of, span)
        if budget.period is Period.EVER and budget.scope is not Scope.ALL and not of:
            lately = Span(max(self._clock.now() - ACTIVE, EPOCH), None)
            active = await self._store.spent(budget.scope, (), lately)
            return {part: one for part, one in spent.items() if part in active}
        return spent

    async def _names(self, budget: Budget, part: str = "") -> tuple[str, ...]:
        """Return whose spending counts: with a team that is named, the teams below it."""
        name = budget.of or part
        if not name:
            return ()
        if budget.scope is Scope.TEAM and budget.of:
            return tuple(sorted(at_or_below(await self._agents.load(), [TeamName(name)])))
        return (name,)

    async def _reach(self, state: BudgetState, step: Step) -> str:
        """Note a step, and tell of it; return the subject of its alert."""
        budget = state.budget
        now, since = self._clock.now(), state.span.since
        place = (*_place(state), step.percent)
        subject = "/".join((*place[:2], f"{step.percent}%", since.date().isoformat()))
        if place in self._known:
            return subject
        await self._store.cross(_crossing(state, step, now))
        # A daemon that died before it told this tells it now: the key is the same.
        self._recorder.record(_event(state, step, place, self._clock))
        agent = (state.part or budget.of) if budget.scope is Scope.AGENT else ""
        team = (state.part or budget.of) if budget.scope is Scope.TEAM else ""
        severity = Severity.WARNING if step.percent < 100 else Severity.CRITICAL  # noqa: PLR2004
        if step.act is not Act.WARN:
            severity = Severity.CRITICAL
        await self._alerts.raise_alert(
            Finding(AlertKind.BUDGET, subject, severity, told(state, step), agent, team)
        )
        self._known.add(place)
        return subject

    async def _act(self, state: BudgetState, step: Step) -> None:
        """Hold or end every agent that spends beyond a step, each once."""
        budget = state.budget
        crossing = _crossing(state, step, self._clock.now())
        names = await self._names(budget, state.part)
        spenders = await self._store.spenders(budget.scope, names, state.span)
        due = [name for name in spenders if name not in await self._store.acted(crossing)]
        async with anyio.create_task_group() as group:
            for name in due:
                group.start_soon(self._act_on, name, state, step, crossing)

    async def _act_on(self, name: str, state: BudgetState, step: Step, crossing: Crossing) -> None:
        try:
            if step.act is Act.PAUSE:
                await self._actor.suspend(AgentName(name))
            else:
                reason = f"budget {state.budget.name} is spent to {step.percent}%"
                await self._actor.stop(AgentName(name), reason=reason)
        except (TerminalError, StoreError) as error:
            log.warning("budget_not_enforced", agent=name, reason=str(error))
            return  # with the next look
        except ItermMcpError as error:  # it is not ours, or does not run
            log.info("budget_not_enforceable", agent=name, reason=str(error))
        await self._store.note_act(crossing, name)


def _place(state: BudgetState) -> tuple[str, str, str, str]:
    budget = state.budget
    return budget.name, state.part, state.span.since.isoformat(), budget.limits


def _crossing(state: BudgetState, step: Step, now: datetime) -> Crossing:
    budget = state.budget
    return Crossing(budget.name, state.part, state.span.since, budget.limits, step.percent, now)


def _event(state: BudgetState, step: Step, place: _Place, clock: Clock) -> Event:
    budget, spent = state.budget, state.spent
    scope, whose = budget.scope, state.part or budget.of
    return Event(
        key=event_key("own", EventKind.BUDGET_CROSSED, *place[:4], str(step.percent)),
        at=clock.now(),
        kind=EventKind.BUDGET_CROSSED,
        source=SOURCE,
        subject=f"{budget.name} {step.percent}%",
        text=told(state, step),
        links=Links(
            agent=whose if scope is Scope.AGENT else "",
            team=whose if scope is Scope.TEAM else "",
            conversation=whose if scope is Scope.CONVERSATION else "",
            session=whose if scope is Scope.SESSION else "",
        ),
        payload={
            "budget": budget.name,
            "part": state.part,
            "percent": step.percent,
            "act": step.act.value,
            "nanodollars": spent.nanodollars,
            "tokens": spent.tokens,
            "unpriced_tokens": spent.unpriced_tokens,
        },
    )
