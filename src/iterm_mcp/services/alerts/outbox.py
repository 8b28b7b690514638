"""What waits to be told by one sink: gathered, tried again, held back where nothing arrives."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import structlog

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.services.alerts.observing import SilentAlertObserver
from iterm_mcp.services.alerts.quiet import notice_of, tell_at

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock
    from iterm_mcp.models.alerts import Alert
    from iterm_mcp.models.notices import Notice, QuietHours, SinkSettings
    from iterm_mcp.services.alerts.observing import AlertObserver

log = structlog.get_logger()

MOST_WAITING = 500
MOST_TRIES = 6
FIRST_RETRY_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 300.0
FAILURES_MOST = 4
"""After so many in a row nothing is tried for a while."""
OPEN_SECONDS = 300.0
DEAD_MOST = 50


class NotSentError(ItermMcpError):
    """A notice did not arrive.

    Attributes:
        again: Whether it may arrive later.
        after_seconds: Before then it will not; 0 where nobody said.
    """

    default_code = "notice_not_sent"
    outcome = "unavailable"

    def __init__(self, message: str, *, again: bool, after_seconds: float = 0.0) -> None:
        super().__init__(message, hint="Look at the sink's settings in alerts.toml.")
        self.again = again
        self.after_seconds = min(after_seconds, LONGEST_RETRY_SECONDS)


class Channel(Protocol):
    """Sends notices somewhere."""

    async def send(self, notice: Notice) -> None:
        """Send a notice; the same one twice has the same id.

        Raises:
            NotSentError: It did not arrive, as far as is known.
        """


@dataclass(slots=True)
class _Waiting:
    alert: Alert
    due: datetime


@dataclass(slots=True)
class _Trying:
    notice: Notice
    due: datetime
    tries: int = 0


class Outbox:
    """Alerts for one sink.

    Attributes:
        sent, failed, dropped: Notices that arrived, that were given up, alerts without room.
        dead: The last notices that were given up, with why.
        problem: Why the last try failed; empty when it did not.
        is_busy: Whether a notice is on its way.
    """

    def __init__(
        self,
        settings: SinkSettings,
        channel: Channel,
        clock: Clock,
        observer: AlertObserver | None = None,
    ) -> None:
        self._observer = observer or SilentAlertObserver()
        self.settings = settings
        self.sent = self.failed = self.dropped = 0
        self.dead: deque[tuple[Notice, str]] = deque(maxlen=DEAD_MOST)
        self.problem = ""
        self._channel = channel
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._trying: _Trying | None = None
        self._failures = 0
        self._closed_until: datetime | None = None
        self.is_busy = False

    @property
    def waiting(self) -> int:
        """How many alerts wait to be told."""
        return len(self._waiting) + (len(self._trying.notice.alerts) if self._trying else 0)

    def put(self, alert: Alert, quiet: QuietHours | None) -> None:
        """Take an alert. Without room the oldest one is dropped."""
        now = self._clock.now()
        due = tell_at(alert.finding.severity, now, self.settings.digest_seconds, quiet)
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.dropped += 1
            self._observer.notified(self.settings.name, "dropped")
        self._waiting.append(_Waiting(alert, due))

    def take_over(self, other: Outbox) -> None:
        """Go on with what waits in another one, and with its counts.

        What the other one is just sending may be sent twice, with the same id.
        """
        self._waiting, self._trying = other._waiting, other._trying
        self.sent, self.failed, self.dropped = other.sent, other.failed, other.dropped
        self.dead = other.dead

    async def flush(self) -> None:
        """Send what is due: all of it as one notice, which is tried again at later calls."""
        if self.is_busy:
            return
        self.is_busy = True
        try:
            await self._flush()
        finally:
            self.is_busy = False

    async def _flush(self) -> None:
        now = self._clock.now()
        if self._closed_until is not None and now < self._closed_until:
            return
        if self._trying is None:
            due = [one for one in self._waiting if one.due <= now]
            if not due:
                return
            self._waiting = deque(one for one in self._waiting if one.due > now)
            notice = notice_of(uuid4().hex, [one.alert for one in due], now)
            self._trying = _Trying(notice, now)
        if self._trying.due <= now:
            await self._try(self._trying)

    async def send_test(self, notice: Notice) -> None:
        """Send a notice at once, once, whatever waits.

        Raises:
            NotSentError: It did not arrive.
        """
        await self._channel.send(notice)
        self._arrived()

    async def _try(self, trying: _Trying) -> None:
        trying.tries += 1
        try:
            await self._channel.send(trying.notice)
        except NotSentError as error:
            self._not_arrived(trying, error)
        else:
            self._trying = None
            self.sent += 1
            self._observer.notified(self.settings.name, "sent")
            self._arrived()

    def _arrived(self) -> None:
        self.problem, self._failures, self._closed_until = "", 0, None

    def _not_arrived(self, trying: _Trying, error: NotSentError) -> None:
        now = self._clock.now()
        self.problem = str(error)
        self._failures += 1
        log.warning("notice_not_sent", sink=self.settings.name, reason=self.problem)
        if not error.again or trying.tries >= MOST_TRIES:
            self.failed += 1
            self._observer.notified(self.settings.name, "failed")
            self.dead.append((trying.notice, self.problem))
            self._trying = None
        else:
            pause = FIRST_RETRY_SECONDS * 2 ** (trying.tries - 1)
            pause = max(min(pause, LONGEST_RETRY_SECONDS), error.after_seconds)
            trying.due = now + timedelta(seconds=pause)
        if self._failures >= FAILURES_MOST:
            self._closed_until = now + timedelta(seconds=OPEN_SECONDS)
