"""What is asked over HTTP, and whether the objectives are met."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    COUNT,
    GOOD_WHEN_HIGH,
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
    TOOL_CALLS,
    TOOL_SECONDS,
    flow,
    grown,
    increase,
    now,
    part,
    quantile,
    share_within,
    share_without_faults,
    top,
)

HTTP = "iterm_mcp_http_requests_total"
HTTP_SECONDS = "iterm_mcp_http_request_duration_seconds"
SHED = "iterm_mcp_http_shed_total"
FAILED = 'status=~"5.."'
REFUSED = 'status=~"4.."'
LEFT = ((None, "red"), (0, "orange"), (0.25, "green"))


def left(share_of_good: str, objective: float) -> str:
    """Return how much is left of the failures that an objective allows, 1 for all."""
    return f"1 - (1 - ({share_of_good})) / {1 - objective:.4g}"


def dashboard() -> str:
    """Return the dashboard as JSON."""
    http_good = f"1 - {part(HTTP, FAILED, growth=increase)}"
    tools_good = share_without_faults(TOOL_CALLS, growth=increase)
    return page(
        "iterm-mcp-http",
        "iterm-mcp / HTTP and objectives",
        "How the HTTP side does, and how much is left of what the objectives allow to fail in the "
        "shown time; choose 28 days to see a month's.",
        {
            "Objectives": [
                figure(
                    "HTTP answers, 99.9 %",
                    "Answers that were not our failure, in the shown time.",
                    SHARE,
                    Query(http_good),
                    steps=GOOD_WHEN_HIGH,
                    decimals=3,
                ),
                figure(
                    "Left of it",
                    "Of the failures that 99.9 % allow; below zero it is missed.",
                    SHARE,
                    Query(left(http_good, 0.999)),
                    steps=LEFT,
                    decimals=1,
                ),
                figure(
                    "Tool calls, 99.5 %",
                    "Calls that did not fail through a fault of ours, in the shown time.",
                    SHARE,
                    Query(tools_good),
                    steps=((None, "red"), (0.99, "orange"), (0.995, "green")),
                    decimals=3,
                    to="iterm-mcp-errors",
                ),
                figure(
                    "Left of it, tools",
                    "Of the faults that 99.5 % allow; below zero it is missed.",
                    SHARE,
                    Query(left(tools_good, 0.995)),
                    steps=LEFT,
                    decimals=1,
                    to="iterm-mcp-errors",
                ),
                figure(
                    "Answers within 0.5 s",
                    "Of reads, in the shown time.",
                    SHARE,
                    Query(share_within(0.5, HTTP_SECONDS, 'class="read"')),
                    steps=GOOD_WHEN_HIGH,
                    decimals=2,
                ),
                figure(
                    "Hooks within 0.1 s",
                    "An agent waits for each of its hooks.",
                    SHARE,
                    Query(share_within(0.1, HTTP_SECONDS, 'class="hook"')),
                    steps=GOOD_WHEN_HIGH,
                    decimals=2,
                    to="iterm-mcp-events",
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
