"""Screens to be read: recorded ones, and such that a test draws."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iterm_mcp.models.sessions import Screen, Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.models.observations import Fact, Json, Sighting

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"


def drawn(*rows: str, cursor: tuple[int, int] | None = None, size: Size | None = None) -> Screen:
    """Return a screen with these rows; the cursor is at the end of the last one unless told."""
    column, row = cursor or (len(rows[-1]) if rows else 0, max(len(rows) - 1, 0))
    return Screen(rows, 0, column, row, size or Size(90, max(len(rows), 1)))


def recorded(kind: str, name: str) -> tuple[Screen, str]:
    """Return a recorded screen and its title; see the README beside it."""
    head, *rows = (FIXTURES / kind / f"{name}.txt").read_text("utf-8").split("\n")
    place, _, title = head.partition("|")
    column, row = map(int, place.split(","))
    return drawn(*rows, cursor=(column, row), size=Size(90, 30)), title


def facts(sightings: Iterable[Sighting]) -> Mapping[Fact, Mapping[str, Json]]:
    """Return the values by their facts; each fact is told once."""
    told = list(sightings)
    found = {one.fact: one.value for one in told}
    assert len(found) == len(told)
    return found
