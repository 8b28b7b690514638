"""What is asked over HTTP, and whether the objectives are met."""

from __future__ import annotations

from scripts.dashboards.objectives import burn, left, named
from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    COUNT,
    PER_SECOND,
    SECONDS,
    SHARE,
    Query,
    figure,
    graph,
    ranking,
    spread,
)
from scripts.dashboards.promql import (
    TOOL_SECONDS,
    flow,
    grown,
    now,
    part,
    quantile,
    top,
)

HTTP = "iterm_mcp_http_requests_total"
HTTP_SECONDS = "iterm_mcp_http_request_duration_seconds"
SHED = "iterm_mcp_http_shed_total"
FAILED = 'status=~"5.."'
REFUSED = 'status=~"4.."'
LEFT = ((None, "red"), (0, "orange"), (0.25, "green"))


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-http",
        "iterm-mcp / HTTP and objectives",
        "How the HTTP side does, and how much is left of what the objectives allow to fail in the "
        "shown time; choose 28 days to see a month's.",
        {
            "Objectives": [
                *(
                    figure(
                        title,
                        f"Left of what may fail in the shown time; below zero it is missed. "
                        f"{one.means} {one.target:.3%} shall be so.",
                        SHARE,
                        Query(left(one)),
                        width=3,
                        steps=LEFT,
                        decimals=0,
                    )
                    for title, one in named()
                ),
                graph(
                    "How fast errors come",
                    "Times as fast as each objective allows. Alerts come at 14.4 for an hour, and "
                    "at 6 for six hours.",
                    COUNT,
                    *(Query(burn(one), title) for title, one in named()),
                    width=24,
                    steps=((None, "green"), (6, "orange"), (14.4, "red")),
                    to="iterm-mcp-alerts",
                ),
            ],
            "Requests": [
                graph(
                    "By status",
                    "Answers per second.",
                    PER_SECOND,
                    Query(flow(HTTP, "status"), "{{status}}"),
                    stacked=True,
                ),
                graph(
                    "By route",
                    "Answers per second.",
                    PER_SECOND,
                    Query(flow(HTTP, "route"), "{{route}}"),
                    stacked=True,
                ),
                graph(
                    "Our failures",
                    "The part of the answers that was 500 or more.",
                    SHARE,
                    Query(part(HTTP, FAILED), "failed"),
                ),
                graph(
                    "Under way",
                    "Requests that have not been answered; streams stay for long.",
                    COUNT,
                    Query(now("iterm_mcp_http_requests_in_flight", "instance"), "{{instance}}"),
                ),
                graph(
                    "Sent away",
                    "To come again later: asked too often, too much at once, or what it needs was "
                    "not there.",
                    PER_SECOND,
                    Query(flow(SHED, "reason"), "{{reason}}"),
                    stacked=True,
                ),
                ranking(
                    "Refused",
                    "In the shown time. 401: no token. 403: another page's origin. 421: another "
                    "host's name. 404: nothing there.",
                    COUNT,
                    Query(
                        top(12, grown(HTTP, "route", "status", matching=(REFUSED,))),
                        "{{route}}: {{status}}",
                    ),
                    to="iterm-mcp-errors",
                ),
            ],
            "Time": [
                graph(
                    "By class, 95 %",
                    "Streams are held open on purpose.",
                    SECONDS,
                    Query(quantile(0.95, HTTP_SECONDS, by=("class",)), "{{class}}"),
                    to="iterm-mcp-latency",
                ),
                spread(
                    "Reads, spread",
                    "How answers to reads spread over the buckets.",
                    flow(f"{HTTP_SECONDS}_bucket", "le", matching=('class="read"',)),
                ),
                graph(
                    "By class, median",
                    "Half of the answers were quicker.",
                    SECONDS,
                    Query(quantile(0.5, HTTP_SECONDS, by=("class",)), "{{class}}"),
                ),
                graph(
                    "Tool calls, 95 %",
                    "The other way in, for comparison.",
                    SECONDS,
                    Query(quantile(0.95, TOOL_SECONDS), "tool calls"),
                    to="iterm-mcp-latency",
                ),
            ],
        },
    )
