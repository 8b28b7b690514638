"""What is asked over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fleet.parts.part import Part
from tests.fleet.stories import Ill

from iterm_mcp.telemetry.http_metrics import SHED_REASONS

if TYPE_CHECKING:
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

ROUTES = {
    # path: requests in a busy hour, their class, median seconds
    "/metrics": (240, "read", 0.02),
    "/healthz": (60, "read", 0.0005),
    "/mcp": (80, "stream", 0.02),
    "/": (6, "page", 0.002),
    "/v1/hooks/{kind}": (900, "hook", 0.004),
    "/v1/sessions": (60, "read", 0.003),
    "/v1/agents": (60, "read", 0.003),
    "/v1/events": (120, "read", 0.006),
    "/v1/events/stream": (4, "stream", 20.0),
    "/v1/tasks": (30, "write", 0.02),
}
ALWAYS = {"/metrics", "/healthz"}
"""Asked by programs, day and night."""

FAILING = {503: 3, 500: 1, 429: 2}
REFUSED = {401: 3, 404: 4, 403: 1, 421: 1, 422: 2}
TO_COME_AGAIN = {429, 503}


class Web(Part):
    """Requests and their answers."""

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Answer the requests of a while."""
        del time
        metrics = self.metrics.http
        for route, (hourly, name, median) in ROUTES.items():
            hours = moment.seconds / 3600 if route in ALWAYS else moment.busy_hours
            for _ in range(self.chance.times(hourly * hours)):
                status = self._status(moment)
                metrics.requests.labels(route, str(status)).inc()
                slow = 30 if moment.is_ill(Ill.SLOW) else 1
                metrics.durations[name].observe(self.chance.seconds(median * slow))
                if status in TO_COME_AGAIN:
                    metrics.shed[self.chance.pick(SHED_REASONS)].inc()
        metrics.in_flight.set(1 + self.chance.times(2 * moment.activity))  # who scrapes, too

    def _status(self, moment: Moment) -> int:
        if moment.is_ill(Ill.HTTP_SHEDS) and self.chance.happens(0.15):
            return self.chance.one_of(FAILING)
        if moment.is_ill(Ill.EVENTS_TROUBLED) and self.chance.happens(0.1):
            return 503
        return self.chance.one_of(REFUSED) if self.chance.happens(0.004) else 200
