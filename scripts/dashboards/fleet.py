"""Machines side by side."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    BYTES,
    COUNT,
    DOLLARS,
    DOWN_OR_UP,
    PER_SECOND,
    SECONDS,
    SHARE,
    Column,
    Query,
    figure,
    graph,
    listing,
    ranking,
)
from scripts.dashboards.promql import (
    TOOL_CALLS,
    TOOL_SECONDS,
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

ONE = ("instance",)
COST = "iterm_mcp_cost_usd_total"
LAG = "iterm_mcp_loop_lag_seconds"


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-fleet",
        "iterm-mcp / Fleet",
        "Several machines side by side: which one is different? Choose it above, and go on.",
        {
            "Now": [
                figure(
                    "Daemons",
                    "That Prometheus reaches and those that are chosen.",
                    COUNT,
                    Query(f"count({series('iterm_mcp_build_info')})"),
                    steps=DOWN_OR_UP,
                ),
                figure(
                    "Ready",
                    "Daemons that say that work can be done.",
                    COUNT,
                    Query(now("iterm_mcp_daemon_ready")),
                    steps=DOWN_OR_UP,
                ),
                figure(
                    "Youngest daemon",
                    "How long ago the last daemon was started; a young one has forgotten its "
                    "counters.",
                    SECONDS,
                    Query(f"time() - {worst('process_start_time_seconds')}"),
                ),
                figure(
                    "Sessions",
                    "On all machines.",
                    COUNT,
                    Query(now("iterm_mcp_sessions_open")),
                    to="iterm-mcp-sessions",
                ),
                figure(
                    "Agents",
                    "On all machines.",
                    COUNT,
                    Query(now("iterm_mcp_agents_registered")),
                    to="iterm-mcp-agents",
                ),
                figure(
                    "Event loop's lag",
                    "The longest that any daemon's loop kept what was due waiting.",
                    SECONDS,
                    Query(worst(LAG)),
                    steps=((None, "green"), (0.25, "orange"), (1, "red")),
                ),
            ],
            "Machines": [
                listing(
                    "All machines",
                    "Calls, faults, times and cost are of the shown time.",
                    "instance",
                    [
                        Column("ready", COUNT, least("iterm_mcp_daemon_ready", *ONE)),
                        Column("terminal", COUNT, least("iterm_mcp_terminal_connected", *ONE)),
                        Column("sessions", COUNT, now("iterm_mcp_sessions_open", *ONE)),
                        Column("agents", COUNT, now("iterm_mcp_agents_registered", *ONE)),
                        Column("alerts", COUNT, now("iterm_mcp_alerts_open", *ONE)),
                        Column("tool calls", COUNT, grown(TOOL_CALLS, *ONE)),
                        Column(
                            "without a fault",
                            SHARE,
                            share_without_faults(TOOL_CALLS, by=ONE, growth=increase),
                        ),
                        Column(
                            "95 % within",
                            SECONDS,
                            quantile(0.95, TOOL_SECONDS, by=ONE, growth=increase),
                        ),
                        Column("cost", DOLLARS, grown(COST, *ONE)),
                        Column("memory", BYTES, now("iterm_mcp_agent_memory_bytes", *ONE)),
                    ],
                ),
                ranking(
                    "Daemons by version",
                    "An update is not everywhere while there are several.",
                    COUNT,
                    Query(f"count by (version) ({series('iterm_mcp_build_info')})", "{{version}}"),
                    width=12,
                ),
                ranking(
                    "Calls by machine",
                    "In the shown time.",
                    COUNT,
                    Query(grown(TOOL_CALLS, *ONE), "{{instance}}"),
                    to="iterm-mcp-tools",
                ),
            ],
            "Side by side": [
                graph(
                    "Tool calls",
                    "Per second.",
                    PER_SECOND,
                    Query(flow(TOOL_CALLS, *ONE), "{{instance}}"),
                    to="iterm-mcp-tools",
                ),
                graph(
                    "Without a fault",
                    "The part of the calls that did not fail through a fault of ours.",
                    SHARE,
                    Query(share_without_faults(TOOL_CALLS, by=ONE), "{{instance}}"),
                    to="iterm-mcp-errors",
                ),
                graph(
                    "Tool call, 95 %",
                    "95 of 100 calls were quicker.",
                    SECONDS,
                    Query(quantile(0.95, TOOL_SECONDS, by=ONE), "{{instance}}"),
                    to="iterm-mcp-latency",
                ),
                graph(
                    "Event loop's lag",
                    "The longest that a daemon's loop kept what was due waiting.",
                    SECONDS,
                    Query(worst(LAG, *ONE), "{{instance}}"),
                ),
                graph(
                    "Dollars an hour",
                    "What the models cost.",
                    DOLLARS,
                    Query(f"{flow(COST, *ONE)} * 3600", "{{instance}}"),
                    stacked=True,
                    to="iterm-mcp-costs",
                ),
                graph(
                    "Tasks running",
                    "Attempts that machines work on; those that share a database tell the same.",
                    COUNT,
                    Query(now("iterm_mcp_machine_slots_used", *ONE), "{{instance}}"),
                    to="iterm-mcp-tasks",
                ),
                graph(
                    "Agents' memory",
                    "Resident, with all that they started.",
                    BYTES,
                    Query(now("iterm_mcp_agent_memory_bytes", *ONE), "{{instance}}"),
                    to="iterm-mcp-resources",
                ),
                graph(
                    "Open alerts",
                    "Of the daemons themselves.",
                    COUNT,
                    Query(now("iterm_mcp_alerts_open", *ONE), "{{instance}}"),
                    to="iterm-mcp-alerts",
                ),
            ],
        },
    )
