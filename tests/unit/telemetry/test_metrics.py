from __future__ import annotations

from datetime import UTC, datetime

import pytest

from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.messages import Receipt, ReceiptState, Source
from iterm_mcp.telemetry import Metrics

ONE, TWO, THREE = SessionId("one"), SessionId("two"), SessionId("three")


def read(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(f"iterm_mcp_{name}")


def counts(metrics: Metrics) -> list[float | None]:
    names = ["sessions_open", "sessions_opened_total", "sessions_closed_total"]
    return [read(metrics, name) for name in names]


def test_sessions_found_at_the_start_are_open_but_were_not_seen_to_open() -> None:
    metrics = Metrics()
    metrics.terminal_up({ONE, TWO}, again=False)
    assert counts(metrics) == [2, 0, 0]
    assert read(metrics, "terminal_connected") == 1


def test_each_opening_and_each_end_counts_once() -> None:
    metrics = Metrics()
    metrics.terminal_up(set(), again=False)
    for _ in range(2):
        metrics.session_opened(ONE)
    assert counts(metrics) == [1, 1, 0]
    for _ in range(2):
        metrics.session_ended(ONE)
    assert counts(metrics) == [0, 1, 1]


def test_what_came_and_went_while_the_terminal_was_away_counts_at_its_return() -> None:
    metrics = Metrics()
    metrics.terminal_up({ONE, TWO}, again=False)
    metrics.terminal_down()
    assert read(metrics, "terminal_connected") == 0
    metrics.terminal_up({TWO, THREE}, again=True)
    assert counts(metrics) == [2, 1, 1]
    assert read(metrics, "terminal_reconnects_total") == 1


@pytest.mark.parametrize("state", ReceiptState)
def test_a_receipt_counts_once_and_its_bytes_only_when_they_were_typed(state: ReceiptState) -> None:
    metrics = Metrics()
    receipt = Receipt(
        AgentName("ann"), ONE, "né", Source.TEAM, None, state, "", datetime(2026, 1, 1, tzinfo=UTC)
    )

    metrics.delivered(receipt, 0.5)

    labels = {"source": "team", "state": state.value}
    assert metrics.registry.get_sample_value("iterm_mcp_messages_total", labels) == 1
    assert read(metrics, "message_bytes_total") == (3 if state is ReceiptState.WRITTEN else 0)
    assert read(metrics, "message_delivery_duration_seconds_sum") == 0.5


def test_the_registry_is_as_large_as_was_told_last() -> None:
    metrics = Metrics()
    metrics.registry_changed(3, 2)
    metrics.registry_changed(1, 0)
    assert (read(metrics, "agents_registered"), read(metrics, "teams_registered")) == (1, 0)


def test_no_label_carries_an_id() -> None:
    """Ids grow without end, and a series for each would too."""
    metrics = Metrics()
    for number in range(50):
        session_id = SessionId(f"session-{number}")
        metrics.session_opened(session_id)
        metrics.delivered(
            Receipt(
                AgentName(f"agent-{number}"), session_id, f"text {number}", Source.AGENT, None,
                ReceiptState.UNKNOWN, f"reason {number}", datetime(2026, 1, 1, tzinfo=UTC),
            ),
            0.1,
        )  # fmt: skip
    values = {
        value
        for family in metrics.registry.collect()
        for sample in family.samples
        for value in sample.labels.values()
    }
    ours = ("session-", "agent-", "text ", "reason ")
    assert [value for value in values if value.startswith(ours)] == []


def test_agents_are_counted_by_kind_and_state() -> None:
    metrics = Metrics()
    metrics.agent_state_changed("claude", None, AgentState.READY)
    metrics.agent_state_changed("claude", AgentState.READY, AgentState.WORKING)
    metrics.agent_state_changed("codex", None, AgentState.READY)
    metrics.agent_state_changed("codex", AgentState.READY, None)

    def count(kind: str, state: str) -> float | None:
        labels = {"kind": kind, "state": state}
        return metrics.registry.get_sample_value("iterm_mcp_agents", labels)

    assert (count("claude", "ready"), count("claude", "working")) == (0, 1)
    assert count("codex", "ready") == 0
