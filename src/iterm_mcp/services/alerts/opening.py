"""Budgets and alerts, opened once."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.alerts.answers import alert_answer, budget_answer
from iterm_mcp.services.alerts.book import Alerts
from iterm_mcp.services.alerts.notifying import Notifier, channels_over
from iterm_mcp.services.alerts.pushed import PushedAlerts
from iterm_mcp.services.alerts.watching import AlertWatch
from iterm_mcp.services.budgets.budget_file import BudgetFile
from iterm_mcp.services.budgets.keeping import BudgetKeeper

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.alerts import Alert, AlertId
    from iterm_mcp.paths import Paths
    from iterm_mcp.services.alerts.desktop import Screens
    from iterm_mcp.services.alerts.observing import AlertObserver
    from iterm_mcp.services.alerts.watching import Dead, Viewed
    from iterm_mcp.services.budgets.acting import Actor
    from iterm_mcp.services.budgets.holds import BudgetHolds
    from iterm_mcp.services.budgets.observing import BudgetObserver
    from iterm_mcp.services.events.opening import Events
    from iterm_mcp.store import Store


@dataclass(frozen=True, slots=True)
class Attention:
    """What a person should know of.

    Attributes:
        pushed: Takes what an Alertmanager tells.
    """

    budgets: BudgetKeeper
    alerts: Alerts
    watch: AlertWatch
    notifier: Notifier
    pushed: PushedAlerts

    async def acknowledge(self, alert_id: AlertId, by: str) -> Alert:
        """Note that somebody has seen an alert; agents that a budget holds by it may go on.

        Raises:
            InvalidRequestError: The name is none.
            NotFoundError: There is no such alert.
            StoreError: It cannot be kept.
        """
        alert = await self.alerts.acknowledge(alert_id, by)
        await self.budgets.acknowledged(alert)
        return alert


async def attention_answer(attention: Attention, settled: int) -> dict[str, Any]:
    """Return open alerts, the last settled ones behind them, and the budgets, as JSON.

    Raises:
        StoreError: They cannot be read.
    """
    listed = await attention.alerts.listed(settled)
    answer: dict[str, Any] = {"alerts": [alert_answer(one) for one in listed]}
    try:
        answer["budgets"] = [budget_answer(one) for one in await attention.budgets.states()]
    except InvalidRequestError as error:
        answer["budgets_problem"] = f"{error}. {error.hint}"
    return answer


@asynccontextmanager
async def open_attention(
    store: Store,
    events: Events,
    states: Viewed,
    dead: Dead,
    holds: BudgetHolds,
    actor: Actor,
    clock: Clock,
    paths: Paths,
    screens: Screens,
    alert_observer: AlertObserver | None = None,
    budget_observer: BudgetObserver | None = None,
) -> AsyncIterator[Attention]:
    """Keep budgets, look for what is wrong, and tell people, for the length of the block.

    Args:
        holds: Told whom budgets hold.
        actor: Holds and ends agents that spend too much.
        screens: Where a person may be looking.
        alert_observer, budget_observer: Count what is told of.
    """
    notifier = Notifier(paths.alerts, clock, channels_over(screens), alert_observer)
    alerts = Alerts(store.alerts, events.recorder, clock, notifier.tell, observer=alert_observer)
    budgets = BudgetKeeper(
        BudgetFile(paths.budgets), store.budgets, events.store, alerts, events.recorder,
        store.agents, holds, actor, clock, budget_observer,
    )  # fmt: skip
    watch = AlertWatch(alerts, store.agents, states, dead, events.store.stats, paths.events, clock)
    notifier.apply = watch.use
    events.observers.add(watch)
    pushed = PushedAlerts(alerts, clock)
    async with notifier.running(), budgets.running(), watch.running(), pushed.running():
        yield Attention(budgets, alerts, watch, notifier, pushed)
