"""What a recording rule and an alert are, and what they are in Prometheus's own words. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREFIX = "ItermMcp"
RUNBOOKS = "docs/runbooks"

CRITICAL, WARNING, INFO = "critical", "warning", "info"
SEVERITIES = (CRITICAL, WARNING, INFO)

DAEMON = "job, instance"
"""The labels of one daemon: every alert is one daemon's."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that is computed.

    Attributes:
        name: ``level:metric:operations``, as Prometheus's practice has it.
    """

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def rule(self) -> dict[str, Any]:
        """Return it as it stands in a file of rules."""
        found: dict[str, Any] = {"record": self.name, "expr": self.expr}
        return found | ({"labels": dict(self.labels)} if self.labels else {})


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule that fires.

    Attributes:
        name: Without the prefix that all have.
        path: The critical path that it watches, in a few words.
        held: How long the expression must hold before it fires, as Prometheus writes times.
        summary, description: What people read; templates of Prometheus.
        told: The daemon finds and tells the same by itself, so its own sinks are not told twice.
        labels: More labels.
    """

    name: str
    path: str
    expr: str
    held: str
    severity: str
    summary: str
    description: str
    told: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """The name that Prometheus knows."""
        return f"{PREFIX}{self.name}"

    @property
    def section(self) -> str:
        """The section of the runbook: of an objective there is one for all its alerts."""
        return self.labels.get("slo", self.full_name)

    def rule(self, family: str) -> dict[str, Any]:
        """Return it as it stands in a file of rules."""
        labels = {"severity": self.severity, "path": family, **self.labels}
        if self.told:
            labels["told"] = "daemon"
        return {
            "alert": self.full_name,
            "expr": self.expr,
            **({"for": self.held} if self.held else {}),
            "labels": labels,
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{runbook_of(family)}#{self.section.lower()}",
            },
        }


@dataclass(frozen=True, slots=True)
class Family:
    """Alerts about one part, which share a runbook.

    Attributes:
        name: Of the runbook's file, too.
    """

    name: str
    title: str
    alerts: Sequence[Alert]


def runbook_of(family: str) -> str:
    """Return where a family's runbook stands, from the root of the repository."""
    return f"{RUNBOOKS}/{family}.md"


def total(metric: str, window: str, by: str = DAEMON, where: str = "") -> str:
    """Return how much counters have grown in a window, as one number of a daemon.

    Args:
        where: Which of them, as matchers of labels.
    """
    return f"sum by ({by}) (increase({_picked(metric, where)}[{window}]))"


def sums(metric: str, by: str = DAEMON, where: str = "") -> str:
    """Return gauges of a daemon as one number."""
    return f"sum by ({by}) ({_picked(metric, where)})"


def share(metric: str, window: str, bad: str, every: str = "") -> str:
    """Return which part of what is counted is bad; nothing where nothing was counted."""
    counted = total(metric, window, where=every)
    return f"{total(metric, window, where=bad)}\n  / ({counted} > 0)"


def _picked(metric: str, where: str) -> str:
    return f"{metric}{{{where}}}" if where else metric


def both(*conditions: str) -> str:
    """Return what holds when all conditions do; the value is the first one's."""
    return "\nand\n".join(conditions)
