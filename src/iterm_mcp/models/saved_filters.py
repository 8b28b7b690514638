"""Queries of events that somebody wants to use again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """A query under a name.

    Attributes:
        query: As the parameters of ``GET /v1/events``.
    """

    name: str
    query: Mapping[str, Json]
    changed_at: datetime
