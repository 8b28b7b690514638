"""Compares what is spent with the budgets, and does what their steps say."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError, StoreError
from iterm_mcp.models.alerts import AlertKind, Finding, Severity
from iterm_mcp.models.budgets import Act, BudgetState, Period, Scope, Span
from iterm_mcp.models.ids import TeamName
from iterm_mcp.services.agents.team_tree import at_or_below
from iterm_mcp.services.budgets.acting import Enforcer
from iterm_mcp.services.budgets.crossings import (
    chosen,
    crossed_event,
    crossing_of,
    place_of,
    place_of_crossing,
    released_event,
    subject_of,
    with_hold,
)
from iterm_mcp.services.budgets.holds import Hold
from iterm_mcp.services.budgets.ledger import Ledger
from iterm_mcp.services.budgets.observing import SilentBudgetObserver, holds_agents, most_used
from iterm_mcp.services.budgets.periods import EPOCH, span_of
from iterm_mcp.services.budgets.reckoning import held, percent_of, reached, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.agents import Registry
    from iterm_mcp.models.alerts import Alert
    from iterm_mcp.models.budgets import Budget, Budgets, Spending, Step
    from iterm_mcp.services.alerts.book import Alerts
    from iterm_mcp.services.budgets.acting import Actor
    from iterm_mcp.services.budgets.budget_file import BudgetFile
    from iterm_mcp.services.budgets.crossings import Place
    from iterm_mcp.services.budgets.holds import BudgetHolds
    from iterm_mcp.services.budgets.ledger import KeptEvents
    from iterm_mcp.services.budgets.observing import BudgetObserver
    from iterm_mcp.services.events.intake import Registered
    from iterm_mcp.services.events.own_facts import Records
    from iterm_mcp.store.budgets import BudgetStore

log = structlog.get_logger()

EVERY_SECONDS = 30.0
"""How often budgets are looked at when nothing is spent: days end, and files change."""

LEAST_SECONDS = 0.5
"""Between two looks, however much is spent."""

RETRY_SECONDS = 2.0
"""After which budgets are looked at again that could not be compared."""

FIRST_LOOK_SECONDS = 2.0
"""How long a new daemon waits for that before it takes orders."""

CATCH_UP_SECONDS = 10.0
"""How long a new daemon counts what was spent before it looks at the budgets all the same."""

MOST_NAME = 100

ACTIVE = timedelta(days=1)
"""Of budgets that each conversation has for ever, those that spent something lately are shown."""


class BudgetKeeper:
    """Looks at the budgets whenever something was spent.

    Args:
        holds: Is told whom they hold.
        actor: Holds agents, lets them go, and ends them.
    """

    def __init__(
        self,
        file: BudgetFile,
        store: BudgetStore,
        events: KeptEvents,
        alerts: Alerts,
        recorder: Records,
        agents: Registered,
        holds: BudgetHolds,
        actor: Actor,
        clock: Clock,
        observer: BudgetObserver | None = None,
    ) -> None:
        self._observer = observer or SilentBudgetObserver()
        self._file = file
        self._store = store
        self._alerts = alerts
        self._recorder = recorder
        self._agents = agents
        self._holds = holds
        self._enforcer = Enforcer(store, actor, clock)
        self._clock = clock
        self._more = anyio.Event()
        self._looked = anyio.Event()
        self._turn = anyio.Lock()
        self._known: set[tuple[Place, int]] = set()
        self.ledger = Ledger(events, store, self._spent)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Count and compare for the length of the block.

        It begins when somebody has looked at the budgets, so that nobody is held in doubt who
        comes first; where there is much to be counted, it does not wait for that.
        """
        async with anyio.create_task_group() as group:
            group.start_soon(self.ledger.run)
            group.start_soon(self._run)
            with anyio.move_on_after(FIRST_LOOK_SECONDS):
                await self._looked.wait()
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

    async def release(self, name: str, of: str, by: str) -> tuple[BudgetState, ...]:
        """Let those go on whom a budget holds, until its next step or its next time.

        Args:
            of: Whose, where each has one; empty for all that are held by the budget.
            by: Who says so.

        Returns:
            How that budget stands then.

        Raises:
            InvalidRequestError: Nobody understands the file, or nobody says so.
            NotFoundError: There is no such budget, or none of it is spent.
            ConflictError: It holds nobody.
            StoreError: It cannot be kept.
        """
        if not 0 < len(by.strip()) <= MOST_NAME:
            raise InvalidRequestError(
                "nobody releases the budget", hint=f"Give a name of 1 to {MOST_NAME} characters."
            )
        found = chosen(await self.states(), name, of)
        if not found:
            whose = f"{name} of {of}" if of else name
            raise NotFoundError(
                "budget", whose, hint="`iterm-mcp budgets list` shows those of which any is spent."
            )
        holding = [one for one in found if one.holds is not None]
        if not holding:
            raise ConflictError(
                f"budget {name!r} holds nobody", hint="There is nothing to be released."
            )
        for one in holding:
            await self._release(one, by.strip())
        await self.look()
        return chosen(await self.states(), name, of)

    async def acknowledged(self, alert: Alert) -> None:
        """Let those go on whom a budget holds by the very step that somebody has seen.

        Raises:
            StoreError: It cannot be kept.
        """
        if alert.finding.kind is not AlertKind.BUDGET:
            return
        for one in await self._states(self._file.last):
            step = one.holds
            if step is not None and subject_of(place_of(one), step) == alert.finding.subject:
                await self._release(one, alert.acknowledged_by)
                await self.look()

    async def look(self) -> None:
        """Compare, and do what the steps that are reached say.

        Raises:
            StoreError: What was spent cannot be read, or a step not be noted.
        """
        async with self._turn:
            budgets = await self._budgets()
            if budgets is not None:
                await self._compare(budgets)

    async def _budgets(self) -> Budgets | None:
        """Return the budgets that hold: the last ones that were understood; None if none were.

        Then nobody knows who may spend what, and all are held: the last daemon may have had
        budgets that stood, and this one finds them only half edited.
        """
        try:
            budgets = await self._file.load()
        except InvalidRequestError as error:
            finding = Finding(AlertKind.BUDGET_FILE, "", Severity.WARNING, str(error))
            await self._alerts.raise_alert(finding)
            if not self._file.known:
                self._holds.doubt(f"{error}. {error.hint}")
                return None
            return self._file.last
        await self._alerts.settle(AlertKind.BUDGET_FILE, "")
        return budgets

    async def _compare(self, budgets: Budgets) -> None:
        subjects: set[str] = set()
        told_before = await self._alerts.open_subjects(AlertKind.BUDGET)
        spenders: dict[Hold, tuple[str, ...]] = {}
        registry = await self._agents.load()
        teams = {str(one.name): one.teams for one in registry.agents}
        states = await self._states(budgets)
        self._observer.budgets_compared(most_used(budgets.budgets, states))
        for state in states:
            for step in reached(state.budget, state.spent):
                subjects.add(await self._reach(state, step, told_before))
            if state.holds is not None:
                hold = await self._hold(state, state.holds, registry)
                names = await self._names(state.budget, state.part)
                found = await self._store.spenders(state.budget.scope, names, state.span)
                spenders[hold] = tuple(one for one in found if hold.covers(one, teams.get(one, ())))
        self._holds.put(tuple(spenders))
        await self._enforcer.enforce(spenders)
        for subject in await self._alerts.open_subjects(AlertKind.BUDGET) - subjects:
            await self._alerts.settle(AlertKind.BUDGET, subject)

    async def _hold(self, state: BudgetState, step: Step, registry: Registry) -> Hold:
        """Return whom a budget holds, which is reached up to a step."""
        scope, whose, why = state.budget.scope, state.whose, held(state, step)
        if scope is Scope.TEAM:
            names = await self._names(state.budget, state.part)
            return Hold(state, why, teams=frozenset(names))
        agents: frozenset[str] = frozenset()
        if scope is Scope.AGENT:
            agents = frozenset({whose})
        elif scope is Scope.CONVERSATION:
            agents = await self._store.last_in(whose)
        elif scope is Scope.SESSION:
            agents = frozenset(
                str(one.name) for one in registry.agents
                if str(one.session_id).upper() == whose.upper()
            )  # fmt: skip
        return Hold(state, why, agents)

    async def _release(self, state: BudgetState, by: str) -> None:
        step = state.holds
        if step is None:
            return
        now = self._clock.now()
        await self._store.release(crossing_of(state, step, now), by)
        self._recorder.record(released_event(state, step, by, now))

    def _spent(self) -> None:
        self._more.set()

    async def _run(self) -> None:
        try:
            await self._store.tidy(self._clock.now())
        except StoreError as error:
            log.warning("spending_not_tidied", reason=str(error))
        with anyio.move_on_after(CATCH_UP_SECONDS if await self._is_limited() else 0):
            await self.ledger.caught_up.wait()
        while True:
            self._more = anyio.Event()
            try:
                await self.look()
                seconds = await self._until_next()
            except (StoreError, InvalidRequestError) as error:
                log.warning("budgets_not_compared", reason=str(error))
                seconds = RETRY_SECONDS
            self._looked.set()
            await anyio.sleep(LEAST_SECONDS)
            with anyio.move_on_after(seconds):
                await self._more.wait()

    async def _is_limited(self) -> bool:
        """Tell whether there are budgets, or a file of which nobody knows."""
        try:
            return bool((await self._file.load()).budgets)
        except InvalidRequestError:
            return True

    async def _until_next(self) -> float:
        """Return when to look again though nothing is spent: soon, and when a time is over."""
        now, budgets = self._clock.now(), self._file.last
        ends = [span_of(one.period, now, budgets.zone).until for one in budgets.budgets]
        left = [(one - now).total_seconds() for one in ends if one is not None]
        return max(0.0, min([EVERY_SECONDS, *left]) - LEAST_SECONDS)

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
        oldest = min((one.span.since for one in found), default=now)
        crossed: dict[Place, list[int]] = {}
        for one in await self._store.crossings(oldest):
            crossed.setdefault(place_of_crossing(one), []).append(one.percent)
        released = {
            place_of_crossing(one): (one.percent, by)
            for one, by in await self._store.releases(oldest)
        }
        return tuple(
            with_hold(
                replace(one, crossed=tuple(sorted(crossed.get(place_of(one), ())))),
                *released.get(place_of(one), (0, "")),
            )
            for one in found
        )

    async def _parts(self, budget: Budget, span: Span) -> dict[str, Spending]:
        of = await self._names(budget)
        spent = await self._store.spent(budget.scope, of, span)
        if budget.period is Period.EVER and budget.scope is not Scope.ALL and not of:
            lately = Span(max(self._clock.now() - ACTIVE, EPOCH), None)
            active = await self._store.spent(budget.scope, (), lately)
            return {
                part: one
                for part, one in spent.items()
                if part in active or await self._may_hold(budget, part, one)
            }
        return spent

    async def _may_hold(self, budget: Budget, part: str, spent: Spending) -> bool:
        """Tell whether somebody is held who for that very reason has spent nothing lately."""
        if all(one.act is Act.WARN for one in reached(budget, spent)):
            return False
        return budget.scope is not Scope.CONVERSATION or bool(await self._store.last_in(part))

    async def _names(self, budget: Budget, part: str = "") -> tuple[str, ...]:
        """Return whose spending counts: with a team that is named, the teams below it."""
        name = budget.of or part
        if not name:
            return ()
        if budget.scope is Scope.TEAM and budget.of:
            return tuple(sorted(at_or_below(await self._agents.load(), [TeamName(name)])))
        return (name,)

    async def _reach(self, state: BudgetState, step: Step, told_before: frozenset[str]) -> str:
        """Note a step, and tell of it; return the subject of its alert.

        Args:
            told_before: The subjects of open alerts. A clock that was set back, or a limit, opens
                one again that was settled.
        """
        budget = state.budget
        now = self._clock.now()
        place = place_of(state)
        subject = subject_of(place, step)
        if (place, step.percent) in self._known and subject in told_before:
            return subject
        if await self._store.cross(crossing_of(state, step, now)) and holds_agents(step):
            self._observer.budget_paused()
        # A daemon that died before it told this tells it now: the key is the same.
        self._recorder.record(crossed_event(state, step, now))
        agent = state.whose if budget.scope is Scope.AGENT else ""
        team = state.whose if budget.scope is Scope.TEAM else ""
        severity = Severity.WARNING if step.percent < 100 else Severity.CRITICAL  # noqa: PLR2004
        if step.act is not Act.WARN:
            severity = Severity.CRITICAL
        await self._alerts.raise_alert(
            Finding(AlertKind.BUDGET, subject, severity, told(state, step), agent, team)
        )
        self._known.add((place, step.percent))
        return subject
