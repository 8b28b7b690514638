"""Which panels are drawn, taken from the dashboards themselves, and their series."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from scripts.dashboards import PAGES
from scripts.plots.chart import Chart, Line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Ask = Callable[[str], Awaitable[list[Any]]]

PICTURES = {
    "workday": (
        ("overview", "Tool calls"),
        ("overview", "Agents"),
        ("overview", "Dollars an hour"),
        ("latency", "All tools"),
        ("overview", "Tool calls that failed"),
        ("tasks", "Settled"),
    ),
    "machines": (
        ("fleet", "Tool call, 95 %"),
        ("approvals", "The oldest dialog"),
        ("fleet", "Without a fault"),
        ("tasks", "Waiting by queue"),
    ),
}
"""The pictures, each with its panels by dashboard and title."""

VARIABLES = {"$__rate_interval": "15m", "$__range": "1h", "$job": ".+", "$instance": ".+"}
LABEL = re.compile(r"{{(\w+)}}")
METRIC = re.compile(r"\b(\w+)\{")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One panel that is drawn.

    Attributes:
        place: The dashboard's title.
        queries: Each with what its series are called.
    """

    place: str
    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    is_stacked: bool


def panel(dashboard: str, title: str) -> Drawn:
    """Return a graph of a dashboard.

    Raises:
        StopIteration: It has none of that title.
    """
    page = json.loads(PAGES[dashboard]())
    found = next(
        one for one in page["panels"] if one["title"] == title and one["type"] == "timeseries"
    )
    defaults = found["fieldConfig"]["defaults"]
    stacking = defaults["custom"].get("stacking", {}).get("mode", "none")
    queries = tuple((_filled(one["expr"]), one["legendFormat"]) for one in found["targets"])
    place = page["title"].removeprefix("iterm-mcp / ")
    return Drawn(place, title, defaults["unit"], queries, stacking == "normal")


def metrics() -> set[str]:
    """Return the names of all samples that the pictures are made of."""
    drawn = [panel(*where) for picture in PICTURES.values() for where in picture]
    return {name for one in drawn for expr, _ in one.queries for name in METRIC.findall(expr)}


async def chart(drawn: Drawn, ask: Ask) -> Chart:
    """Return a panel with its series.

    Args:
        ask: Returns what a query gave in the range that is drawn, as Prometheus has it.
    """
    lines = [
        Line(_name(legend, one["metric"]), _points(one["values"]))
        for expr, legend in drawn.queries
        for one in await ask(expr)
    ]
    told = tuple(line for line in lines if line.points)
    return Chart(drawn.title, drawn.unit, told, drawn.is_stacked, drawn.place)


def _filled(expr: str) -> str:
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def _name(legend: str, labels: dict[str, str]) -> str:
    return LABEL.sub(lambda found: labels.get(found[1], ""), legend)


def _points(values: list[Any]) -> tuple[tuple[float, float], ...]:
    numbers = ((float(at), float(value)) for at, value in values)
    return tuple((at, value) for at, value in numbers if isfinite(value))
