"""Tokens and money added up. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.accounts import Spent
from iterm_mcp.models.events import CostBasis, TokenUsage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.models.events import Event

FIELDS = tuple(TokenUsage.__dataclass_fields__)


def spent_on(events: Iterable[Event]) -> Spent:
    """Return what the events that are answers of models spent; others count for nothing."""
    tokens = dict.fromkeys(FIELDS, 0)
    money = dict.fromkeys(CostBasis, 0)
    unpriced = answers = 0
    for event in events:
        if event.usage is None:
            continue
        answers += 1
        for name in FIELDS:
            tokens[name] += getattr(event.usage, name)
        if event.cost is None or event.cost.basis is CostBasis.UNPRICED:
            unpriced += event.usage.total
        else:
            money[event.cost.basis] += event.cost.nanodollars
    return Spent(
        TokenUsage(**tokens),
        money[CostBasis.REPORTED],
        money[CostBasis.COMPUTED],
        unpriced,
        answers,
    )
