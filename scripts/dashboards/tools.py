"""What MCP clients ask for, and which clients they are."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    COUNT,
    GOOD_WHEN_HIGH,
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
    mean,
    now,
    part,
    quantile,
    share_without_faults,
    top,
)

BY_CLIENT = "iterm_mcp_client_tool_calls_total"
MCP_SECONDS = "mcp_server_operation_duration_seconds"
MCP_SESSIONS = "mcp_server_session_duration_seconds"


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-tools",
        "iterm-mcp / MCP tools",
        "Which tools are called, by which clients, and how well that goes.",
        {
            "In the shown time": [
                figure(
                    "Calls", "Tool calls that ended.", COUNT, Query(grown(TOOL_CALLS)), decimals=0
                ),
                figure(
                    "Without a fault",
                    "The part that did not fail through a fault of ours.",
                    SHARE,
                    Query(share_without_faults(TOOL_CALLS, growth=increase)),
                    steps=GOOD_WHEN_HIGH,
                    decimals=2,
                    to="iterm-mcp-errors",
                ),
                figure(
                    "Half of the calls",
                    "Half of the calls were quicker.",
                    SECONDS,
                    Query(quantile(0.5, TOOL_SECONDS, growth=increase)),
                    to="iterm-mcp-latency",
                ),
                figure(
                    "Under way",
                    "Calls that have not ended.",
                    COUNT,
                    Query(now("iterm_mcp_tool_calls_in_flight")),
                ),
                figure(
                    "Clients",
                    "MCP clients connected through a relay. Those over HTTP keep no connection.",
                    COUNT,
                    Query(now("iterm_mcp_clients_connected")),
                ),
                figure(
                    "MCP sessions",
                    "Sessions of clients that ended.",
                    COUNT,
                    Query(grown(f"{MCP_SESSIONS}_count")),
                    decimals=0,
                ),
            ],
            "Tools": [
                graph(
                    "Calls by tool",
                    "What clients ask for, per second.",
                    PER_SECOND,
                    Query(flow(TOOL_CALLS, "tool"), "{{tool}}"),
                    stacked=True,
                ),
                ranking(
                    "Tools by calls",
                    "Calls in the shown time.",
                    COUNT,
                    Query(top(12, grown(TOOL_CALLS, "tool")), "{{tool}}"),
                ),
                listing(
                    "All tools",
                    "Calls, how many did not succeed, and how long they took, in the shown time.",
                    "tool",
                    [
                        Column("calls", COUNT, grown(TOOL_CALLS, "tool")),
                        Column(
                            "succeeded",
                            SHARE,
                            part(TOOL_CALLS, 'outcome="ok"', by=("tool",), growth=increase),
                        ),
                        Column(
                            "half within",
                            SECONDS,
                            quantile(0.5, TOOL_SECONDS, by=("tool",), growth=increase),
                        ),
                        Column(
                            "95 % within",
                            SECONDS,
                            quantile(0.95, TOOL_SECONDS, by=("tool",), growth=increase),
                        ),
                        Column("mean", SECONDS, mean(TOOL_SECONDS, by=("tool",), growth=increase)),
                    ],
                ),
            ],
            "Clients": [
                graph(
                    "Calls by client",
                    "By what clients call themselves when they greet.",
                    PER_SECOND,
                    Query(flow(BY_CLIENT, "client"), "{{client}}"),
                    stacked=True,
                ),
                graph(
                    "Clients by transport",
                    "MCP clients that are connected.",
                    COUNT,
                    Query(now("iterm_mcp_clients_connected", "transport"), "{{transport}}"),
                    stacked=True,
                ),
                ranking(
                    "Which client calls what",
                    "Calls in the shown time.",
                    COUNT,
                    Query(top(15, grown(BY_CLIENT, "client", "tool")), "{{client}}: {{tool}}"),
                ),
                graph(
                    "How long sessions last",
                    "Half of the MCP sessions that ended were shorter.",
                    SECONDS,
                    Query(
                        quantile(0.5, MCP_SESSIONS, by=("network_transport",), growth=increase),
                        "{{network_transport}}",
                    ),
                ),
            ],
            "The protocol": [
                graph(
                    "Requests by method",
                    "MCP requests per second; tools/call is the tools' own.",
                    PER_SECOND,
                    Query(flow(f"{MCP_SECONDS}_count", "mcp_method_name"), "{{mcp_method_name}}"),
                    stacked=True,
                ),
                graph(
                    "Time by method, 95 %",
                    "From a request's arrival to its answer.",
                    SECONDS,
                    Query(
                        quantile(0.95, MCP_SECONDS, by=("mcp_method_name",)),
                        "{{mcp_method_name}}",
                    ),
                    to="iterm-mcp-latency",
                ),
                graph(
                    "Requests by transport",
                    "Pipe: over a relay. TCP: over HTTP. Unix: our own command line.",
                    PER_SECOND,
                    Query(
                        flow(f"{MCP_SECONDS}_count", "network_transport"), "{{network_transport}}"
                    ),
                    stacked=True,
                    width=24,
                ),
            ],
        },
    )
