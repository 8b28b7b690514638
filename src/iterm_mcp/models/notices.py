"""Notices: alerts on their way to people, by sinks that the user has set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from iterm_mcp.models.alerts import Severity

if TYPE_CHECKING:
    from datetime import datetime, time, tzinfo

    from iterm_mcp.models.alerts import Alert, AlertKind


class Form(StrEnum):
    """How a sink is spoken to."""

    WEBHOOK = "webhook"
    """JSON, signed as by Standard Webhooks."""
    SLACK = "slack"
    """Slack's incoming webhooks."""
    DISCORD = "discord"
    """Discord's webhooks."""
    EMAIL = "email"
    """SMTP: ``smtps://user:password@host?from=…&to=…``, or ``smtp://`` with STARTTLS."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When people are not disturbed.

    Attributes:
        begin, end: By the clock on the wall; over midnight where the end is the earlier one.
        zone: Of that clock; None for this machine's.
        unless: What is so bad is told all the same.
    """

    begin: time
    end: time
    zone: tzinfo | None = None
    unless: Severity = Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """One sink.

    Attributes:
        url: Where to; it is a secret.
        secret: The key of signatures; empty for none.
        allow_hosts: Hosts that may have private addresses and be spoken to without TLS.
        least, kinds, teams: What goes there; empty ones do not matter.
        digest_seconds: What comes within this time is told together, what is critical at once.
    """

    name: str
    form: Form
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    allow_hosts: frozenset[str] = frozenset()
    least: Severity = Severity.WARNING
    kinds: frozenset[AlertKind] = frozenset()
    teams: frozenset[str] = frozenset()
    digest_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told at once.

    Attributes:
        notice_id: The same however often it is sent.
        alerts: Those that it is about; none in a test.
    """

    notice_id: str
    at: datetime
    severity: Severity
    title: str
    body: str
    alerts: tuple[Alert, ...] = ()
