"""What a scrape of a machine would have brought, with the labels and the time that it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import CollectorRegistry, Metric
    from tests.fleet.fleet import Machine

JOB = "iterm-mcp"
END = "# EOF\n"


def escaped(value: str) -> str:
    """Return a label's value as it is written between quotes."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


class Writer:
    """Writes samples in OpenMetrics with a time, and remembers what stands before each value.

    Args:
        wanted: Which samples are written, by name: ``iterm_mcp_tool_duration_seconds_bucket``.
    """

    def __init__(self, wanted: Callable[[str], bool] = bool) -> None:
        self._wanted = wanted
        self._heads: dict[tuple[str, ...], str] = {}

    def samples(self, machine: Machine, at: float) -> str:
        """Return a machine's samples, a line each, without types and without the end."""
        return "".join(self._lines(machine, at))

    def _lines(self, machine: Machine, at: float) -> Iterator[str]:
        tail = f" {at:.3f}\n"
        yield f'up{{job="{JOB}",instance="{machine.name}"}} 1.0{tail}'
        for family in self._families(machine.metrics.registry):
            for sample in family.samples:
                if self._wanted(sample.name) and not sample.name.endswith("_created"):
                    yield self._head(machine.name, sample.name, sample.labels)
                    yield repr(float(sample.value))
                    yield tail

    def _families(self, registry: CollectorRegistry) -> Iterator[Metric]:
        """Yield what may hold something wanted; histograms that do not cost too much to pass."""
        for collector, names in registry._collector_to_names.items():
            if not names or any(map(self._wanted, names)):
                yield from collector.collect()

    def _head(self, instance: str, name: str, labels: dict[str, str]) -> str:
        key = (instance, name, *labels.values())
        known = self._heads.get(key)
        if known is None:
            told = {**labels, "job": JOB, "instance": instance}
            inner = ",".join(f'{label}="{escaped(value)}"' for label, value in told.items())
            known = self._heads[key] = f"{name}{{{inner}}} "
        return known
