"""What is told where, when, and in which words. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.alerts import Severity
from iterm_mcp.models.notices import Notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.alerts import Alert
    from iterm_mcp.models.notices import QuietHours, SinkSettings

MOST_BODY = 3000
MOST_TITLE = 200


def wants(sink: SinkSettings, alert: Alert) -> bool:
    """Return whether a sink is told of an alert."""
    finding = alert.finding
    return (
        finding.severity.rank >= sink.least.rank
        and (not sink.kinds or finding.kind in sink.kinds)
        and (not sink.teams or finding.team in sink.teams)
    )


def tell_at(
    severity: Severity, now: datetime, digest_seconds: float, quiet: QuietHours | None
) -> datetime:
    """Return when something is told that is found now."""
    at = now if severity is Severity.CRITICAL else now + timedelta(seconds=digest_seconds)
    if quiet is None or severity.rank >= quiet.unless.rank:
        return at
    local = at.astimezone(quiet.zone)
    clock, begin, end = local.time(), quiet.begin, quiet.end
    is_quiet = begin <= clock < end if begin <= end else clock >= begin or clock < end
    if not is_quiet:
        return at
    day = local.date() + timedelta(days=1 if begin > end and clock >= begin else 0)
    morning = datetime.combine(day, end)
    aware = morning.astimezone() if quiet.zone is None else morning.replace(tzinfo=quiet.zone)
    return max(at, aware.astimezone(now.tzinfo))


def notice_of(notice_id: str, alerts: Sequence[Alert], now: datetime) -> Notice:
    """Return what is told of alerts: each once, the worst first."""
    latest = {one.alert_id: one for one in alerts}
    ordered = sorted(latest.values(), key=lambda one: (-one.finding.severity.rank, one.alert_id))
    worst = ordered[0].finding
    if len(ordered) == 1:
        title = f"{worst.severity}: {worst.kind} {worst.subject}"
        body = worst.text
    else:
        title = f"{len(ordered)} alerts, the worst {worst.severity}: {worst.kind} {worst.subject}"
        body = "\n".join(f"{one.finding.severity}: {one.finding.text}" for one in ordered)
    if len(body) > MOST_BODY:
        body = f"{body[:MOST_BODY]}…"
    return Notice(notice_id, now, worst.severity, _plain(title)[:MOST_TITLE], body, tuple(ordered))


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
