"""Whatever is told of events is shown."""

from __future__ import annotations

from scripts.dashboards.events import dashboard
from tests.unit.dashboards.query_labels import exposed

OF_EVENTS = ("iterm_mcp_events_", "iterm_mcp_spool_", "iterm_mcp_shell_looks_")


def test_each_metric_of_events_has_a_panel() -> None:
    page = dashboard()
    told = [name for name in exposed() if name.startswith(OF_EVENTS)]
    assert len(told) >= 16
    assert [name for name in told if f"{name}{{" not in page] == []
