"""How the exports of all other metrics go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter

from iterm_mcp.telemetry.exporting.running import OUTCOMES

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class ExportMetrics:
    """Counts exports to StatsD and to OpenTelemetry, where they are on."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._exports = Counter(
            "iterm_mcp_metric_exports_total",
            "Readings of all metrics sent to whoever does not scrape, by how that went.",
            ["exporter", "outcome"],
            registry=registry,
        )

    def declare(self, exporter: str) -> None:
        """Have an exporter that is on begin at zero."""
        for outcome in OUTCOMES:
            self._exports.labels(exporter, outcome)

    def exported(self, exporter: str, outcome: str) -> None:
        """Count one export."""
        self._exports.labels(exporter, outcome).inc()
