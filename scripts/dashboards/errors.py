"""What failed, where, and whose it was."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    COUNT,
    GOOD_WHEN_HIGH,
    GOOD_WHEN_ZERO,
    PER_SECOND,
    SHARE,
    Query,
    figure,
    graph,
    ranking,
)
from scripts.dashboards.promql import (
    FAULTY,
    MISTAKEN,
    NOT_OK,
    OPERATIONS,
    TOOL_CALLS,
    failures,
    flow,
    grown,
    increase,
    share_without_faults,
)

HTTP = "iterm_mcp_http_requests_total"


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-errors",
        "iterm-mcp / Errors",
        "Faults are the product's or the terminal's; mistakes are the caller's, who is told what "
        "to do.",
        {
            "In the shown time": [
                figure(
                    "Tool calls without a fault",
                    "The part of the calls that did not fail through a fault of ours.",
                    SHARE,
                    Query(share_without_faults(TOOL_CALLS, growth=increase)),
                    width=6,
                    steps=GOOD_WHEN_HIGH,
                    decimals=2,
                ),
                figure(
                    "Operations without a fault",
                    "The same of the requests to the terminal.",
                    SHARE,
                    Query(share_without_faults(OPERATIONS, growth=increase)),
                    width=6,
                    steps=GOOD_WHEN_HIGH,
                    decimals=2,
                ),
                figure(
                    "Faults",
                    "Tool calls that failed through a fault of ours or of the terminal.",
                    COUNT,
                    Query(grown(TOOL_CALLS, matching=(FAULTY,))),
                    width=6,
                    steps=GOOD_WHEN_ZERO,
                    decimals=0,
                ),
                figure(
                    "Mistakes",
                    "Tool calls that the caller can mend: wrong ids, unknown arguments, refusals.",
                    COUNT,
                    Query(grown(TOOL_CALLS, matching=(MISTAKEN,))),
                    width=6,
                    decimals=0,
                ),
            ],
            "Tools": [
                graph(
                    "By outcome",
                    "Calls that did not succeed, per second. Internal ones are bugs: the log has "
                    "their traceback.",
                    PER_SECOND,
                    Query(failures(TOOL_CALLS, "outcome"), "{{outcome}}"),
                    stacked=True,
                ),
                graph(
                    "By tool",
                    "Calls that did not succeed, per second.",
                    PER_SECOND,
                    Query(failures(TOOL_CALLS, "tool"), "{{tool}}"),
                    stacked=True,
                ),
                graph(
                    "Without a fault, by tool",
                    "The part of the calls that did not fail through a fault of ours.",
                    SHARE,
                    Query(share_without_faults(TOOL_CALLS, by=("tool",)), "{{tool}}"),
                ),
                ranking(
                    "Tools by failed calls",
                    "In the shown time, with the outcome.",
                    COUNT,
                    Query(
                        f"topk(10, {grown(TOOL_CALLS, 'tool', 'outcome', matching=(NOT_OK,))} > 0)",
                        "{{tool}}: {{outcome}}",
                    ),
                ),
            ],
            "Terminal operations": [
                graph(
                    "By outcome",
                    "Requests to the terminal that did not succeed, per second.",
                    PER_SECOND,
                    Query(failures(OPERATIONS, "outcome"), "{{outcome}}"),
                    stacked=True,
                ),
                graph(
                    "By operation",
                    "Requests to the terminal that did not succeed, per second.",
                    PER_SECOND,
                    Query(failures(OPERATIONS, "operation"), "{{operation}}"),
                    stacked=True,
                ),
            ],
            "HTTP": [
                graph(
                    "Answers by status",
                    "Answers of the HTTP side, per second.",
                    PER_SECOND,
                    Query(flow(HTTP, "status"), "{{status}}"),
                    stacked=True,
                ),
                graph(
                    "Refusals by route",
                    "401: no token. 403: another page's origin. 421: another host's name.",
                    PER_SECOND,
                    Query(
                        flow(HTTP, "route", "status", matching=('status=~"4.."',)),
                        "{{route}}: {{status}}",
                    ),
                    stacked=True,
                ),
            ],
            "Elsewhere": [
                graph(
                    "Agents",
                    "Starts and turns that failed, per second.",
                    PER_SECOND,
                    Query(
                        flow("iterm_mcp_agent_starts_total", matching=('outcome="failed"',)),
                        "starts",
                    ),
                    Query(
                        flow("iterm_mcp_agent_turns_total", matching=('outcome="failed"',)), "turns"
                    ),
                    to="iterm-mcp-agents",
                ),
                graph(
                    "Messages",
                    "That did not go through, per second.",
                    PER_SECOND,
                    Query(
                        flow(
                            "iterm_mcp_receipts_ended_total",
                            "outcome",
                            matching=('outcome!="ended"',),
                        ),
                        "{{outcome}}",
                    ),
                    stacked=True,
                    to="iterm-mcp-messages",
                ),
                graph(
                    "Attempts of tasks",
                    "That did not succeed, per second.",
                    PER_SECOND,
                    Query(
                        flow(
                            "iterm_mcp_task_attempts_total",
                            "outcome",
                            matching=('outcome!="succeeded"',),
                        ),
                        "{{outcome}}",
                    ),
                    stacked=True,
                    to="iterm-mcp-tasks",
                ),
                graph(
                    "Events",
                    "Refused or lost, per second; each is something that nobody will find.",
                    PER_SECOND,
                    Query(flow("iterm_mcp_events_refused_total"), "refused"),
                    Query(flow("iterm_mcp_events_own_dropped_total"), "lost"),
                    to="iterm-mcp-events",
                ),
            ],
        },
    )
