"""A slow observation leads to its trace, where there is one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.messages import Receipt, ReceiptState, Source
from iterm_mcp.telemetry import Metrics
from iterm_mcp.telemetry.trace_context import TraceContext, within

TRACE = "0af7651916cd43dd8448eb211c80319c"
HERE = TraceContext(TRACE, "b7ad6b7169203331")
RECEIPT = Receipt(
    AgentName("ann"), SessionId("one"), "text", Source.TEAM, None, ReceiptState.WRITTEN, "",
    datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip


def work(metrics: Metrics) -> None:
    with metrics.tools.measure("read_screen"):
        metrics.mcp.operation("tools/call", "pipe").observe(0.3)
    metrics.delivered(RECEIPT, 0.2)


def traced(metrics: Metrics) -> dict[str, set[str]]:
    """Return the traces that each family's series lead to, as a scraper reads them."""
    text = generate_latest(metrics.registry).decode()  # type: ignore[no-untyped-call]
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            if sample.exemplar is not None:
                found.setdefault(family.name, set()).add(sample.exemplar.labels["trace_id"])
    return found


def test_what_is_observed_within_a_trace_leads_to_it() -> None:
    metrics = Metrics()
    with within(HERE):
        work(metrics)
    assert traced(metrics) == {
        name: {TRACE}
        for name in (
            "iterm_mcp_tool_duration_seconds",
            "iterm_mcp_message_delivery_duration_seconds",
            "mcp_server_operation_duration_seconds",
        )
    }


@pytest.mark.parametrize("where", [None, TraceContext(TRACE, "b7ad6b7169203331", sampled=False)])
def test_what_no_trace_is_kept_of_leads_nowhere(where: TraceContext | None) -> None:
    metrics = Metrics()
    with within(where):
        work(metrics)
    assert traced(metrics) == {}
