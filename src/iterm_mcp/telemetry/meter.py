"""Latency, outcome and work in flight of one family of operations."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.telemetry.exemplars import exemplar

if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView, Sequence

    from prometheus_client import CollectorRegistry

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
    """The series of one name, looked up once: a label look-up costs more than an observation.

    Attributes:
        duration: None before the first one.
    """

    __slots__ = ("by_outcome", "duration", "in_flight")

    def __init__(self, in_flight: Gauge, by_outcome: dict[str, Counter]) -> None:
        self.duration: Histogram | None = None
        self.in_flight = in_flight
        self.by_outcome = by_outcome


class Meter:
    """A histogram of seconds, a counter by outcome and a gauge of work in flight.

    The names given to `measure` become label values, so they must come from a fixed set.

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
        self._outcomes = outcomes
        self._duration = Histogram(
            f"{subject}_duration_seconds",
            f"How long {thing} took.",
            [label],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._total = Counter(
            f"{counted}_total",
            f"How many of {thing} ended, by outcome.",
            [label, "outcome"],
            registry=registry,
        )
        self._in_flight = Gauge(
            f"{counted}_in_flight",
            f"How many of {thing} are under way.",
            [label],
            registry=registry,
        )
        self._operations: dict[str, _Operation] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure the block; its outcome is ``ok``, an error's family, or ``internal``."""
        operation = self._operations.get(name)
        if operation is None:
            operation = self.declare(name)
        operation.in_flight.inc()
        outcome = "ok"
        started = perf_counter()
        try:
            yield
        except ItermMcpError as error:
            outcome = error.outcome
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except BaseException:
            outcome = "internal"
            raise
        finally:
            seconds = perf_counter() - started
            if operation.duration is None:
                operation.duration = self._duration.labels(name)
            operation.duration.observe(seconds, exemplar())
            operation.in_flight.dec()
            counter = operation.by_outcome.get(outcome)
            if counter is None:
                counter = operation.by_outcome[outcome] = self._total.labels(name, outcome)
            counter.inc()

    @property
    def names(self) -> KeysView[str]:
        """The names that were declared or measured so far."""
        return self._operations.keys()

    def declare(self, name: str) -> _Operation:
        """Make the series of a name visible, at zero, before it is first used.

        All outcomes are there from the start: a series that begins at one has no growth that
        Prometheus could see, so the first error of a kind would go unnoticed. How long it takes is
        told from the first time on: that is twenty series, of which most names never need any.
        """
        operation = _Operation(
            self._in_flight.labels(name),
            {outcome: self._total.labels(name, outcome) for outcome in self._outcomes},
        )
        self._operations[name] = operation
        return operation
