"""Figures with their baselines, and the table that shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured.

    Attributes:
        value: In `unit`; less is better.
        baseline: What the same thing costs without us, by name; empty for a baseline itself.
        aim: What we want to stay under; None where there is no aim.
        note: How it was measured, shown behind the name.
    """

    name: str
    value: float
    unit: str
    baseline: str = ""
    aim: float | None = None
    note: str = ""

    def shown(self) -> str:
        """Return it as a line of its own."""
        return f"{self.name}{self.note}: {self.value:,.2f} {self.unit}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def table(figures: Sequence[Figure]) -> Table:
    """Return the figures as a table; each stands beside the ratio to its baseline."""
    values = {figure.name: figure.value for figure in figures}
    grid = Table("what", "measured", "aim", "beside", "ratio", title="Benchmarks")
    for figure in figures:
        base = values.get(figure.baseline)
        grid.add_row(
            figure.name + figure.note,
            f"{figure.value:,.2f} {figure.unit}",
            "" if figure.aim is None else f"{figure.aim:g} {figure.unit}",
            figure.baseline if base is not None else "",
            "" if not base else f"{figure.value / base:.2f}x",
        )
    return grid
