from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import anyio
import anyio.lowlevel
import pytest
from tests.unit.laid_stores import lay_store
from tests.unit.services.budgets.spenders import NOON, Recorded, TellTale

from iterm_mcp.errors import StoreError
from iterm_mcp.models.alerts import AlertKind, PushedAlert, Severity
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.alerts import pushed
from iterm_mcp.services.alerts.book import Alerts
from iterm_mcp.services.alerts.pushed import (
    MOST_KNOWN,
    MOST_TEXT,
    SILENT_HOURS,
    PushedAlerts,
    Taken,
)
from iterm_mcp.store import open_store
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FIRES = PushedAlert(
    "f1",
    {"alertname": "ItermMcpEventsTroubled", "severity": "critical"},
    {
        "summary": "Events are not kept.",
        "description": "The disk is full.",
        "runbook_url": "docs/runbooks/events.md",
    },
    NOON,
    fires=True,
)
OVER = replace(FIRES, fires=False)
LATER = NOON + timedelta(minutes=5)


class Stage:
    def __init__(
        self, alerts: Alerts, told: TellTale, recorded: Recorded, clock: FakeClock
    ) -> None:
        self.alerts, self.told, self.recorded, self.clock = alerts, told, recorded, clock
        self.pushed = PushedAlerts(alerts, clock)


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    clock, told, recorded = FakeClock(NOON), TellTale(), Recorded()
    async with open_store(await lay_store(folder / "db"), clock) as store:
        yield Stage(Alerts(store.alerts, recorded, clock, told), told, recorded, clock)


async def test_what_fires_is_raised_told_and_recorded_once(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for _ in range(3):
            assert await stage.pushed.take([FIRES]) == Taken(raised=1)
        (alert,) = await stage.alerts.listed()
        assert alert.finding.kind is AlertKind.MONITOR
        assert alert.finding.subject == "ItermMcpEventsTroubled f1"
        assert alert.finding.severity is Severity.CRITICAL
        assert alert.finding.text == (
            "Events are not kept. The disk is full (docs/runbooks/events.md)"
        )
        assert [one.alert_id for one in stage.told.alerts] == [alert.alert_id]
        assert [one.kind for one in stage.recorded.events] == [EventKind.ALERT_RAISED]


async def test_what_is_over_is_settled_and_fires_again_as_another(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.pushed.take([FIRES])
        assert await stage.pushed.take([OVER]) == Taken(settled=1)
        assert await stage.alerts.listed() == ()
        again = replace(FIRES, starts_at=LATER)
        assert await stage.pushed.take([again]) == Taken(raised=1)
        assert len(await stage.alerts.listed()) == 1
        # What was on its way meanwhile is of the first time, and changes nothing.
        assert await stage.pushed.take([OVER, FIRES]) == Taken(outdated=2)
        assert len(await stage.alerts.listed()) == 1


async def test_the_end_of_what_nobody_told_of_is_no_matter(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        assert await stage.pushed.take([OVER]) == Taken(settled=1)
        assert await stage.alerts.listed(10) == ()


async def test_two_alerts_of_one_rule_are_two(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.pushed.take([FIRES, replace(FIRES, fingerprint="f2")])
        await stage.pushed.take([OVER])
        (left,) = await stage.alerts.listed()
        assert left.finding.subject == "ItermMcpEventsTroubled f2"


async def test_what_the_daemon_tells_itself_is_kept_and_not_told_twice(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        known = replace(FIRES, labels={**FIRES.labels, "told": "daemon"})
        assert await stage.pushed.take([known]) == Taken(raised=1)
        assert len(await stage.alerts.listed()) == len(stage.recorded.events) == 1
        assert stage.told.alerts == []


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("page", Severity.CRITICAL),
        ("Critical", Severity.CRITICAL),
        ("warning", Severity.WARNING),
        ("ticket", Severity.WARNING),
        ("", Severity.WARNING),
        ("info", Severity.INFO),
    ],
)
async def test_severities_of_others_are_understood(
    tmp_path: Path, word: str, severity: Severity
) -> None:
    async with staged(tmp_path) as stage:
        await stage.pushed.take([replace(FIRES, labels={"severity": word})])
        (alert,) = await stage.alerts.listed()
        assert alert.finding.severity is severity
        assert alert.finding.subject == "alert f1"


async def test_a_rule_without_words_is_told_by_its_labels(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.pushed.take([replace(FIRES, annotations={})])
        (alert,) = await stage.alerts.listed()
        assert alert.finding.text == "alertname=ItermMcpEventsTroubled, severity=critical"


async def test_words_from_outside_are_cut_and_cleaned(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        words = {"summary": "a\x1b[31m\n\u202eb", "description": "x" * 9999}
        labels = {"alertname": "Name\n" + "y" * 999}
        await stage.pushed.take([replace(FIRES, labels=labels, annotations=words)])
        (alert,) = await stage.alerts.listed()
        assert alert.finding.text.startswith("a [31m b. xxx")
        assert len(alert.finding.text) == MOST_TEXT
        assert alert.finding.subject == f"Name {'y' * 95} f1"


async def test_what_is_told_no_more_is_settled(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.pushed.take([FIRES])
        stage.clock.advance(3600 * (SILENT_HOURS - 1))
        await stage.pushed.look()
        await stage.pushed.take([FIRES])
        stage.clock.advance(3600 * (SILENT_HOURS - 1))
        await stage.pushed.look()
        assert len(await stage.alerts.listed()) == 1
        stage.clock.advance(3600)
        await stage.pushed.look()
        assert await stage.alerts.listed() == ()


async def test_after_a_restart_what_is_told_no_more_is_settled_in_time(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.pushed.take([FIRES])
        stage.clock.advance(3600 * (SILENT_HOURS - 1))
        later = PushedAlerts(stage.alerts, stage.clock)
        stage.clock.advance(3600 * (SILENT_HOURS - 1))
        await later.look()
        assert len(await stage.alerts.listed()) == 1
        stage.clock.advance(3600)
        await later.look()
        assert await stage.alerts.listed() == ()


async def test_only_so_many_are_remembered(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        over = [replace(OVER, fingerprint=f"g{n}", starts_at=LATER) for n in range(MOST_KNOWN)]
        await stage.pushed.take([replace(OVER, starts_at=LATER), *over])
        assert await stage.pushed.take([OVER]) == Taken(settled=1)  # forgotten
        assert await stage.pushed.take([replace(OVER, fingerprint="g9")]) == Taken(outdated=1)


class Shaky:
    """A book of alerts that cannot be read at first."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts
        self.failures = 1

    async def open_subjects(self, kind: AlertKind) -> frozenset[str]:
        if self.failures:
            self.failures -= 1
            raise StoreError("the disk is away")
        return await self._alerts.open_subjects(kind)

    async def settle(self, kind: AlertKind, subject: str) -> None:
        await self._alerts.settle(kind, subject)


async def test_it_looks_now_and_then_and_again_after_it_could_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushed, "EVERY_SECONDS", 0.0)
    async with staged(tmp_path) as stage:
        await stage.pushed.take([FIRES])
        later = PushedAlerts(cast("Alerts", Shaky(stage.alerts)), stage.clock)
        stage.clock.advance(3600 * SILENT_HOURS)
        with anyio.fail_after(5):
            async with later.running():
                while await stage.alerts.listed():
                    await anyio.lowlevel.checkpoint()
