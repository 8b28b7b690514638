"""Alerts from when they are raised to when they are settled, each told once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.events import Event, EventKind, Links, event_key
from iterm_mcp.services.alerts.observing import SilentAlertObserver
from iterm_mcp.services.events.own_events import SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.alerts import Alert, AlertId, AlertKind, Finding
    from iterm_mcp.services.alerts.observing import AlertObserver
    from iterm_mcp.services.events.own_facts import Records
    from iterm_mcp.store.alerts import AlertStore

COOLDOWN = timedelta(minutes=10)
"""What comes back sooner is the same alert, and not told again."""

MOST_SETTLED = 500
MOST_NAME = 100


class Alerts:
    """Keeps alerts, has them recorded as events, and tells those that are news.

    Args:
        tell: Is given every alert that is news, and must not wait or raise.
        observer: Is told how many are open.

    Attributes:
        cooldown: What comes back sooner is the same alert, and not told again.
    """

    def __init__(
        self,
        store: AlertStore,
        recorder: Records,
        clock: Clock,
        tell: Callable[[Alert], None],
        cooldown: timedelta = COOLDOWN,
        observer: AlertObserver | None = None,
    ) -> None:
        self._observer = observer or SilentAlertObserver()
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._tell = tell
        self.cooldown = cooldown
        self._open: dict[tuple[AlertKind, str], Finding] | None = None

    async def raise_alert(self, finding: Finding, *, tell: bool = True) -> None:
        """Note that something is wrong. What is known already costs nothing.

        Args:
            tell: Whether people are told of it; else it is only kept and recorded.

        Raises:
            StoreError: It cannot be kept.
        """
        known = await self._known()
        place = (finding.kind, finding.subject)
        if known.get(place) == finding:
            return
        alert, news = await self._store.put(finding, self._clock.now(), self.cooldown)
        known[place] = finding
        self._count(known)
        if news:
            self._recorder.record(_event(EventKind.ALERT_RAISED, alert))
            if tell:
                self._tell(alert)

    async def settle(self, kind: AlertKind, subject: str) -> None:
        """Note that something is not wrong, any more or at all. What is known costs nothing.

        Raises:
            StoreError: It cannot be kept.
        """
        known = await self._known()
        if (kind, subject) not in known:
            return
        alert = await self._store.settle(kind, subject, self._clock.now())
        del known[kind, subject]
        self._count(known)
        if alert is not None:
            self._recorder.record(_event(EventKind.ALERT_SETTLED, alert))

    async def open_subjects(self, kind: AlertKind) -> frozenset[str]:
        """Return the subjects of a kind's open alerts.

        Raises:
            StoreError: They cannot be read.
        """
        return frozenset(subject for one, subject in await self._known() if one is kind)

    async def acknowledge(self, alert_id: AlertId, by: str) -> Alert:
        """Note that somebody has seen an alert; the first one counts.

        Raises:
            InvalidRequestError: The name is none.
            NotFoundError: There is no such alert.
            StoreError: It cannot be kept.
        """
        if not 0 < len(by.strip()) <= MOST_NAME:
            raise InvalidRequestError(
                "nobody acknowledges the alert", hint=f"Give a name of 1 to {MOST_NAME} characters."
            )
        alert = await self._store.acknowledge(alert_id, by.strip(), self._clock.now())
        if alert is None:
            raise NotFoundError("alert", str(alert_id), hint="List the alerts to see their ids.")
        return alert

    async def listed(self, settled: int = 0) -> tuple[Alert, ...]:
        """Return the open alerts, oldest first, and behind them the last settled ones.

        Raises:
            StoreError: They cannot be read.
        """
        return await self._store.listed(min(max(settled, 0), MOST_SETTLED))

    async def _known(self) -> dict[tuple[AlertKind, str], Finding]:
        if self._open is None:
            self._open = {
                (one.finding.kind, one.finding.subject): one.finding
                for one in await self._store.listed()
            }
            self._count(self._open)
        return self._open

    def _count(self, known: Collection[tuple[AlertKind, str]]) -> None:
        self._observer.alerts_standing(Counter(kind for kind, _ in known))


def _event(kind: EventKind, alert: Alert) -> Event:
    finding = alert.finding
    at = alert.settled_at or alert.last_at
    return Event(
        key=event_key("own", kind, str(alert.alert_id), at.isoformat()),
        at=at,
        kind=kind,
        source=SOURCE,
        subject=f"{finding.kind} {finding.subject}"[:500],
        text=finding.text,
        links=Links(agent=finding.agent, team=finding.team),
        payload={
            "alert": int(alert.alert_id),
            "kind": finding.kind.value,
            "subject": finding.subject,
            "severity": finding.severity.value,
            "count": alert.count,
        },
    )
