"""Tells people of trees that took too much, until they do not any more."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio
import structlog

from iterm_mcp.errors import StoreError
from iterm_mcp.models.alerts import AlertKind, Finding, Severity
from iterm_mcp.models.task_limits import OverLimit
from iterm_mcp.services.background import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.resources import Excess, WatchedTree
    from iterm_mcp.services.resources.watching import ResourceWatch

log = structlog.get_logger()

EVERY_SECONDS = 5.0
MOST_WAITING = 1000

_DONE = {
    OverLimit.WARN: "it goes on",
    OverLimit.PAUSE: "it stands still until it is resumed",
    OverLimit.STOP: "it is stopped",
}


class Raised(Protocol):
    """Keeps alerts."""

    async def raise_alert(self, finding: Finding) -> None:
        """Note that something is wrong."""

    async def settle(self, kind: AlertKind, subject: str) -> None:
        """Note that something is not wrong, any more or at all."""

    async def open_subjects(self, kind: AlertKind) -> frozenset[str]:
        """Return the subjects of a kind that are wrong."""


class ResourceAlerts:
    """Raises an alert for each tree that took too much."""

    def __init__(self, watch: ResourceWatch, alerts: Raised) -> None:
        self._watch = watch
        self._alerts = alerts
        self._news: deque[Finding] = deque(maxlen=MOST_WAITING)
        self._more = anyio.Event()
        watch.tell(self._exceeded)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Raise and settle for the length of the block."""
        async with beside(self._run):
            yield

    async def look(self) -> None:
        """Raise what is new, and settle what is over; what was ended stands until it is begun anew.

        Raises:
            StoreError: It cannot be kept; it is tried again with the next look.
        """
        while self._news:
            await self._alerts.raise_alert(self._news[0])
            self._news.popleft()
        for key in await self._alerts.open_subjects(AlertKind.OVER_LIMIT):
            tree = self._watch.find(key)
            stands = bool(self._watch.over(key)) if tree is None else tree.excess is not None
            if not stands:
                await self._alerts.settle(AlertKind.OVER_LIMIT, key)

    def _exceeded(self, tree: WatchedTree, excess: Excess) -> None:
        text = f"{tree.key}: {excess.reason}; {_DONE[excess.done]}"
        agent = "" if tree.kind == "command" else tree.key
        self._news.append(Finding(AlertKind.OVER_LIMIT, tree.key, Severity.WARNING, text, agent))
        self._more.set()

    async def _run(self) -> None:
        while True:
            self._more = anyio.Event()
            try:
                await self.look()
            except StoreError as error:
                log.warning("excess_not_told", reason=str(error))
            with anyio.move_on_after(EVERY_SECONDS):
                await self._more.wait()
