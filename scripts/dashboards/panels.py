"""The few kinds of panel that the dashboards are made of."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import (
    bargauge,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import (
    common as common_builders,
)
from grafana_foundation_sdk.builders import (
    dashboard as dashboard_builders,
)
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.variants import Dataquery

COUNT = "short"
SECONDS = "s"
PER_SECOND = "ops"
BYTES = "bytes"
DOLLARS = "currencyUSD"
BYTES_PER_SECOND = "Bps"
SHARE = "percentunit"
SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")

Panel = timeseries.Panel | stat.Panel | bargauge.Panel | heatmap.Panel | table.Panel
Steps = tuple[tuple[float | None, str], ...]

NO_JUDGEMENT: Steps = ((None, "blue"),)
GOOD_WHEN_ZERO: Steps = ((None, "green"), (1, "orange"), (10, "red"))
GOOD_WHEN_HIGH: Steps = ((None, "red"), (0.99, "orange"), (0.999, "green"))
DOWN_OR_UP: Steps = ((None, "red"), (1, "green"))
BAD_WHEN_ANY: Steps = ((None, "green"), (1, "red"))
GOOD_WHEN_QUICK: Steps = ((None, "green"), (0.5, "orange"), (1, "red"))
"""Half a second is felt; a second stops the thought."""


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and what its series are called in the legend."""

    expr: str
    legend: str = "__auto"


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of each row of a table."""

    name: str
    unit: str
    expr: str


def way(uid: str) -> dashboard_builders.DashboardLink:
    """Return a panel's link to another dashboard, for the same time and the same instances."""
    return (
        dashboard_builders.DashboardLink(f"More of {uid.removeprefix('iterm-mcp-')}")
        .type(dashboard.DashboardLinkType.LINK)
        .url(f"/d/{uid}?${{__url_time_range}}&${{__all_variables}}")
    )


def _targets(queries: Sequence[Query]) -> list[Builder[Dataquery]]:
    return [_target(query, letter) for letter, query in zip(ascii_uppercase, queries, strict=False)]


def _target(query: Query, letter: str = "A") -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .expr(query.expr)
        .legend_format(query.legend)
        .ref_id(letter)
        .range()
        .datasource(SOURCE)
    )


def _thresholds(steps: Steps) -> dashboard_builders.ThresholdsConfig:
    return dashboard_builders.ThresholdsConfig().steps(
        [dashboard.Threshold(value, color) for value, color in steps]
    )


def graph(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 12,
    stacked: bool = False,
    steps: Steps | None = None,
    to: str = "",
) -> timeseries.Panel:
    """Lines over time; bars on top of each other when stacked.

    Args:
        steps: Draws a dashed line at each value.
        to: The dashboard that tells more.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .min(0)
        .no_value("none")
        .datasource(SOURCE)
        .height(8)
        .span(width)
        .line_width(1)
        .fill_opacity(10)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common_builders.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
        .targets(_targets(queries))
    )
    if to:
        panel.links([way(to)])
    if stacked:
        panel.draw_style(common.GraphDrawStyle.BARS).fill_opacity(60).stacking(
            common_builders.StackingConfig().mode(common.StackingMode.NORMAL)
        )
    if steps:
        panel.thresholds(_thresholds(steps)).thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(common.GraphTresholdsStyleMode.DASHED)
        )
    return panel


def figure(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    width: int = 4,
    steps: Steps = NO_JUDGEMENT,
    words: dict[str, str] | None = None,
    decimals: int | None = None,
    to: str = "",
) -> stat.Panel:
    """One large figure, coloured by the step it has reached.

    Args:
        words: Shown in place of a value.
        to: The dashboard that tells more.
    """
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .no_value("none")
        .datasource(SOURCE)
        .height(4)
        .span(width)
        .graph_mode(common.BigValueGraphMode.AREA)
        .color_mode(common.BigValueColorMode.VALUE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds(steps))
        .targets(_targets([query]))
    )
    if to:
        panel.links([way(to)])
    if decimals is not None:
        panel.decimals(decimals)
    if words:
        panel.graph_mode(common.BigValueGraphMode.NONE).mappings(
            [
                dashboard.ValueMap(
                    options={
                        value: dashboard.ValueMappingResult(text=text)
                        for value, text in words.items()
                    }
                )
            ]
        )
    return panel


def ranking(
    title: str, description: str, unit: str, query: Query, *, width: int = 12, to: str = ""
) -> bargauge.Panel:
    """One bar a series, for what happened over the whole range."""
    panel = (
        bargauge.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .min(0)
        .no_value("none")
        .datasource(SOURCE)
        .height(8)
        .span(width)
        .orientation(common.VizOrientation.HORIZONTAL)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds(NO_JUDGEMENT))
        .with_target(_target(query).instant())
    )
    return panel.links([way(to)]) if to else panel


def spread(title: str, description: str, expr: str, *, width: int = 12) -> heatmap.Panel:
    """How a histogram's observations spread over its buckets, over time."""
    target = _target(Query(expr, "{{le}}"))
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .unit(PER_SECOND)
        .datasource(SOURCE)
        .height(8)
        .span(width)
        .calculate(calculate=False)
        .y_axis(heatmap.YAxisConfig().unit(SECONDS))
        .color(
            heatmap.HeatmapColorOptions()
            .mode(HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .scale(HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(64)
        )
        .with_target(target.format(PromQueryFormat.HEATMAP))
    )


def listing(
    title: str, description: str, label: str, columns: Sequence[Column], *, width: int = 24
) -> table.Panel:
    """A row for each value of a label, and a column for each query.

    Args:
        columns: Each query must keep `label` and nothing else.
    """
    panel = (
        table.Panel()
        .show_header(show_header=True)
        .title(title)
        .description(description)
        .unit(COUNT)
        .no_value("none")
        .datasource(SOURCE)
        .height(8)
        .span(width)
        .targets(
            [
                _target(Query(column.expr, f"{{{{{label}}}}}"), letter)
                .instant()
                .format(PromQueryFormat.TABLE)
                for letter, column in zip(ascii_uppercase, columns, strict=False)
            ]
        )
        .with_transformation(
            dashboard.DataTransformerConfig("joinByField", options={"byField": label})
        )
        .with_transformation(
            dashboard.DataTransformerConfig(
                "organize", options={"excludeByName": {"Time": True, **_more_times(columns)}}
            )
        )
    )
    for letter, column in zip(ascii_uppercase, columns, strict=False):
        panel.override_by_name(
            f"Value #{letter}",
            [
                dashboard.DynamicConfigValue("displayName", column.name),
                dashboard.DynamicConfigValue("unit", column.unit),
            ],
        )
    return panel


def _more_times(columns: Sequence[Column]) -> dict[str, bool]:
    """Name the times of the queries after the first as Grafana does when it joins them."""
    return {f"Time {number}": True for number in range(1, len(columns) + 1)}
