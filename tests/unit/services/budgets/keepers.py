"""A keeper of budgets, and all that it stands on."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.unit.laid_stores import lay_store
from tests.unit.services.budgets.spenders import NOON, Handler, Recorded, Someone, TellTale, Told

from iterm_mcp.models.ids import AgentName, TeamName
from iterm_mcp.services.alerts.book import Alerts
from iterm_mcp.services.budgets.budget_file import BudgetFile
from iterm_mcp.services.budgets.holds import BudgetHolds
from iterm_mcp.services.budgets.keeping import BudgetKeeper
from iterm_mcp.store import open_store
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.models.events import EventKind
    from iterm_mcp.store import Store

DAILY = """
time_zone = "UTC"
[budgets.daily]
period = "day"
dollars = 1
steps = { 50 = "warn", 100 = "pause" }
"""
DOLLAR = 10**9


class LooseClock(FakeClock):
    """A clock that somebody may set back: its monotonic time goes on all the same."""

    def set_back(self, seconds: float) -> None:
        self._start -= timedelta(seconds=seconds)


class Stage:
    """A keeper of budgets and all that it stands on; `again` is another daemon."""

    def __init__(self, folder: Path, store: Store, clock: LooseClock) -> None:
        self.path = folder / "budgets.toml"
        self.store, self.clock = store, clock
        self.events, self.agents = Told(), Someone()
        self.suspended: set[str] = set()
        self.again()

    def again(self) -> None:
        self.recorded, self.told, self.handler = Recorded(), TellTale(), Handler(self.suspended)
        self.holds = BudgetHolds()
        self.holds.doubt()
        self.alerts = Alerts(self.store.alerts, self.recorded, self.clock, self.told)
        self.keeper = BudgetKeeper(
            BudgetFile(str(self.path)),
            self.store.budgets,
            self.events,
            self.alerts,
            self.recorded,
            self.agents,
            self.holds,
            self.handler,
            self.clock,
        )

    async def count(self) -> None:
        """Have all that is kept counted."""
        self.events.close()
        await self.keeper.ledger.run()
        self.events.closed = False

    async def look(self) -> None:
        await self.count()
        await self.keeper.look()

    def why(self, agent: str = "ada", team: str = "dev", kind: str = "claude") -> str:
        """Return why something for an agent waits."""
        return self.holds.why(AgentName(agent), kind, (TeamName(team),))

    def kinds(self) -> list[EventKind]:
        return [one.kind for one in self.recorded.events]


@asynccontextmanager
async def staged(folder: Path, text: str = DAILY) -> AsyncIterator[Stage]:
    clock = LooseClock(NOON)
    async with open_store(await lay_store(folder / "state.db"), clock) as store:
        stage = Stage(folder, store, clock)
        stage.path.write_text(text)
        yield stage
