"""What a query selects and returns, read from its syntax tree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import promql_parser as promql
from tests.fleet import STORIES, Fleet
from tests.fleet.stories import HOUR

TARGET_LABELS = {"job", "instance"}
GROWTH = {"rate", "increase"}
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "info": ("_info",),
    "histogram": ("_bucket", "_sum", "_count"),
}
LOOKS = {"$__rate_interval": "1m", "$__range": "1h"}


@dataclass(frozen=True)
class Series:
    """What the daemon shows under one name."""

    grows: bool
    labels: frozenset[str]


@cache
def exposed() -> dict[str, Series]:
    """Return every series by its name, as simulated daemons show them that do some of all."""
    fleet = Fleet(STORIES["mixed"], machines=2)
    for _ in range(4):
        fleet.advance(HOUR / 4)
    found: dict[str, Series] = {}
    for machine in fleet.machines:
        for family in machine.metrics.registry.collect():
            names = {family.name + suffix for suffix in SUFFIXES[family.type]}
            for sample in family.samples:
                if sample.name in names:
                    before = found.get(sample.name, Series(grows=False, labels=frozenset()))
                    labels = before.labels | sample.labels.keys() | TARGET_LABELS
                    found[sample.name] = Series(family.type in {"counter", "histogram"}, labels)
    return found


def labels_of(query: str) -> frozenset[str]:
    """Return the labels of a query's result.

    Fails where the query cannot mean what it says: an unknown metric or label, a selector that
    is not scoped, a counter that is not read by its growth, two sides that never match.
    """
    for name, value in LOOKS.items():
        query = query.replace(name, value)
    return _labels(promql.parse(query), growing=False)


def _labels(expr: promql.Expr, *, growing: bool) -> frozenset[str]:
    while isinstance(expr, promql.ParenExpr):
        expr = expr.expr
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
            if not _is_number(expr.lhs) and not _is_number(expr.rhs):
                assert sides[0] == sides[1], f"nothing matches: {expr.prettify()}"
            return sides[0] | sides[1]
    raise AssertionError(f"teach this test about {expr.prettify()}")


def _is_number(expr: promql.Expr) -> bool:
    return isinstance(expr, promql.NumberLiteral) or (
        isinstance(expr, promql.Call) and expr.func.name == "time"
    )


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
    if name == "time":
        return frozenset()
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
