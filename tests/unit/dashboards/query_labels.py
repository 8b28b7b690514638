"""What a query selects and returns, read from its syntax tree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import promql_parser as promql
from prometheus_client.metrics import MetricWrapperBase

from iterm_mcp.models.event_queries import EventStats, IntakeStats
from iterm_mcp.models.events import EventNumber
from iterm_mcp.telemetry import Metrics
from iterm_mcp.telemetry.event_metrics import EventMetrics

TARGET_LABELS = {"job", "instance"}
GROWTH = {"rate", "increase"}
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
LOOKS = {"$__rate_interval": "1m", "$__range": "1h"}


@dataclass(frozen=True)
class Series:
    """What the daemon shows under one name."""

    grows: bool
    labels: frozenset[str]


@cache
def exposed() -> dict[str, Series]:
    """Return every series of ours by its name."""
    found = {}
    for collector in Metrics().registry._collector_to_names:
        if isinstance(collector, MetricWrapperBase):
            for family in collector.describe():
                for suffix in SUFFIXES[family.type]:
                    labels = {*collector._labelnames, *TARGET_LABELS}
                    if suffix == "_bucket":
                        labels.add("le")
                    found[family.name + suffix] = Series(family.type != "gauge", frozenset(labels))
    return found | _of_events()


def _of_events() -> dict[str, Series]:
    """Return what is not counted but asked for at each scrape; it has no labels of its own."""
    collector = EventMetrics()
    nothing = EventStats((), 0, EventNumber(0), 0, 0, 0.0, 0.0, 0, 0, 0, 0.0, "", 0, 0, 0)
    collector.begin(lambda: (nothing, IntakeStats(0, 0, 0, 0, 0, 0)))
    return {
        family.name + suffix: Series(family.type != "gauge", frozenset(TARGET_LABELS))
        for family in collector.collect()
        for suffix in SUFFIXES[family.type]
    }


def labels_of(query: str) -> frozenset[str]:
    """Return the labels of a query's result.

    Fails where the query cannot mean what it says: an unknown metric or label, a selector that
    is not scoped, a counter that is not read by its growth, two sides that never match.
    """
    for name, value in LOOKS.items():
        query = query.replace(name, value)
    return _labels(promql.parse(query), growing=False)


def _labels(expr: promql.Expr, *, growing: bool) -> frozenset[str]:
    match expr:
        case promql.NumberLiteral():
            return frozenset()
        case promql.VectorSelector():
            return _selected(expr, growing=growing)
        case promql.MatrixSelector():
            return _selected(expr.vector_selector, growing=growing)
        case promql.Call():
            return _called(expr)
        case promql.AggregateExpr():
            return _aggregated(expr)
        case promql.BinaryExpr():
            sides = [_labels(side, growing=False) for side in (expr.lhs, expr.rhs)]
            if not any(isinstance(side, promql.NumberLiteral) for side in (expr.lhs, expr.rhs)):
                assert sides[0] == sides[1], f"nothing matches: {expr.prettify()}"
            return sides[0] | sides[1]
    raise AssertionError(f"teach this test about {expr.prettify()}")


def _selected(selector: promql.VectorSelector, *, growing: bool) -> frozenset[str]:
    series = exposed().get(selector.name or "")
    assert series, f"no such metric: {selector.name}"
    assert series.grows == growing, f"read as the wrong kind: {selector.name}"
    matched = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
    assert {name: matched.get(name) for name in TARGET_LABELS} == {
        name: f"${name}" for name in TARGET_LABELS
    }, f"not scoped: {selector}"
    assert set(matched) <= series.labels, f"no such label: {selector}"
    return series.labels


def _called(call: promql.Call) -> frozenset[str]:
    name = call.func.name
    inner = _labels(call.args[-1], growing=name in GROWTH)
    if name == "histogram_quantile":
        assert "le" in inner, call.prettify()
        return inner - {"le"}
    assert name in GROWTH, f"teach this test about {name}"
    return inner


def _aggregated(aggregate: promql.AggregateExpr) -> frozenset[str]:
    inner = _labels(aggregate.expr, growing=False)
    if str(aggregate.op) == "topk":
        return inner
    if aggregate.modifier is None:
        return frozenset()
    kept = frozenset(aggregate.modifier.labels)
    assert aggregate.modifier.type == promql.AggModifierType.By
    assert kept <= inner, f"no such label: {aggregate.prettify()}"
    return kept
