"""Everything at a glance; each panel leads to the dashboard that tells more."""

from __future__ import annotations

from scripts.dashboards.page import OVERVIEW, page
from scripts.dashboards.panels import (
    BAD_WHEN_ANY,
    BYTES,
    COUNT,
    DOLLARS,
    DOWN_OR_UP,
    GOOD_WHEN_HIGH,
    GOOD_WHEN_QUICK,
    PER_SECOND,
    SECONDS,
    SHARE,
    Query,
    figure,
    graph,
)
from scripts.dashboards.promql import (
    TOOL_CALLS,
    TOOL_SECONDS,
    failures,
    flow,
    grown,
    increase,
    least,
    now,
    quantile,
    series,
    share_without_faults,
    worst,
)

NEEDS_PERSON = 'state=~"gate|waiting_permission|waiting_question|auth_failed|quarantined"'
HTTP_SECONDS = "iterm_mcp_http_request_duration_seconds"
COST = "iterm_mcp_cost_usd_total"


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        OVERVIEW,
        "iterm-mcp / Overview",
        "The first place to look: whether all is well, and where to look next.",
        {
            "Is it well?": [
                figure(
                    "Daemons",
                    "Running daemons that Prometheus reaches.",
                    COUNT,
                    Query(f"count({series('iterm_mcp_build_info')})"),
                    steps=DOWN_OR_UP,
                    to="iterm-mcp-fleet",
                ),
                figure(
                    "Terminal",
                    "Whether every daemon has a terminal to speak to: iTerm2 or the headless host.",
                    COUNT,
                    Query(least("iterm_mcp_terminal_connected")),
                    steps=DOWN_OR_UP,
                    words={"0": "away", "1": "connected"},
                    to="iterm-mcp-sessions",
                ),
                figure(
                    "Tool calls without a fault",
                    "In the shown time: calls that did not fail through a fault of ours.",
                    SHARE,
                    Query(share_without_faults(TOOL_CALLS, growth=increase)),
                    steps=GOOD_WHEN_HIGH,
                    decimals=2,
                    to="iterm-mcp-errors",
                ),
                figure(
                    "Tool call, 95 %",
                    "In the shown time: 95 of 100 calls were quicker.",
                    SECONDS,
                    Query(quantile(0.95, TOOL_SECONDS, growth=increase)),
                    steps=GOOD_WHEN_QUICK,
                    to="iterm-mcp-latency",
                ),
                figure(
                    "HTTP answer, 95 %",
                    "In the shown time: 95 of 100 answers to reads were quicker.",
                    SECONDS,
                    Query(quantile(0.95, HTTP_SECONDS, 'class="read"', growth=increase)),
                    steps=GOOD_WHEN_QUICK,
                    to="iterm-mcp-http",
                ),
                figure(
                    "Alerts",
                    "Alerts of the daemons themselves that are open.",
                    COUNT,
                    Query(now("iterm_mcp_alerts_open")),
                    steps=BAD_WHEN_ANY,
                    to="iterm-mcp-alerts",
                ),
            ],
            "Who waits?": [
                figure(
                    "Agents that need a person",
                    "They stand at a gate, ask for something, or have given up.",
                    COUNT,
                    Query(now("iterm_mcp_agents", matching=(NEEDS_PERSON,))),
                    steps=BAD_WHEN_ANY,
                    to="iterm-mcp-agents",
                ),
                figure(
                    "Oldest question",
                    "How long the oldest dialog of an agent waits for an answer.",
                    SECONDS,
                    Query(worst("iterm_mcp_approvals_oldest_seconds")),
                    steps=((None, "green"), (300, "orange"), (1800, "red")),
                    to="iterm-mcp-approvals",
                ),
                figure(
                    "Oldest message",
                    "How long the oldest message waits of which nothing was typed yet.",
                    SECONDS,
                    Query(worst("iterm_mcp_messages_oldest_waiting_seconds")),
                    steps=((None, "green"), (300, "orange"), (1800, "red")),
                    to="iterm-mcp-messages",
                ),
                figure(
                    "Oldest task",
                    "How long the oldest task waits that could start if there were room.",
                    SECONDS,
                    Query(worst("iterm_mcp_task_oldest_waiting_seconds")),
                    steps=((None, "green"), (900, "orange"), (3600, "red")),
                    to="iterm-mcp-tasks",
                ),
                figure(
                    "Events not yet kept",
                    "How long the oldest event waits to be on the disk.",
                    SECONDS,
                    Query(worst("iterm_mcp_events_lag_seconds")),
                    steps=GOOD_WHEN_QUICK,
                    to="iterm-mcp-events",
                ),
                figure(
                    "Dead letters",
                    "Messages and tasks that failed for good, and wait for somebody to look.",
                    COUNT,
                    Query(
                        f"{now('iterm_mcp_dead_letters')} + {now('iterm_mcp_task_dead_letters')}"
                    ),
                    steps=BAD_WHEN_ANY,
                    to="iterm-mcp-tasks",
                ),
            ],
            "What goes on": [
                graph(
                    "Tool calls",
                    "What clients ask for, per second.",
                    PER_SECOND,
                    Query(flow(TOOL_CALLS, "tool"), "{{tool}}"),
                    stacked=True,
                    to="iterm-mcp-tools",
                ),
                graph(
                    "Tool calls that failed",
                    "Per second, by outcome; mistakes of callers are among them.",
                    PER_SECOND,
                    Query(failures(TOOL_CALLS, "outcome"), "{{outcome}}"),
                    stacked=True,
                    to="iterm-mcp-errors",
                ),
                graph(
                    "Agents",
                    "What registered agents do.",
                    COUNT,
                    Query(now("iterm_mcp_agents", "state"), "{{state}}"),
                    stacked=True,
                    to="iterm-mcp-agents",
                ),
                graph(
                    "Tasks under way",
                    "Tasks that wait or run, by what runs them.",
                    COUNT,
                    Query(
                        now(
                            "iterm_mcp_tasks",
                            "kind",
                            matching=('state!~"succeeded|dead|cancelled|skipped"',),
                        ),
                        "{{kind}}",
                    ),
                    stacked=True,
                    to="iterm-mcp-tasks",
                ),
                graph(
                    "Messages",
                    "Receipts per second, by what they say.",
                    PER_SECOND,
                    Query(flow("iterm_mcp_messages_total", "state"), "{{state}}"),
                    stacked=True,
                    to="iterm-mcp-messages",
                ),
                graph(
                    "Dollars an hour",
                    "What the models cost, by model.",
                    DOLLARS,
                    Query(f"{flow(COST, 'model')} * 3600", "{{model}}"),
                    stacked=True,
                    to="iterm-mcp-costs",
                ),
            ],
            "What it takes": [
                figure(
                    "Sessions",
                    "Sessions that terminals show.",
                    COUNT,
                    Query(now("iterm_mcp_sessions_open")),
                    to="iterm-mcp-sessions",
                ),
                figure(
                    "Agents' memory",
                    "Resident memory of agents, with all that they started.",
                    BYTES,
                    Query(now("iterm_mcp_agent_memory_bytes")),
                    to="iterm-mcp-resources",
                ),
                figure(
                    "Worktrees",
                    "What all worktrees take on disks.",
                    BYTES,
                    Query(now("iterm_mcp_worktrees_disk_bytes")),
                    to="iterm-mcp-worktrees",
                ),
                figure(
                    "Tokens",
                    "In the shown time, of all sorts.",
                    COUNT,
                    Query(grown("iterm_mcp_tokens_total")),
                    to="iterm-mcp-models",
                ),
                figure(
                    "Cost",
                    "In the shown time, of what has a price.",
                    DOLLARS,
                    Query(grown(COST)),
                    to="iterm-mcp-costs",
                ),
                figure(
                    "Event loop's lag",
                    "The longest that a daemon's loop kept what was due waiting.",
                    SECONDS,
                    Query(worst("iterm_mcp_loop_lag_seconds")),
                    steps=((None, "green"), (0.25, "orange"), (1, "red")),
                    to="iterm-mcp-fleet",
                ),
            ],
        },
    )
