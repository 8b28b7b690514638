"""Rows for spreadsheets, in which no text is ever a formula. Pure."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import TYPE_CHECKING

from iterm_mcp.models.event_queries import LINKS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.models.account_views import Comparison, Step
    from iterm_mcp.models.events import KeptEvent

    Cell = str | int | float | None

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a text begins that one spreadsheet or another would work out; wide letters count, too."""

_USAGE = ("input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning")
EVENT_COLUMNS = (
    "number", "at", "kept_at", "kind", "source", "subject", "text", *LINKS, "duration_seconds",
    *(f"{name}_tokens" for name in _USAGE), "dollars", "cost_basis", "payload", "key",
)  # fmt: skip


def write_row(cells: Iterable[Cell]) -> bytes:
    """Return one line of a CSV file."""
    line = StringIO()
    csv.writer(line).writerow([_safe(one) for one in cells])
    return line.getvalue().encode()


def event_cells(kept: KeptEvent) -> list[Cell]:
    """Return an event in the order of `EVENT_COLUMNS`."""
    event, usage, cost = kept.event, kept.event.usage, kept.event.cost
    unpriced = cost is not None and cost.basis == "unpriced"
    return [
        int(kept.number), event.at.isoformat(), kept.kept_at.isoformat(), event.kind.value,
        event.source, event.subject, event.text,
        *(getattr(event.links, name) for name in LINKS),
        event.duration_seconds,
        *(None if usage is None else getattr(usage, name) for name in _USAGE),
        None if cost is None or unpriced else cost.dollars,
        None if cost is None else cost.basis.value,
        json.dumps(dict(event.payload), ensure_ascii=False) if event.payload else None,
        event.key,
    ]  # fmt: skip


def comparison_rows(told: Comparison) -> Iterable[list[Cell]]:
    """Return the steps of conversations side by side, the heads first."""
    heads: list[Cell] = ["same"]
    for one in told.accounts:
        heads += [f"{one.conversation} {what}" for what in ("what", "subject", "outcome", "s")]
    yield heads
    for row in told.steps:
        cells: list[Cell] = ["yes" if row.same else "no"]
        for step in row.steps:
            cells += _step(step)
        yield cells
    if told.left_out:
        yield [f"{told.left_out} more steps are left out"]


def _step(step: Step | None) -> list[Cell]:
    if step is None:
        return [None] * 4
    return [step.what, step.subject, step.outcome.value, step.seconds]


def _safe(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    text = cell.replace("\0", "\ufffd")
    # Spreadsheets skip spaces before they look whether something is a formula.
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA) else text
