"""How values spread over buckets, counted at next to no cost where calls pass by the thousand.

The client library's own histogram takes two locks and looks at its buckets one by one. What is
counted here is counted on one thread, as a rule the event loop's, and told at a scrape.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from prometheus_client.samples import Exemplar

from iterm_mcp.telemetry.trace_context import current_trace_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client.core import HistogramMetricFamily


class Spread:
    """One series of a histogram; to be added to from one thread, and read from any.

    Args:
        bounds: Upper bounds of the buckets, ascending; one more has no bound.
    """

    __slots__ = ("_bounds", "_counts", "_exemplars", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._exemplars: dict[int, Exemplar] = {}

    def observe(self, value: float) -> None:
        """Add a value; within a trace, remember that one for the bucket."""
        at = bisect_left(self._bounds, value)
        self._counts[at] += 1
        self._sum += value
        trace_id = current_trace_id()
        if trace_id is not None:
            self._exemplars[at] = Exemplar({"trace_id": trace_id}, value)

    def tell(self, family: HistogramMetricFamily, labels: Sequence[str]) -> None:
        """Add what there is to a family."""
        counts, summed, below = list(self._counts), self._sum, 0
        buckets: list[Any] = []  # the library's own type of them is narrower than what it takes
        for at, count in enumerate(counts):
            below += count
            bound = str(float(self._bounds[at])) if at < len(self._bounds) else "+Inf"
            buckets.append((bound, below, self._exemplars.get(at)))
        family.add_metric(labels, buckets, summed)
