"""Alerts that are open, and whether people were told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from iterm_mcp.models.alerts import AlertKind
from iterm_mcp.telemetry.labels import Bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client import CollectorRegistry

RULES = tuple(kind for kind in AlertKind if kind is not AlertKind.TEST)
"""What an alert may be about; a test of notifications is none."""

NOTIFIED = ("sent", "failed", "dropped")
"""What becomes of a notification: it arrived, was given up, or there was no room for it."""


class AlertMetrics:
    """Is told by the book of alerts and by the outboxes of sinks (services.alerts.observing)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._sinks = Bounded()
        self._open = Gauge(
            "iterm_mcp_alerts_open", "Alerts of our own that are open, by what they are about.",
            ["rule"], registry=registry,
        )  # fmt: skip
        for rule in RULES:
            self._open.labels(rule)
        self._notifications = Counter(
            "iterm_mcp_notifications_total",
            "Notifications of people: sent, failed after all tries, or dropped for want of room.",
            ["sink", "outcome"],
            registry=registry,
        )

    def alerts_standing(self, counts: Mapping[AlertKind, int]) -> None:
        """Note how many alerts are open; kinds that are left out have none."""
        for rule in RULES:
            self._open.labels(rule).set(counts.get(rule, 0))

    def sinks_known(self, names: Iterable[str]) -> None:
        """Show the counters of sinks at zero, so that the first failure is seen as growth."""
        for name in names:
            for outcome in NOTIFIED:
                self._notifications.labels(self._sinks(name), outcome)

    def notified(self, sink: str, outcome: str) -> None:
        """Count a notification: ``sent``, ``failed`` or ``dropped``."""
        self._notifications.labels(self._sinks(sink), outcome).inc()
