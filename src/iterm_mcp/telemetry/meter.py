"""Latency, outcome and work in flight of one family of operations."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.telemetry.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView, Sequence
    from contextlib import AbstractContextManager

    from prometheus_client import CollectorRegistry, Metric

LATENCY_BUCKETS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
"""Seconds: from a warm tool call to a terminal that is being started."""


def _families(error: type[ItermMcpError]) -> set[str]:
    return {error.outcome}.union(*map(_families, error.__subclasses__()))


OUTCOMES = ("ok", "cancelled", "internal", *sorted(_families(ItermMcpError)))
"""Every value of the label ``outcome``."""

TERMINAL_OUTCOMES = (
    "ok", "cancelled", "internal", "invalid", "not_found", "rejected", "timeout", "unavailable",
)  # fmt: skip
"""What operations of a terminal come to; anything else would be news."""


class _Operation:
    """What is counted under one name.

    Attributes:
        spread: Of its seconds; None before the first time.
    """

    __slots__ = ("by_outcome", "in_flight", "spread")

    def __init__(self, outcomes: Sequence[str]) -> None:
        self.spread: Spread | None = None
        self.in_flight = 0
        self.by_outcome = dict.fromkeys(outcomes, 0)


class _Measurement:
    """A context manager by hand: a generator's costs more than all that is measured here."""

    __slots__ = ("_operation", "_started")

    def __init__(self, operation: _Operation) -> None:
        self._operation = operation

    def __enter__(self) -> None:
        self._operation.in_flight += 1
        self._started = perf_counter()

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object
    ) -> None:
        seconds = perf_counter() - self._started
        operation = self._operation
        operation.in_flight -= 1
        if operation.spread is None:
            operation.spread = Spread(LATENCY_BUCKETS)
        operation.spread.observe(seconds)
        outcome = "ok" if error is None else _outcome(error)
        operation.by_outcome[outcome] = operation.by_outcome.get(outcome, 0) + 1


def _outcome(error: BaseException) -> str:
    if isinstance(error, ItermMcpError):
        return error.outcome
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "internal"


class Meter(Collector):
    """A histogram of seconds, a counter by outcome and a gauge of work in flight.

    It measures on one thread, as a rule the event loop's. The names given to `measure` become
    label values, so they must come from a fixed set.

    Args:
        subject: Such as ``iterm_mcp_tool``: gives ``<subject>_duration_seconds``.
        counted: Such as ``iterm_mcp_tool_calls``: gives ``<counted>_total`` and
            ``<counted>_in_flight``.
        label: The label that carries the operation's name.
        thing: What is measured, for the help texts.
        outcomes: Those that are there from zero; any other is there once it was seen.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        subject: str,
        counted: str,
        label: str,
        thing: str,
        outcomes: Sequence[str] = OUTCOMES,
    ) -> None:
        self._subject, self._counted, self._label = subject, counted, label
        self._thing = thing
        self._outcomes = outcomes
        self._operations: dict[str, _Operation] = {}
        registry.register(self)

    def measure(self, name: str) -> AbstractContextManager[None]:
        """Measure the block; its outcome is ``ok``, an error's family, or ``internal``."""
        return _Measurement(self._operations.get(name) or self._declare(name))

    @property
    def names(self) -> KeysView[str]:
        """The names that were declared or measured so far."""
        return self._operations.keys()

    def declare(self, name: str) -> None:
        """Make the series of a name visible, at zero, before it is first used.

        All outcomes are there from the start: a series that begins at one has no growth that
        Prometheus could see, so the first error of a kind would go unnoticed. How long it takes is
        told from the first time on: that is twenty series, of which most names never need any.
        """
        if name not in self._operations:
            self._declare(name)

    def _declare(self, name: str) -> _Operation:
        operation = self._operations[name] = _Operation(self._outcomes)
        return operation

    def collect(self) -> Iterator[Metric]:
        """Yield the three metrics as they are now."""
        durations, totals, in_flight = self.describe()
        for name, operation in list(self._operations.items()):
            if operation.spread is not None:
                operation.spread.tell(durations, [name])
            for outcome, count in list(operation.by_outcome.items()):
                totals.add_metric([name, outcome], count)
            in_flight.add_metric([name], operation.in_flight)
        yield durations
        yield totals
        yield in_flight

    def describe(self) -> tuple[HistogramMetricFamily, CounterMetricFamily, GaugeMetricFamily]:
        """Return the three metrics without any series."""
        label, thing = self._label, self._thing
        return (
            HistogramMetricFamily(
                f"{self._subject}_duration_seconds", f"How long {thing} took.", labels=[label]
            ),
            CounterMetricFamily(
                f"{self._counted}_total",
                f"How many of {thing} ended, by outcome.",
                labels=[label, "outcome"],
            ),
            GaugeMetricFamily(
                f"{self._counted}_in_flight",
                f"How many of {thing} are under way.",
                labels=[label],
            ),
        )
