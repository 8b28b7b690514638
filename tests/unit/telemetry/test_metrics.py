from __future__ import annotations

from iterm_mcp.models.ids import SessionId
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
