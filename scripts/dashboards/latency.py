"""How long everything takes."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    COUNT,
    GOOD_WHEN_QUICK,
    SECONDS,
    SHARE,
    Query,
    figure,
    graph,
    spread,
)
from scripts.dashboards.promql import (
    OPERATION_SECONDS,
    QUANTILES,
    TOOL_SECONDS,
    flow,
    increase,
    mean,
    now,
    quantile,
    share_within,
    worst,
)


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-latency",
        "iterm-mcp / Latency",
        "How long everything takes: tool calls as the daemon serves them, the terminal operations "
        "inside them, and what else somebody waits for.",
        {
            "In the shown time": [
                figure(
                    "Tool call, median",
                    "Half of the calls were quicker.",
                    SECONDS,
                    Query(quantile(0.5, TOOL_SECONDS, growth=increase)),
                    steps=GOOD_WHEN_QUICK,
                ),
                figure(
                    "Tool call, 95 %",
                    "95 of 100 calls were quicker.",
                    SECONDS,
                    Query(quantile(0.95, TOOL_SECONDS, growth=increase)),
                    steps=GOOD_WHEN_QUICK,
                ),
                figure(
                    "Tool call, 99 %",
                    "99 of 100 calls were quicker.",
                    SECONDS,
                    Query(quantile(0.99, TOOL_SECONDS, growth=increase)),
                    steps=GOOD_WHEN_QUICK,
                ),
                figure(
                    "Within 0.1 s",
                    "The part of the calls that felt immediate.",
                    SHARE,
                    Query(share_within(0.1, TOOL_SECONDS)),
                ),
                figure(
                    "Operation, 95 %",
                    "95 of 100 terminal operations were quicker.",
                    SECONDS,
                    Query(quantile(0.95, OPERATION_SECONDS, growth=increase)),
                    steps=GOOD_WHEN_QUICK,
                ),
                figure(
                    "In flight",
                    "Tool calls under way now.",
                    COUNT,
                    Query(now("iterm_mcp_tool_calls_in_flight")),
                ),
            ],
            "Tools": [
                graph(
                    "All tools",
                    "From a call's arrival in the daemon to its answer.",
                    SECONDS,
                    *(Query(quantile(share, TOOL_SECONDS), name) for share, name in QUANTILES),
                ),
                spread(
                    "All tools, spread",
                    "How the calls spread over the histogram's buckets.",
                    flow(f"{TOOL_SECONDS}_bucket", "le"),
                ),
                graph(
                    "By tool, 95 %",
                    "Tools that wait for a person or a program are slow by nature.",
                    SECONDS,
                    Query(quantile(0.95, TOOL_SECONDS, by=("tool",)), "{{tool}}"),
                ),
                graph(
                    "In flight by tool",
                    "Calls under way. A line that never falls is a call that hangs.",
                    COUNT,
                    Query(now("iterm_mcp_tool_calls_in_flight", "tool"), "{{tool}}"),
                ),
            ],
            "Terminal operations": [
                graph(
                    "By operation, 95 %",
                    "What iTerm2 or the host takes for one request.",
                    SECONDS,
                    Query(quantile(0.95, OPERATION_SECONDS, by=("operation",)), "{{operation}}"),
                ),
                spread(
                    "All operations, spread",
                    "How the operations spread over the histogram's buckets.",
                    flow(f"{OPERATION_SECONDS}_bucket", "le"),
                ),
                graph(
                    "By operation, mean",
                    "The mean hides the slow ones, and shows a shift of all.",
                    SECONDS,
                    Query(mean(OPERATION_SECONDS, by=("operation",)), "{{operation}}"),
                ),
                graph(
                    "In flight by operation",
                    "Requests to the terminal under way.",
                    COUNT,
                    Query(
                        now("iterm_mcp_terminal_operations_in_flight", "operation"),
                        "{{operation}}",
                    ),
                ),
            ],
            "What else somebody waits for": [
                graph(
                    "MCP requests, 95 %",
                    "By method; calls of tools with all that is around them.",
                    SECONDS,
                    Query(
                        quantile(
                            0.95,
                            "mcp_server_operation_duration_seconds",
                            by=("mcp_method_name",),
                        ),
                        "{{mcp_method_name}}",
                    ),
                    to="iterm-mcp-tools",
                ),
                graph(
                    "HTTP, 95 %",
                    "By what requests are; streams are held open on purpose.",
                    SECONDS,
                    Query(
                        quantile(0.95, "iterm_mcp_http_request_duration_seconds", by=("class",)),
                        "{{class}}",
                    ),
                    to="iterm-mcp-http",
                ),
                graph(
                    "Messages, 95 %",
                    "From a message's turn in its session to its receipt.",
                    SECONDS,
                    Query(
                        quantile(0.95, "iterm_mcp_message_delivery_duration_seconds"), "messages"
                    ),
                    to="iterm-mcp-messages",
                ),
                graph(
                    "Keys, 95 %",
                    "From input to a session until its first output, measured in the host.",
                    SECONDS,
                    Query(quantile(0.95, "iterm_mcp_host_echo_seconds"), "echo"),
                    to="iterm-mcp-sessions",
                ),
                graph(
                    "Starts of agents, 95 %",
                    "From the order until an agent shows what it waits for.",
                    SECONDS,
                    Query(
                        quantile(0.95, "iterm_mcp_agent_start_duration_seconds", by=("kind",)),
                        "{{kind}}",
                    ),
                    to="iterm-mcp-agents",
                ),
                graph(
                    "Event loops",
                    "The longest that a loop kept what was due waiting, of any machine.",
                    SECONDS,
                    Query(worst("iterm_mcp_loop_lag_seconds"), "daemon"),
                    Query(worst("iterm_mcp_host_loop_lag_seconds"), "host"),
                ),
            ],
        },
    )
