"""What the daemon itself tells people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fleet.parts.part import Part
from tests.fleet.stories import Ill

from iterm_mcp.models.alerts import AlertKind

if TYPE_CHECKING:
    from tests.fleet.parts.part import Life
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

SINKS = ("desktop", "team-chat")
CAUSES = {
    Ill.BUDGET_SPENT: AlertKind.BUDGET,
    Ill.AGENTS_STUCK: AlertKind.STUCK,
    Ill.APPROVALS_WAIT: AlertKind.WAITING,
    Ill.MESSAGES_UNKNOWN: AlertKind.DEAD_LETTER,
    Ill.EVENTS_TROUBLED: AlertKind.INTAKE,
    Ill.LIMITS_EXCEEDED: AlertKind.OVER_LIMIT,
}
TOLD = 1.5
"""Notifications in a busy hour, when all is well."""


class Alerts(Part):
    """Alerts that are open, and notifications of them."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self.metrics.alerts.sinks_known(SINKS)

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Open what is wrong, and tell of it."""
        del time
        standing = {kind: 1 for ill, kind in CAUSES.items() if moment.is_ill(ill)}
        self.metrics.alerts.alerts_standing(standing)
        sinks_fail = moment.is_ill(Ill.SINKS_FAIL)  # each failure is told of, too
        told = self.chance.times((TOLD * (8 if sinks_fail else 1)) * moment.busy_hours)
        for _ in range(told + self.chance.times(2 * len(standing) * moment.busy_hours)):
            fails = sinks_fail and self.chance.happens(0.7)
            self.metrics.alerts.notified(self.chance.pick(SINKS), "failed" if fails else "sent")
