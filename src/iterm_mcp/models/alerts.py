"""Alerts: something is wrong or waits for a person, from when to when, and who has seen it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

AlertId = NewType("AlertId", int)


class Severity(StrEnum):
    """How bad it is, the least first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Greater is worse."""
        return list(Severity).index(self)


class AlertKind(StrEnum):
    """What it is about; the subject says which one."""

    BUDGET = "budget"
    """A step of a budget was reached."""
    BUDGET_FILE = "budget_file"
    """Nobody understands the file of budgets."""
    STUCK = "stuck"
    """An agent works, and nothing was heard from it for long."""
    WAITING = "waiting"
    """An agent waits for a person for long."""
    FAILED = "failed"
    """An agent's turn failed, or it did."""
    CRASHED = "crashed"
    """An agent's process ended by itself."""
    QUARANTINED = "quarantined"
    """An agent crashed too often to be started again."""
    DEAD_LETTER = "dead_letter"
    """A message will not be delivered."""
    INTAKE = "intake"
    """Events are not kept, or late."""
    DISK = "disk"
    """The disk is nearly full."""
    OVER_LIMIT = "over_limit"
    """An agent or a command took more of the machine than it may."""
    DRIFT = "drift"
    """A way of doing work succeeds more or less often than it used to."""
    MONITOR = "monitor"
    """Monitoring from outside found it: a rule of Prometheus fires."""
    TEST = "test"
    """Somebody tries out whether notifications arrive."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is found to be wrong.

    Attributes:
        subject: Of the kind's: an agent, a delivery, a step of a budget. There is one open alert
            of a kind and subject at most.
    """

    kind: AlertKind
    subject: str
    severity: Severity
    text: str
    agent: str = ""
    team: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding from when it was raised to when it was settled.

    Attributes:
        count: How often it was raised: again soon after it was settled, it is the same alert.
        settled_at: None while it is open.
        acknowledged_by: Who has seen it; empty when nobody said so.
    """

    alert_id: AlertId
    finding: Finding
    raised_at: datetime
    last_at: datetime
    count: int = 1
    settled_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""


@dataclass(frozen=True, slots=True)
class PushedAlert:
    """What an Alertmanager tells of one of its alerts.

    Attributes:
        fingerprint: Of its labels; the same alert has the same one for good.
        starts_at: When it began to fire; another time is another occurrence.
        fires: False when it is over.
    """

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    fires: bool
