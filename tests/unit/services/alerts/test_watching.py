from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.unit.laid_stores import lay_store
from tests.unit.services.budgets.spenders import NOON, Recorded, Someone, TellTale

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.agents import Agent, Registry
from iterm_mcp.models.alerts import AlertId, AlertKind, Finding, Severity
from iterm_mcp.models.event_queries import EventStats
from iterm_mcp.models.events import Event, EventKind, EventNumber, Kept, Links
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.services.alerts.book import Alerts
from iterm_mcp.services.alerts.finding import AlertRules, disk_finding
from iterm_mcp.services.alerts.watching import AlertWatch
from iterm_mcp.store import open_store
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ADA = AgentName("ada")
NEW = Kept(1, 0, EventNumber(1))
STATS = EventStats((), 0, EventNumber(0), 0, 0, 0.0, 0.0, 0, 0, 0, 0.0, "", 0, 0, 0)


class Views:
    def __init__(self) -> None:
        self.views: dict[AgentName, StateView] = {}

    async def view(self, agent: AgentName) -> StateView:
        if agent not in self.views:
            raise NotFoundError("agent", agent)
        return self.views[agent]


class Letters:
    def __init__(self) -> None:
        self.letters: list[str] = []

    async def dead(self, agent: AgentName | None = None) -> list[str]:
        assert agent == ADA
        return self.letters


class Stage:
    def __init__(self, alerts: Alerts, told: TellTale, folder: str, clock: FakeClock) -> None:
        self.alerts, self.told, self.clock = alerts, told, clock
        self.agents, self.views, self.letters = Someone(), Views(), Letters()
        self.stats = STATS
        self.watch = AlertWatch(
            alerts, self.agents, self.views, self.letters, lambda: self.stats, folder, clock
        )
        agent = Agent(ADA, "claude", SessionId("S1"), (TeamName("dev"),), "", NOON)
        self.agents.registry = Registry((agent,), ())
        self.state(AgentState.READY)

    def state(self, state: AgentState) -> None:
        self.views.views[ADA] = StateView(ADA, 1, state, "so it is", self.clock.now())

    def tell(self, kind: EventKind, at: float = 0, text: str = "", **payload: str) -> None:
        event = Event(
            key="one", at=self.clock.now() + timedelta(seconds=at), kind=kind, source="test",
            subject=payload.get("stage", ""), text=text,
            links=Links(agent="ada", team="dev"), payload=payload,
        )  # fmt: skip
        self.watch.events_kept([event, replace(event, links=Links())], NEW)

    async def open(self) -> list[tuple[AlertKind, str]]:
        await self.watch.look()
        return [(one.finding.kind, one.finding.subject) for one in await self.alerts.listed()]


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    clock, told = FakeClock(NOON), TellTale()
    async with open_store(await lay_store(folder / "state.db"), clock) as store:
        yield Stage(Alerts(store.alerts, Recorded(), clock, told), told, str(folder), clock)


async def test_an_agent_that_waits_long_for_a_person_is_told(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.state(AgentState.WAITING_PERMISSION)
        stage.clock.advance(299)
        assert await stage.open() == []
        stage.clock.advance(1)
        assert await stage.open() == [(AlertKind.WAITING, "ada")]
        assert await stage.open() == [(AlertKind.WAITING, "ada")]
        (alert,) = stage.told.alerts
        assert (alert.finding.agent, alert.finding.team) == ("ada", "dev")
        assert "so it is" in alert.finding.text
        stage.state(AgentState.WORKING)
        assert await stage.open() == []


async def test_an_agent_that_works_in_silence_is_stuck(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.state(AgentState.WORKING)
        stage.clock.advance(899)
        assert await stage.open() == []
        stage.tell(EventKind.TOOL_STARTED)
        stage.clock.advance(899)
        assert await stage.open() == []
        stage.watch.events_kept([], Kept(0, 1, EventNumber(1)))
        stage.clock.advance(1)
        assert await stage.open() == [(AlertKind.STUCK, "ada")]
        stage.tell(EventKind.TOOL_ENDED)
        assert await stage.open() == []


async def test_crashes_and_failures_stand_until_it_goes_on(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.tell(EventKind.AGENT_CRASHED, text="signal 9")
        stage.tell(EventKind.TURN_FAILED, text="overloaded")
        assert await stage.open() == [(AlertKind.CRASHED, "ada"), (AlertKind.FAILED, "ada")]
        stage.tell(EventKind.TURN_ENDED)
        assert await stage.open() == [(AlertKind.CRASHED, "ada")]
        stage.state(AgentState.QUARANTINED)
        assert await stage.open() == [(AlertKind.CRASHED, "ada"), (AlertKind.QUARANTINED, "ada")]
        stage.tell(EventKind.AGENT_STARTED)
        stage.state(AgentState.STARTING)
        assert await stage.open() == []


async def test_what_happened_long_ago_is_no_news(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.tell(EventKind.AGENT_CRASHED, at=-3600)
        assert await stage.open() == []


async def test_messages_that_did_not_arrive_are_told_until_they_are_dealt_with(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as stage:
        stage.letters.letters = ["refused"]
        stage.tell(EventKind.MESSAGE_MOVED, stage="written")
        assert await stage.open() == []
        stage.tell(EventKind.MESSAGE_MOVED, text="it was locked", stage="refused")
        assert await stage.open() == [(AlertKind.DEAD_LETTER, "ada")]
        stage.letters.letters = []
        assert await stage.open() == []


async def test_alerts_about_agents_that_are_gone_are_over(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.tell(EventKind.AGENT_CRASHED)
        assert await stage.open()
        del stage.views.views[ADA]
        assert await stage.open()
        stage.agents.registry = Registry((), ())
        assert await stage.open() == []


async def test_events_that_are_not_kept_or_late_are_told(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.stats = replace(STATS, lag_seconds=30.0)
        assert await stage.open() == [(AlertKind.INTAKE, "events")]
        stage.stats = replace(STATS, problem="the disk is full")
        await stage.open()
        assert [one.finding.severity for one in stage.told.alerts] == [
            Severity.WARNING,
            Severity.CRITICAL,
        ]
        stage.stats = STATS
        assert await stage.open() == []


async def test_a_disk_that_is_nearly_full_is_told(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.watch.rules = AlertRules(least_free_bytes=2**62)
        assert await stage.open() == [(AlertKind.DISK, str(tmp_path))]
    assert disk_finding(500_000_000, "/", AlertRules()) is None


async def test_alerts_are_acknowledged_by_somebody(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.alerts.settle(AlertKind.TEST, "nothing")
        await stage.alerts.raise_alert(Finding(AlertKind.TEST, "x", Severity.INFO, "a test"))
        (alert,) = await stage.alerts.listed()
        assert (await stage.alerts.acknowledge(alert.alert_id, " me ")).acknowledged_by == "me"
        with pytest.raises(NotFoundError, match="99"):
            await stage.alerts.acknowledge(AlertId(99), "me")
        with pytest.raises(InvalidRequestError, match="nobody"):
            await stage.alerts.acknowledge(alert.alert_id, " ")


async def test_it_looks_while_it_runs(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.tell(EventKind.AGENT_CRASHED)
        with anyio.fail_after(20):
            async with stage.watch.running():
                await stage.told.news.wait()
        assert [one.finding.kind for one in stage.told.alerts] == [AlertKind.CRASHED]
