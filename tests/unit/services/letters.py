"""Messages for tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from iterm_mcp.models.deliveries import Delivery, DeliveryId, Move, Policy, Stage
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.testing.fake_clock import START


def letter(delivery_id: str = "d-1", text: str = "hello", **more: Any) -> Delivery:  # noqa: ANN401
    """Return a message that was just accepted."""
    values: dict[str, Any] = {
        "delivery_id": DeliveryId(delivery_id),
        "agent": AgentName("ada"),
        "session_id": SessionId("S"),
        "text": text,
        "policy": Policy.MESSAGE,
        "priority": 0,
        "accepted_at": START,
        "not_after": START + timedelta(hours=1),
        "moves": (Move(Stage.ACCEPTED, START),),
        "details": {},
    }
    return Delivery(**{**values, **more})
