"""What a registry holds at one moment, apart from how Prometheus would write it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isfinite
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry, Metric

Labels = tuple[tuple[str, str], ...]
"""Names with values, in the order in which the metric declares them."""

COUNTER, HISTOGRAM = "counter", "histogram"


class Number(NamedTuple):
    """One series of a counter or a gauge."""

    labels: Labels
    value: float


class Seen(NamedTuple):
    """One observation that a bucket was given as its example.

    Attributes:
        labels: What it was given with, such as ``trace_id``.
        at: Seconds since the epoch, or 0.
    """

    labels: Labels
    value: float
    at: float


@dataclass(slots=True)
class Spread:
    """One series of a histogram.

    Attributes:
        bounds: Upper ends of the buckets but the last, which has none.
        counts: Observations in each bucket alone, one more than `bounds`.
        total: The sum of all observations.
    """

    labels: Labels
    bounds: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    total: float = 0.0
    seen: list[Seen] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with all its series.

    Attributes:
        name: As it is declared: a counter's without ``_total``.
        form: `COUNTER`, `HISTOGRAM`, or anything else for what goes up and down.
    """

    name: str
    told: str
    form: str
    numbers: tuple[Number, ...] = ()
    spreads: tuple[Spread, ...] = ()


def read(registry: CollectorRegistry) -> list[Family]:
    """Return all that can be told in numbers now; takes as long as a scrape, so use a thread.

    What is no number (NaN), and when a series was made, are left out.
    """
    return [_family(metric) for metric in registry.collect()]


def _family(metric: Metric) -> Family:
    if metric.type == HISTOGRAM:
        return Family(metric.name, metric.documentation, HISTOGRAM, spreads=tuple(_spreads(metric)))
    form = COUNTER if metric.type == COUNTER else "gauge"
    numbers = tuple(
        Number(tuple(sample.labels.items()), float(sample.value))
        for sample in metric.samples
        if not sample.name.endswith("_created") and isfinite(sample.value)
    )
    return Family(metric.name, metric.documentation, form, numbers)


def _spreads(metric: Metric) -> Iterator[Spread]:
    """Yield a histogram's series; its samples stand together, buckets rising and cumulative."""
    found: dict[Labels, Spread] = {}
    below: dict[Labels, float] = {}
    for sample in metric.samples:
        labels = tuple(one for one in sample.labels.items() if one[0] != "le")
        spread = found.setdefault(labels, Spread(labels))
        if sample.name.endswith("_sum"):
            spread.total = float(sample.value)
        elif sample.name.endswith("_bucket"):
            bound = float(sample.labels["le"])
            if bound != inf:
                spread.bounds.append(bound)
            spread.counts.append(round(sample.value - below.get(labels, 0.0)))
            below[labels] = sample.value
            if sample.exemplar is not None:
                one = sample.exemplar
                spread.seen.append(
                    Seen(tuple(one.labels.items()), one.value, float(one.timestamp or 0))
                )
    yield from found.values()
