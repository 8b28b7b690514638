"""The daemon itself, read at each scrape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily

from iterm_mcp.telemetry.asked import AskedMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric


@dataclass(frozen=True, slots=True)
class DaemonFigures:
    """How the daemon is.

    Attributes:
        loop_lag_seconds: The worst of the last one to two minutes.
        database_bytes: Of the state's database, with what is not yet merged into it.
    """

    ready: bool
    loop_lag_seconds: float
    database_bytes: int


class DaemonMetrics(AskedMetrics[DaemonFigures]):
    """Asks whoever opened the daemon."""

    def tell(self, counted: DaemonFigures) -> Iterator[Metric]:
        """Yield every metric of what is counted."""
        yield GaugeMetricFamily(
            "iterm_mcp_daemon_ready", "1 while work can be done, as /readyz has it.", counted.ready
        )
        yield GaugeMetricFamily(
            "iterm_mcp_loop_lag_seconds",
            "Longest that the event loop kept what was due waiting, of the last minute or two.",
            counted.loop_lag_seconds,
        )
        yield GaugeMetricFamily(
            "iterm_mcp_state_database_bytes",
            "Bytes of the database of sessions, agents and messages.",
            counted.database_bytes,
        )
