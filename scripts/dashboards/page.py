"""What all dashboards have in common: variables, links, time, the way they are written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard
from scripts.dashboards.panels import SOURCE

if TYPE_CHECKING:
    from scripts.dashboards.panels import Panel

TAG = "iterm-mcp"
OVERVIEW = "iterm-mcp-overview"
ROW_HEIGHT = 1


def page(uid: str, title: str, description: str, rows: dict[str, list[Panel]]) -> str:
    """Return a dashboard as JSON.

    Args:
        uid: Stays the same for ever: links and alerts name it.
        rows: The panels under their headings, from left to right, 24 columns a line.
    """
    built = (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .link(
            builders.DashboardLink("iterm-mcp")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(as_dropdown=True)
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )
        .with_variable(
            builders.DatasourceVariable("datasource").label("Data source").type("prometheus")
        )
        .with_variable(_choice("job", "label_values(iterm_mcp_build_info, job)"))
        .with_variable(
            _choice("instance", 'label_values(iterm_mcp_build_info{job=~"$job"}, instance)')
        )
    )
    if uid != OVERVIEW:
        built.link(
            builders.DashboardLink("Overview")
            .type(dashboard.DashboardLinkType.LINK)
            .url(f"/d/{OVERVIEW}")
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )
    for heading, panels in rows.items():
        built.with_row(builders.Row(heading))
        for panel in panels:
            built.with_panel(panel)
    whole = built.build()
    for number, placed in enumerate(whole.panels or [], 1):
        placed.id_val = number
    return json.dumps(json.loads(JSONEncoder(sort_keys=True).encode(whole)), indent=2) + "\n"


def _choice(name: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(name.capitalize())
        .query(query)
        .datasource(SOURCE)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".+")
    )
