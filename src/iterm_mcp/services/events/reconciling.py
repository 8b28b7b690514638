"""What answers cost by price lists, beside what the agents themselves say that it was. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterm_mcp.models.events import CostBasis, EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.models.event_queries import Sums
    from iterm_mcp.models.events import Event

AGREE_PERCENT = 1.0
ONE_ANSWER = "answer.cost"
"""Metrics of what one answer cost; they add up."""
GROWING = "cost.total"
"""Metrics of what a conversation has cost so far; the largest counts."""
SINCE_LAST = "claude_code.cost.usage"
"""Metrics of what was spent since the one before; they add up to the same as `ONE_ANSWER`."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One conversation's cost from both sides.

    Attributes:
        computed: Billionths of a dollar by price lists.
        reported: Billionths of a dollar that the agent says; None if it says nothing.
        unpriced: Tokens of answers of which no list knows the price; `computed` leaves them out.
        nanodollars: What it cost, as far as is known: what was reported, if anything was.
        basis: Where `nanodollars` comes from.
        difference_percent: How much more was computed than reported, of what was reported; less is
            below 0. None if nothing was reported, or if not everything could be computed.
    """

    conversation: str
    kind: str
    answers: int
    computed: int
    reported: int | None
    unpriced: int
    nanodollars: int
    basis: CostBasis
    difference_percent: float | None

    def agrees(self, within_percent: float = AGREE_PERCENT) -> bool | None:
        """Tell whether both sides say about the same; None where they cannot be compared."""
        if self.difference_percent is None:
            return None
        return abs(self.difference_percent) <= within_percent


def nothing_spent(conversation: str) -> Reconciliation:
    """Return the reconciliation of a conversation that cost nothing, and that nobody says did."""
    return _reconciled(conversation, _Sides())


def reconcile_sums(
    conversation: str, kind: str, sums: Sums, claims: Iterable[Event]
) -> Reconciliation:
    """Return both sides of a conversation whose answers were added up already.

    Args:
        sums: Of all its answers. They tell not how many there were, so `Reconciliation.answers`
            is 0, and `Reconciliation.unpriced` counts answers, not tokens.
        claims: Its `EventKind.METRIC_REPORTED`.
    """
    sides = _Sides(
        kind,
        0,
        sums.computed_nanodollars + sums.reported_nanodollars,
        sums.reported_nanodollars,
        sums.unpriced,
    )
    for event in claims:
        said = _said(event.payload)
        if said is not None:
            _claim(sides, event, *said)
    return _reconciled(conversation, sides)


@dataclass(slots=True)
class _Sides:
    kind: str = ""
    answers: int = 0
    computed: int = 0
    said_with_answers: int = 0
    unpriced: int = 0
    sums: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


def reconcile(events: Iterable[Event]) -> tuple[Reconciliation, ...]:
    """Return both sides of every conversation that cost something, in the order of its id.

    An agent that says it in several ways says it in parts, perhaps: then the most counts. What is
    said with an answer itself counts on both sides.

    Args:
        events: Each fact once, in any order.
    """
    found: defaultdict[str, _Sides] = defaultdict(_Sides)
    for event in events:
        conversation = event.links.conversation
        if event.usage is not None:
            _answer(found[conversation], event)
        elif event.kind is EventKind.METRIC_REPORTED and conversation:
            said = _said(event.payload)
            if said is not None:
                _claim(found[conversation], event, *said)
        if conversation in found:
            found[conversation].kind = found[conversation].kind or event.links.kind
    return tuple(_reconciled(name, sides) for name, sides in sorted(found.items()))


def _answer(sides: _Sides, event: Event) -> None:
    sides.answers += 1
    cost = event.cost
    if cost is None or cost.basis is CostBasis.UNPRICED:
        sides.unpriced += event.usage.total if event.usage is not None else 0
        return
    sides.computed += cost.nanodollars
    if cost.basis is CostBasis.REPORTED:
        sides.said_with_answers += cost.nanodollars


def _said(payload: Mapping[str, object]) -> tuple[str, int] | None:
    name, value, unit = payload.get("name"), payload.get("value"), payload.get("unit")
    if name not in {ONE_ANSWER, GROWING, SINCE_LAST} or unit != "USD":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:  # noqa: PLR2004 - no cost
        return None
    return str(name), round(value * 1e9)


def _claim(sides: _Sides, event: Event, name: str, nanodollars: int) -> None:
    if name == GROWING or event.payload.get("sum") == "so_far":
        sides.sums[f"{name} so far"] = max(sides.sums[f"{name} so far"], nanodollars)
    else:
        sides.sums[name] += nanodollars


def _reconciled(conversation: str, sides: _Sides) -> Reconciliation:
    claims = list(sides.sums.values())
    if sides.said_with_answers:
        claims.append(sides.said_with_answers)
    said = max(claims, default=None)
    computed, unpriced = sides.computed, sides.unpriced
    basis = CostBasis.UNPRICED if unpriced and not computed else CostBasis.COMPUTED
    return Reconciliation(
        conversation,
        sides.kind,
        sides.answers,
        computed,
        said,
        unpriced,
        nanodollars=computed if said is None else said,
        basis=basis if said is None else CostBasis.REPORTED,
        difference_percent=(computed - said) * 100 / said if said and not unpriced else None,
    )
