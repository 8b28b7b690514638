"""Messages on their way to agents, and who waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily

from iterm_mcp.models.deliveries import END_REASONS
from iterm_mcp.telemetry.asked import AskedMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry, Metric

    from iterm_mcp.models.deliveries import EndReason, Stage


class Waiting(NamedTuple):
    """Who waits now.

    Attributes:
        messages: Of which nothing was typed yet.
        oldest_seconds: How long the oldest of these waits; 0 when none does.
        approvals_oldest_seconds: How long the oldest dialog waits for an answer; 0 likewise.
        dead_letters: Messages that were refused, have expired, or may have arrived; None while
            nobody has counted them.
    """

    messages: int = 0
    oldest_seconds: float = 0.0
    approvals_oldest_seconds: float = 0.0
    dead_letters: int | None = None


class WaitingMetrics(AskedMetrics[Waiting]):
    """Asks who waits."""

    def tell(self, counted: Waiting) -> Iterator[Metric]:
        """Yield every metric of who waits."""
        told: tuple[tuple[str, str, float | None], ...] = (
            ("messages_waiting", "Messages of which nothing was typed yet.", counted.messages),
            (
                "messages_oldest_waiting_seconds",
                "How long the oldest of these waits.",
                counted.oldest_seconds,
            ),
            (
                "dead_letters",
                "Messages that were refused, have expired, or may have arrived, and are kept.",
                counted.dead_letters,
            ),
            (
                "approvals_oldest_seconds",
                "How long the oldest dialog of an agent waits for an answer.",
                counted.approvals_oldest_seconds,
            ),
        )
        for name, text, value in told:
            if value is not None:
                yield GaugeMetricFamily(f"iterm_mcp_{name}", text, value)


class DeliveryMetrics:
    """Is told how messages end (services.deliveries.observing.DeliveryObserver).

    Attributes:
        waiting: Asks who waits.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.waiting = WaitingMetrics(registry)
        self._ended = Counter(
            "iterm_mcp_receipts_ended_total",
            "Messages that came to an end. One of which nothing was known may later end otherwise.",
            ["outcome", "reason"],
            registry=registry,
        )
        for outcome, reasons in END_REASONS.items():  # from zero: the first is seen as growth
            for reason in reasons:
                self._ended.labels(outcome, reason)

    def message_ended(self, outcome: Stage, reason: EndReason) -> None:
        """Count a message that has come to one of the final stages."""
        self._ended.labels(outcome, reason).inc()
