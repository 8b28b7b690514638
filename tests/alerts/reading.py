"""What expressions of rules read: selectors, in their syntax trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import promql_parser as promql

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Selector:
    """Series that an expression reads.

    Attributes:
        picked: Of each label that must have one of some values: these.
        labels: Every label that is asked about.
    """

    name: str
    picked: tuple[tuple[str, frozenset[str]], ...]
    labels: frozenset[str]


def selectors(expr: str) -> Iterator[Selector]:
    """Yield every selector of an expression."""
    yield from _of(promql.parse(expr))


def _of(expr: promql.Expr) -> Iterator[Selector]:
    match expr:
        case promql.VectorSelector():
            yield _selector(expr)
        case promql.MatrixSelector():
            yield _selector(expr.vector_selector)
        case promql.Call():
            for one in expr.args:
                yield from _of(one)
        case promql.ParenExpr() | promql.AggregateExpr() | promql.SubqueryExpr():
            yield from _of(expr.expr)
        case promql.BinaryExpr():
            yield from _of(expr.lhs)
            yield from _of(expr.rhs)
        case promql.NumberLiteral():
            return
        case _:
            raise AssertionError(f"teach this test about {expr.prettify()}")


def _selector(expr: promql.VectorSelector) -> Selector:
    matchers = expr.matchers.matchers
    picked = tuple(
        (one.name, frozenset(one.value.split("|")))
        for one in matchers
        if one.op in (promql.MatchOp.Equal, promql.MatchOp.Re) and one.name != "job"
    )
    return Selector(expr.name or "", picked, frozenset(one.name for one in matchers))
