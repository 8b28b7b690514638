"""Messages for agents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.fleet.parts.part import Part
from tests.fleet.stories import Ill

from iterm_mcp.models.deliveries import EndReason, Stage
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.messages import Receipt, ReceiptState, Source
from iterm_mcp.telemetry.message_metrics import Waiting

if TYPE_CHECKING:
    from tests.fleet.parts.part import Life
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

SENT = 60
"""Messages in a busy hour."""
SOURCES = {Source.AGENT: 5, Source.TEAM: 3, Source.BROADCAST: 1}
ENDS = {
    (Stage.ENDED, EndReason.NONE): 94,
    (Stage.ENDED, EndReason.INTERRUPTED): 3,
    (Stage.REFUSED, EndReason.AGENT_ENDED): 0.2,
    (Stage.EXPIRED, EndReason.NONE): 0.2,
}
ILL_ENDS = {
    (Stage.UNKNOWN, EndReason.SERVER_ENDED): 3,
    (Stage.UNKNOWN, EndReason.NOT_TAKEN): 2,
    (Stage.REFUSED, EndReason.SESSION_ENDED): 2,
    (Stage.EXPIRED, EndReason.NONE): 1,
}
DEAD = {Stage.UNKNOWN, Stage.REFUSED, Stage.EXPIRED}
WELL = {ReceiptState.WRITTEN: 85, ReceiptState.ACCEPTED: 12, ReceiptState.PLANNED: 2,
        ReceiptState.REFUSED: 0.5}  # fmt: skip
LOST = {ReceiptState.UNKNOWN: 3, ReceiptState.REFUSED: 2, ReceiptState.WRITTEN: 2}


class Messages(Part):
    """Cascades, the receipts of what they hold, and how each message ends."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self._waiting = self._dead = 0
        self._oldest_seconds = self._asked_seconds = 0.0
        self.metrics.deliveries.waiting.begin(self._standing)

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Send the messages of a while."""
        del time
        sent = self.chance.times(SENT * moment.busy_hours)
        for _ in range(sent):
            state = self._state(moment)
            slow = 30 if moment.is_ill(Ill.SLOW) else 1
            receipt = Receipt(
                agent=AgentName("ann"),
                session_id=SessionId("s1"),
                text="x" * int(self.chance.seconds(200, 1.0)),
                source=self.chance.one_of(SOURCES),
                team=None,
                state=state,
                reason="",
                at=datetime.fromtimestamp(moment.at, UTC),
            )
            self.metrics.delivered(receipt, self.chance.seconds(0.03 * slow, 0.9))

        self._end(moment, sent)

    def _end(self, moment: Moment, sent: int) -> None:
        """End as many messages as were sent, unless none can be typed."""
        if moment.is_ill(Ill.MESSAGES_STUCK):
            self._waiting += sent
            self._oldest_seconds += moment.seconds
            sent //= 5
        else:
            self._waiting = self.chance.times(moment.activity / 2)
            self._oldest_seconds = self.chance.seconds(15) if self._waiting else 0.0
        if moment.is_ill(Ill.APPROVALS_WAIT):
            self._asked_seconds += moment.seconds
        else:
            self._asked_seconds = self.chance.seconds(20) * self.chance.happens(moment.activity / 9)
        for _ in range(sent):
            stage, reason = self.chance.one_of(
                ILL_ENDS if moment.is_ill(Ill.MESSAGES_UNKNOWN) else ENDS
            )
            self.metrics.deliveries.message_ended(stage, reason)
            self._dead += stage in DEAD and moment.is_ill(Ill.MESSAGES_UNKNOWN)

    def _standing(self) -> Waiting:
        return Waiting(
            messages=self._waiting,
            oldest_seconds=self._oldest_seconds,
            approvals_oldest_seconds=self._asked_seconds,
            dead_letters=self._dead,
        )

    def _state(self, moment: Moment) -> ReceiptState:
        if moment.is_ill(Ill.MESSAGES_STUCK):
            return ReceiptState.ACCEPTED
        return self.chance.one_of(LOST if moment.is_ill(Ill.MESSAGES_UNKNOWN) else WELL)
