"""What senders are told of their messages. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.models.deliveries import Stage
from iterm_mcp.models.ids import TeamName
from iterm_mcp.models.messages import Receipt, ReceiptState, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.models.messages import Resolved
    from iterm_mcp.models.observations import Json

STATES: Mapping[Stage, ReceiptState] = {
    Stage.ACCEPTED: ReceiptState.ACCEPTED,
    Stage.LEASED: ReceiptState.ACCEPTED,
    Stage.REFUSED: ReceiptState.REFUSED,
    Stage.EXPIRED: ReceiptState.REFUSED,
    Stage.UNKNOWN: ReceiptState.UNKNOWN,
}
"""What a stage comes to for who only wants to know whether it was typed; others: it was."""


def addressed(resolved: Resolved) -> dict[str, Json]:
    """Return what a message remembers of how it came to its agent."""
    return {"source": resolved.source.value, "team": resolved.team}


def receipt_of(delivery: Delivery, why: str = "") -> Receipt:
    """Return a message's receipt.

    Args:
        why: Why it waits, if it does.
    """
    details = delivery.details or {}
    team, last = details.get("team"), delivery.moves[-1]
    state = STATES.get(delivery.stage, ReceiptState.WRITTEN)
    since = last.at
    for move in reversed(delivery.moves):
        if STATES.get(move.stage, ReceiptState.WRITTEN) is not state:
            break
        since = move.at
    return Receipt(
        agent=delivery.agent,
        session_id=delivery.session_id,
        text=delivery.text,
        source=Source(str(details.get("source") or Source.AGENT.value)),
        team=TeamName(team) if isinstance(team, str) else None,
        state=state,
        reason=last.reason or (why if delivery.stage is Stage.ACCEPTED else ""),
        at=since,
        delivery_id=delivery.delivery_id,
        stage=delivery.stage,
        evidence=last.evidence,
    )


def typing_seconds(delivery: Delivery) -> float:
    """Return how long a message took from its turn in its session; 0 when it never came."""
    places = [place for place, move in enumerate(delivery.moves) if move.stage is Stage.LEASED]
    if not places or places[-1] + 1 == len(delivery.moves):
        return 0.0
    leased, after = delivery.moves[places[-1] : places[-1] + 2]
    return max(0.0, (after.at - leased.at).total_seconds())
