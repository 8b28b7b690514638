"""How messages end, told to who counts it, in few words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.deliveries import END_REASONS, EndReason, Stage
from iterm_mcp.services.deliveries.courier import NO_AGENT
from iterm_mcp.services.deliveries.evidence import GIVEN_UP, INTERRUPTED
from iterm_mcp.services.deliveries.following import STARTED_ANEW
from iterm_mcp.services.deliveries.guard import NOT_AMID_TURNS, NOTHING_TO_STEER
from iterm_mcp.services.deliveries.means import CANCELLED, SERVER_ENDED, SESSION_ENDED
from iterm_mcp.services.deliveries.service import NO_ROOM
from iterm_mcp.services.deliveries.shell import TERMINAL_AWAY

if TYPE_CHECKING:
    from iterm_mcp.models.deliveries import Delivery, Move


class DeliveryObserver(Protocol):
    """Is told how messages end."""

    def message_ended(self, outcome: Stage, reason: EndReason) -> None:
        """Note a message that has come to one of the final stages. Must not raise."""


_SENTENCES = {
    CANCELLED: EndReason.CANCELLED,
    NO_AGENT: EndReason.NO_AGENT,
    SESSION_ENDED: EndReason.SESSION_ENDED,
    TERMINAL_AWAY: EndReason.TERMINAL_AWAY,
    SERVER_ENDED: EndReason.SERVER_ENDED,
    NOTHING_TO_STEER: EndReason.NOT_NOW,
    NOT_AMID_TURNS: EndReason.NOT_NOW,
    INTERRUPTED: EndReason.INTERRUPTED,
    GIVEN_UP: EndReason.GIVEN_UP,
    STARTED_ANEW: EndReason.GIVEN_UP,
}
_NOT_TAKEN = (" composer", "Enter was ")
"""One of these stands in whatever is said of a message that a composer did not take."""

_STATES = tuple(f"{state.value}: " for state in AgentState)


def word_of(move: Move) -> EndReason:
    """Return why a message came to its end, in a word."""
    reasons = END_REASONS[move.stage]
    if len(reasons) == 1:
        return next(iter(reasons))
    found = EndReason.OTHER if move.reason else EndReason.NONE
    if move.reason in _SENTENCES:
        found = _SENTENCES[move.reason]
    elif move.reason.startswith(_STATES):
        found = EndReason.AGENT_ENDED
    elif NO_ROOM in move.reason:
        found = EndReason.NO_ROOM
    elif any(one in move.reason for one in _NOT_TAKEN):
        found = EndReason.NOT_TAKEN
    if found in reasons:
        return found
    return EndReason.NONE if move.stage is Stage.ENDED else EndReason.OTHER


def tell_end(delivery: Delivery, observer: DeliveryObserver) -> None:
    """Tell of a message that has come to its end by its last step; else do nothing."""
    move = delivery.moves[-1]
    if move.stage in END_REASONS:
        observer.message_ended(move.stage, word_of(move))
