"""Agents' own records, read line by line: JSON objects, of which some may be torn. Pure."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.models.events import Event
    from iterm_mcp.models.observations import Json


class LineEvents(ABC):
    """Reads the lines of one file, in order; a file is begun with a reader of its own.

    Attributes:
        skipped: How many lines could not be read, for being torn or of no known form.
    """

    def __init__(self) -> None:
        self.skipped = 0

    def read(self, lines: Iterable[bytes]) -> list[Event]:
        """Return what further lines tell."""
        told: list[Event] = []
        for raw in lines:
            if not raw.strip():
                continue
            try:
                line = json.loads(raw)
            except (ValueError, RecursionError):
                line = None
            found = self._line(line) if isinstance(line, dict) else None
            if found is None:
                self.skipped += 1
            else:
                told += found
        return told

    @property
    def holding(self) -> bool:
        """Whether something is held back until more is known."""
        return False

    def finish(self) -> list[Event]:
        """Return what was held back; call it at the file's end."""
        return []

    @abstractmethod
    def _line(self, line: Mapping[str, Json]) -> list[Event] | None:
        """Return what a line tells; None when it is of no known form."""
