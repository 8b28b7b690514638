"""Alerts that an Alertmanager pushes become ours: kept, recorded as events, told by our sinks."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import structlog

from iterm_mcp.errors import StoreError
from iterm_mcp.models.alerts import AlertKind, Finding, Severity
from iterm_mcp.services.background import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import datetime

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.alerts import PushedAlert
    from iterm_mcp.services.alerts.book import Alerts

log = structlog.get_logger()

SILENT_HOURS = 25.0
"""An Alertmanager says again what still fires; of what it says no more, nobody knows the end."""

EVERY_SECONDS = 600.0
MOST_KNOWN = 5000
MOST_NAME = 100
MOST_TEXT = 1000

TOLD_HERE = ("told", "daemon")
"""The label of rules that find what the daemon finds itself, and has told people by then."""

_SEVERITIES = {
    "critical": Severity.CRITICAL, "page": Severity.CRITICAL, "emergency": Severity.CRITICAL,
    "info": Severity.INFO, "none": Severity.INFO, "notice": Severity.INFO,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of alerts that were pushed.

    Attributes:
        raised: They fire; those that were known cost nothing.
        settled: They are over.
        outdated: They are of an earlier occurrence than one that was told since.
    """

    raised: int = 0
    settled: int = 0
    outdated: int = 0


class PushedAlerts:
    """Takes what Alertmanagers push. The same told twice is told once.

    An alert is known by its fingerprint and by when it began, whichever group of whichever
    Alertmanager it comes in. One that began earlier than what was told last is no news.
    """

    def __init__(self, alerts: Alerts, clock: Clock) -> None:
        self._alerts = alerts
        self._clock = clock
        self._begun = clock.now()
        self._starts: dict[str, datetime] = {}
        self._heard: dict[str, datetime] = {}

    async def take(self, pushed: Sequence[PushedAlert]) -> Taken:
        """Raise what fires, and settle what is over.

        Raises:
            StoreError: Not all can be kept; told again, those that were are told once.
        """
        raised = settled = outdated = 0
        for one in pushed:
            subject = _subject(one)
            if one.starts_at < self._starts.get(subject, one.starts_at):
                outdated += 1
            elif one.fires:
                tell = one.labels.get(TOLD_HERE[0]) != TOLD_HERE[1]
                await self._alerts.raise_alert(_finding(one, subject), tell=tell)
                raised += 1
                self._note(subject, one.starts_at)
            else:
                await self._alerts.settle(AlertKind.MONITOR, subject)
                settled += 1
                self._note(subject, one.starts_at)
        return Taken(raised, settled, outdated)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Settle what nobody tells any more, for the length of the block."""
        async with beside(self._run):
            yield

    async def look(self) -> None:
        """Settle what was not told for `SILENT_HOURS`: its Alertmanager was taken down.

        Raises:
            StoreError: It cannot be kept.
        """
        now = self._clock.now()
        for subject in await self._alerts.open_subjects(AlertKind.MONITOR):
            heard = self._heard.get(subject, self._begun)
            if now - heard >= timedelta(hours=SILENT_HOURS):
                log.info("pushed_alert_not_heard_of", subject=subject, since=heard.isoformat())
                await self._alerts.settle(AlertKind.MONITOR, subject)

    async def _run(self) -> None:
        while True:
            await anyio.sleep(EVERY_SECONDS)
            try:
                await self.look()
            except StoreError as error:
                log.warning("pushed_alerts_not_looked_at", reason=str(error))

    def _note(self, subject: str, starts_at: datetime) -> None:
        for known, value in ((self._starts, starts_at), (self._heard, self._clock.now())):
            known.pop(subject, None)  # those heard of last stand last
            known[subject] = value
            while len(known) > MOST_KNOWN:
                del known[next(iter(known))]


def _subject(one: PushedAlert) -> str:
    name = _plain(one.labels.get("alertname", "alert"), MOST_NAME)
    return f"{name} {_plain(one.fingerprint, MOST_NAME)}"


def _finding(one: PushedAlert, subject: str) -> Finding:
    severity = _SEVERITIES.get(one.labels.get("severity", "").lower(), Severity.WARNING)
    return Finding(AlertKind.MONITOR, subject, severity, _text(one))


def _text(one: PushedAlert) -> str:
    """Return what is wrong, in its rule's words; without any, its labels."""
    told = [_plain(one.annotations.get(key, ""), MOST_TEXT) for key in ("summary", "description")]
    found = ". ".join(part.rstrip(".") for part in told if part) or _labels(one.labels)
    runbook = _plain(one.annotations.get("runbook_url", ""), MOST_TEXT)
    return f"{found[:MOST_TEXT]} ({runbook})" if runbook else found[:MOST_TEXT]


def _labels(labels: Mapping[str, str]) -> str:
    return _plain(", ".join(f"{name}={value}" for name, value in sorted(labels.items())), MOST_TEXT)


def _plain(text: str, most: int) -> str:
    """Return a text that came from outside as one short line without control characters."""
    cut = text[:most]
    return " ".join("".join(char if char.isprintable() else " " for char in cut).split())
