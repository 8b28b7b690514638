"""How the whole way from a session to a task went when it was tried last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from iterm_mcp.models.probes import ALL, ProbeCounts
from iterm_mcp.telemetry.asked import AskedMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric


class ProbeMetrics(AskedMetrics[ProbeCounts]):
    """Asks the probe. Before its first run there are no gauges: what was not tried is not known."""

    def tell(self, counted: ProbeCounts) -> Iterator[Metric]:
        """Yield every metric of what is counted."""
        runs = CounterMetricFamily(
            "iterm_mcp_probe_runs", "Runs of the probe, by outcome.", labels=["outcome"]
        )
        for outcome, count in counted.runs.items():
            runs.add_metric([outcome], count)
        yield runs
        if counted.last is None:
            return
        success = GaugeMetricFamily(
            "iterm_mcp_probe_success", "1 where the last run's step went well.", labels=["step"]
        )
        taken = GaugeMetricFamily(
            "iterm_mcp_probe_step_duration_seconds",
            "How long the last run's step took.",
            labels=["step"],
        )
        for one in counted.last.steps:
            success.add_metric([one.step.value], float(one.is_ok))
            taken.add_metric([one.step.value], one.seconds)
        success.add_metric([ALL], float(counted.last.is_ok))
        taken.add_metric([ALL], counted.last.seconds)
        yield success
        yield taken
        yield GaugeMetricFamily(
            "iterm_mcp_probe_last_run_timestamp_seconds",
            "When the last run began.",
            counted.last.at.timestamp(),
        )
