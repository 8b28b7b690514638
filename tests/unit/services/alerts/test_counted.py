"""Open alerts and notifications, as metrics tell them, by the services that keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from tests.unit.services.alerts import test_notifying as notifying
from tests.unit.services.alerts.raised import HOOK, NOON, Wire, alert
from tests.unit.services.budgets.spenders import Recorded, TellTale

from iterm_mcp.models.alerts import AlertKind, Finding, Severity
from iterm_mcp.services.alerts.book import Alerts
from iterm_mcp.services.alerts.notifying import Notifier
from iterm_mcp.services.alerts.outbox import MOST_WAITING, NotSentError, Outbox
from iterm_mcp.store import open_store
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


def standing(metrics: Metrics) -> dict[str, float]:
    """Return how many alerts are open, of rules that have any."""
    return {rule: value for rule, value in told(metrics, "alerts_open", "rule").items() if value}


def told(metrics: Metrics, name: str, label: str) -> dict[str, float]:
    return {
        sample.labels[label]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == f"iterm_mcp_{name}"
    }


def sent(metrics: Metrics, sink: str) -> dict[str, float | None]:
    return {
        outcome: metrics.registry.get_sample_value(
            "iterm_mcp_notifications_total", {"sink": sink, "outcome": outcome}
        )
        for outcome in ("sent", "failed", "dropped")
    }


def finding(kind: AlertKind, subject: str = "ada") -> Finding:
    return Finding(kind, subject, Severity.WARNING, "so it is")


def test_every_rule_is_there_from_the_start_at_zero() -> None:
    rules = told(Metrics(), "alerts_open", "rule")
    assert set(rules) == set(AlertKind) - {AlertKind.TEST}
    assert set(rules.values()) == {0}


async def test_alerts_are_counted_while_they_are_open_also_by_the_next_daemon(
    tmp_path: Path,
) -> None:
    clock = FakeClock(NOON)
    async with open_store(str(tmp_path / "state.db"), clock) as store:
        metrics = Metrics()
        alerts = Alerts(store.alerts, Recorded(), clock, TellTale(), observer=metrics.alerts)
        await alerts.raise_alert(finding(AlertKind.STUCK))
        await alerts.raise_alert(finding(AlertKind.STUCK))
        await alerts.raise_alert(finding(AlertKind.STUCK, "bob"))
        await alerts.raise_alert(finding(AlertKind.DISK, ""))
        assert standing(metrics) == {"stuck": 2, "disk": 1}
        await alerts.settle(AlertKind.STUCK, "ada")
        await alerts.settle(AlertKind.STUCK, "nobody")
        assert standing(metrics) == {"stuck": 1, "disk": 1}

        later = Metrics()
        again = Alerts(store.alerts, Recorded(), clock, TellTale(), observer=later.alerts)
        await again.open_subjects(AlertKind.DISK)
        assert standing(later) == {"stuck": 1, "disk": 1}
        await again.settle(AlertKind.STUCK, "bob")
        await again.settle(AlertKind.DISK, "")
        assert standing(later) == {}


async def test_what_arrives_is_given_up_or_has_no_room_is_counted_by_sink() -> None:
    metrics, clock, wire = Metrics(), FakeClock(NOON), Wire()
    outbox = Outbox(HOOK, wire, clock, metrics.alerts)
    outbox.put(alert(), None)
    wire.errors = [NotSentError("away", again=True)]
    await outbox.flush()
    assert sent(metrics, HOOK.name) == {"sent": None, "failed": None, "dropped": None}
    clock.advance(60)
    await outbox.flush()
    assert sent(metrics, HOOK.name)["sent"] == 1
    wire.errors = [NotSentError("gone for good", again=False)]
    outbox.put(alert(), None)
    await outbox.flush()
    assert sent(metrics, HOOK.name)["failed"] == 1
    for _ in range(MOST_WAITING + 2):
        outbox.put(alert(), None)
    assert sent(metrics, HOOK.name) == {"sent": 1, "failed": 1, "dropped": 2}


async def test_sinks_are_there_at_zero_as_soon_as_they_are_set_up(tmp_path: Path) -> None:
    stage, metrics = notifying.Stage(tmp_path), Metrics()
    notifier = Notifier(str(stage.path), FakeClock(NOON), stage.open, metrics.alerts)
    with anyio.fail_after(20):
        async with notifier.running():
            assert sent(metrics, "all") == {"sent": 0, "failed": 0, "dropped": 0}
            assert sent(metrics, "web") == {"sent": 0, "failed": 0, "dropped": 0}
            notifier.tell(alert(1))
            while sent(metrics, "all")["sent"] == 0:
                await anyio.lowlevel.checkpoint()
    assert sent(metrics, "web")["sent"] == 0
