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
    DESKTOP = "desktop"
    """This machine's own notifications, or the terminal's."""
    APPRISE = "apprise"
    """Whatever Apprise knows, by its addresses (github.com/caronc/apprise/wiki)."""


class Via(StrEnum):
    """How a person at this machine is told."""

    AUTO = "auto"
    """By a program if there is one, else by the terminal."""
    PROGRAM = "program"
    """notify-send, terminal-notifier, osascript."""
    OSC9 = "osc9"
    """iTerm2's sequence, which others know, too."""
    OSC777 = "osc777"
    """rxvt's, with a title."""
    OSC99 = "osc99"
    """kitty's."""


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
        url: Where to; it is a secret. Empty for a desktop.
        secret: The key of signatures; empty for none.
        allow_hosts: Hosts that may have private addresses and be spoken to without TLS.
        least, kinds, teams: What goes there; empty ones do not matter.
        digest_seconds: What comes within this time is told together, what is critical at once.
        via: Of a desktop.
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
    via: Via = Via.AUTO


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
