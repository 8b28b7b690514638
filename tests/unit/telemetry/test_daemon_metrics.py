from __future__ import annotations

import pytest

from iterm_mcp.telemetry import Metrics
from iterm_mcp.telemetry.daemon_metrics import DaemonFigures


def test_before_the_daemon_is_open_nothing_is_told_of_it() -> None:
    assert Metrics().registry.get_sample_value("iterm_mcp_daemon_ready") is None


@pytest.mark.parametrize("ready", [True, False])
def test_the_daemon_is_as_it_is_when_it_is_asked(ready: bool) -> None:  # noqa: FBT001 - a case
    metrics = Metrics()
    metrics.daemon.begin(lambda: DaemonFigures(ready, 0.25, 4096))
    read = metrics.registry.get_sample_value
    assert read("iterm_mcp_daemon_ready") == ready
    assert read("iterm_mcp_loop_lag_seconds") == 0.25
    assert read("iterm_mcp_state_database_bytes") == 4096
