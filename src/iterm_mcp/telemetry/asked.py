"""Metrics that are read at each scrape from what is counted anyway."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import CollectorRegistry, Metric

Counted = TypeVar("Counted")


class AskedMetrics(Collector, Generic[Counted]):
    """Tells nothing before it knows whom to ask, and nothing when that one knows nothing.

    What is told then is absent from the scrape, so that an alert can tell it from zero.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._ask: Callable[[], Counted | None] | None = None
        if registry is not None:
            registry.register(self)

    def begin(self, ask: Callable[[], Counted | None]) -> None:
        """From now on ask for what is told.

        Args:
            ask: Returns what is counted, or None. It is called in a scrape's thread, while the
                event loop runs on, and must be quick: no waiting, no file, no query.
        """
        self._ask = ask

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it is now."""
        counted = None if self._ask is None else self._ask()
        if counted is not None:
            yield from self.tell(counted)

    @abstractmethod
    def tell(self, counted: Counted) -> Iterator[Metric]:
        """Yield every metric of what is counted."""
