"""Alerts and channels, made in few words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from iterm_mcp.models.alerts import Alert, AlertId, AlertKind, Finding, Severity
from iterm_mcp.models.notices import Form, SinkSettings

if TYPE_CHECKING:
    from iterm_mcp.models.notices import Notice
    from iterm_mcp.services.alerts.outbox import NotSentError

NOON = datetime(2026, 1, 7, 12, tzinfo=UTC)
HOOK = SinkSettings("ops", Form.WEBHOOK, "https://example.org/hook")


def alert(
    number: int = 1,
    severity: Severity = Severity.WARNING,
    *,
    kind: AlertKind = AlertKind.STUCK,
    text: str = "nothing was heard",
    team: str = "dev",
) -> Alert:
    finding = Finding(kind, f"agent{number}", severity, text, f"agent{number}", team)
    return Alert(AlertId(number), finding, NOON, NOON)


class Wire:
    """A channel that keeps what is sent, or fails as told."""

    def __init__(self) -> None:
        self.sent: list[Notice] = []
        self.errors: list[NotSentError] = []

    async def send(self, notice: Notice) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(notice)
