from __future__ import annotations

from dataclasses import replace

from iterm_mcp.models.hosts import HostFigures, HostReport
from iterm_mcp.telemetry import Metrics

FIGURES = HostFigures(
    sessions=3, clients=2, paused_sessions=1, pauses=4, output_bytes=500, input_bytes=60,
    echo_bounds=(0.001, 0.5), echoes=(7, 2, 1), echo_seconds=1.25, loop_lag_seconds=0.5,
    memory_bytes=1 << 20, cpu_seconds=8.5,
)  # fmt: skip


def told(report: HostReport | None) -> dict[str, float]:
    """Return what is told of the host, by the names' ends."""
    metrics = Metrics()
    metrics.host.begin(lambda: report)
    return {
        sample.name.removeprefix("iterm_mcp_host_") + sample.labels.get("le", ""): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name.startswith("iterm_mcp_host_")
    }


def test_a_host_that_answers_tells_all_of_itself() -> None:
    assert told(HostReport(up=True, figures=FIGURES)) == {
        "up": 1, "sessions": 3, "clients": 2, "paused_sessions": 1, "pauses_total": 4,
        "output_bytes_total": 500, "input_bytes_total": 60, "loop_lag_seconds": 0.5,
        "memory_bytes": 1 << 20, "cpu_seconds_total": 8.5,
        "echo_seconds_bucket0.001": 7, "echo_seconds_bucket0.5": 9, "echo_seconds_bucket+Inf": 10,
        "echo_seconds_count": 10, "echo_seconds_sum": 1.25,
    }  # fmt: skip


def test_of_a_host_that_is_away_nothing_else_is_told() -> None:
    assert told(HostReport(up=False)) == {"up": 0}


def test_where_the_terminal_is_another_nothing_is_told_of_a_host() -> None:
    assert told(None) == {}


def test_a_host_that_began_anew_counts_from_the_start() -> None:
    anew = replace(FIGURES, output_bytes=1, echoes=(0, 0, 0), echo_seconds=0.0)
    values = told(HostReport(up=True, figures=anew))
    assert (values["output_bytes_total"], values["echo_seconds_count"]) == (1, 0)


async def test_what_only_the_host_knows_is_asked_before_a_scrape() -> None:
    metrics, asked = Metrics(), []

    async def fresh() -> None:
        asked.append(1)

    await metrics.refresh()
    metrics.host.fresh = fresh
    await metrics.refresh()
    assert asked == [1]
