"""Tells people of alerts, by the sinks that they have set up."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
import structlog
from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.alerts import Severity
from iterm_mcp.models.notices import Form, Notice
from iterm_mcp.services.alerts.alert_file import AlertSettings, load_alert_file
from iterm_mcp.services.alerts.apprises import AppriseChannel
from iterm_mcp.services.alerts.desktop import DesktopChannel
from iterm_mcp.services.alerts.mailing import MailChannel
from iterm_mcp.services.alerts.observing import SilentAlertObserver
from iterm_mcp.services.alerts.outbox import Outbox
from iterm_mcp.services.alerts.quiet import wants
from iterm_mcp.services.alerts.webhooks import WebhookChannel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from anyio.abc import TaskGroup

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.alerts import Alert
    from iterm_mcp.models.notices import SinkSettings
    from iterm_mcp.services.alerts.desktop import Screens
    from iterm_mcp.services.alerts.observing import AlertObserver
    from iterm_mcp.services.alerts.outbox import Channel

log = structlog.get_logger()

EVERY_SECONDS = 1.0
"""How often what waits is looked at."""


def channels_over(screens: Screens) -> Callable[[SinkSettings], Channel]:
    """Return what makes the channel of a sink.

    Args:
        screens: Where the terminal's own notifications are shown.
    """

    def open_channel(settings: SinkSettings) -> Channel:
        match settings.form:
            case Form.EMAIL:
                return MailChannel(settings)
            case Form.DESKTOP:
                return DesktopChannel(settings, screens)
            case Form.APPRISE:
                return AppriseChannel(settings)
            case _:
                return WebhookChannel(settings)

    return open_channel


class Notifier:
    """Sorts alerts into the sinks' outboxes, and empties these.

    What waits is not kept when the daemon ends; the alerts themselves are.

    Attributes:
        apply: Is told of settings that were read.
        problem: Why the file of settings is not in force; empty when it is.
    """

    def __init__(
        self,
        path: str,
        clock: Clock,
        make_channel: Callable[[SinkSettings], Channel],
        observer: AlertObserver | None = None,
    ) -> None:
        self._observer = observer or SilentAlertObserver()
        self._path = path
        self._clock = clock
        self._make_channel = make_channel
        self._seen: object = None
        self._settings = AlertSettings()
        self._outboxes: dict[str, Outbox] = {}
        self.apply: Callable[[AlertSettings], None] | None = None
        self.problem = ""

    def tell(self, alert: Alert) -> None:
        """Have people told of an alert. Never waits and never raises."""
        for outbox in self._outboxes.values():
            if wants(outbox.settings, alert):
                outbox.put(alert, self._settings.quiet)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell what is due for the length of the block."""
        await self.load()
        async with anyio.create_task_group() as group:
            group.start_soon(self._run, group)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    async def load(self) -> None:
        """Read the settings if their file has changed; what nobody understands changes nothing."""
        seen = await to_thread.run_sync(_fingerprint, self._path)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            settings = await to_thread.run_sync(load_alert_file, self._path, os.environ)
        except InvalidRequestError as error:
            self.problem = str(error)
            log.warning("alert_file_unusable", reason=self.problem, hint=error.hint)
            return
        self.problem = ""
        self._use(settings)

    async def listed(self) -> list[dict[str, Any]]:
        """Return the sinks, and how they do, without their secrets.

        Raises:
            InvalidRequestError: Nobody understands the file of settings.
        """
        await self._load_now()
        return [
            {
                "name": name,
                "form": one.settings.form.value,
                "least": one.settings.least.value,
                "kinds": sorted(one.settings.kinds),
                "teams": sorted(one.settings.teams),
                "sent": one.sent,
                "failed": one.failed,
                "dropped": one.dropped,
                "waiting": one.waiting,
                "problem": one.problem,
                "dead_letters": [
                    {"title": notice.title, "at": notice.at.isoformat(), "reason": reason}
                    for notice, reason in one.dead
                ],
            }
            for name, one in self._outboxes.items()
        ]

    async def try_sink(self, name: str) -> None:
        """Send a test by a sink, at once, whatever the hours are.

        Raises:
            InvalidRequestError: Nobody understands the file of settings.
            NotFoundError: There is no such sink.
            NotSentError: It did not arrive.
        """
        await self._load_now()
        if name not in self._outboxes:
            known = ", ".join(self._outboxes) or "none"
            raise NotFoundError("sink", name, hint=f"In alerts.toml there are: {known}.")
        notice = Notice(
            uuid4().hex,
            self._clock.now(),
            Severity.INFO,
            "a test of notifications",
            "iterm-mcp can reach you here.",
        )
        await self._outboxes[name].send_test(notice)

    async def _load_now(self) -> None:
        await self.load()
        if self.problem:
            raise InvalidRequestError(
                self.problem, hint="Mend it, or remove it.", code="bad_alert_file"
            )

    def _use(self, settings: AlertSettings) -> None:
        outboxes = {}
        for one in settings.sinks:
            outbox = Outbox(one, self._make_channel(one), self._clock, self._observer)
            if one.name in self._outboxes:
                outbox.take_over(self._outboxes[one.name])
            outboxes[one.name] = outbox
        self._settings, self._outboxes = settings, outboxes
        self._observer.sinks_known(outboxes)
        if self.apply is not None:
            self.apply(settings)

    async def _run(self, group: TaskGroup) -> None:
        while True:
            await self.load()
            for outbox in self._outboxes.values():
                if not outbox.is_busy:
                    group.start_soon(outbox.flush)  # a slow sink holds up nobody else
            await anyio.sleep(EVERY_SECONDS)


def _fingerprint(path: str) -> object:
    try:
        found = Path(path).stat()
    except OSError as error:
        return error.errno
    return found.st_mtime_ns, found.st_size, found.st_mode
