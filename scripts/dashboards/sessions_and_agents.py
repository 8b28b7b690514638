"""Who and what is there now."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import COUNT, PER_SECOND, SECONDS, Query, figure, graph, ranking
from scripts.dashboards.promql import TOOL_CALLS, increase, quantile, rate, series, total

UP = ((None, "red"), (1, "green"))
STEADY = ((None, "green"), (1, "orange"), (5, "red"))


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-sessions-agents",
        "iterm-mcp / Sessions and agents",
        "What is open and who is registered: the first place to look.",
        {
            "Now": [
                figure(
                    "Terminal",
                    "Whether the daemon has a terminal to speak to: iTerm2 or the headless host.",
                    COUNT,
                    Query(f"min({series('iterm_mcp_terminal_connected')})"),
                    steps=UP,
                    words={"0": "away", "1": "connected"},
                ),
                figure(
                    "Sessions",
                    "Sessions that the terminal shows.",
                    COUNT,
                    Query(total(series("iterm_mcp_sessions_open"))),
                ),
                figure(
                    "Agents",
                    "Agents in the registry, alive or not.",
                    COUNT,
                    Query(total(series("iterm_mcp_agents_registered"))),
                ),
                figure(
                    "Teams",
                    "Teams in the registry.",
                    COUNT,
                    Query(total(series("iterm_mcp_teams_registered"))),
                ),
                figure(
                    "Clients",
                    "MCP clients connected through a relay. Those over HTTP keep no connection.",
                    COUNT,
                    Query(total(series("iterm_mcp_clients_connected"))),
                ),
                figure(
                    "Reconnects",
                    "Connections to the terminal that were made again in the shown time. Each was "
                    "a loss: of the host, of iTerm2, or of its socket.",
                    COUNT,
                    Query(total(increase("iterm_mcp_terminal_reconnects_total"))),
                    steps=STEADY,
                    decimals=0,
                ),
            ],
            "Over time": [
                graph(
                    "Sessions",
                    "Sessions that the terminal shows. One that only climbs is a leak.",
                    COUNT,
                    Query(total(series("iterm_mcp_sessions_open"), "instance"), "{{instance}}"),
                ),
                graph(
                    "Agents and teams",
                    "The size of the registry.",
                    COUNT,
                    Query(total(series("iterm_mcp_agents_registered")), "agents"),
                    Query(total(series("iterm_mcp_teams_registered")), "teams"),
                ),
                graph(
                    "What agents do",
                    "Registered agents by state. One that waits for a permission or a question "
                    "needs a person.",
                    COUNT,
                    Query(total(series("iterm_mcp_agents"), "state"), "{{state}}"),
                    stacked=True,
                ),
                graph(
                    "Clients by transport",
                    "MCP clients that are connected.",
                    COUNT,
                    Query(
                        total(series("iterm_mcp_clients_connected"), "transport"), "{{transport}}"
                    ),
                    stacked=True,
                ),
                graph(
                    "Tool calls",
                    "What clients ask for, per second.",
                    PER_SECOND,
                    Query(total(rate(TOOL_CALLS), "tool"), "{{tool}}"),
                    stacked=True,
                ),
            ],
            "What agents ask": [
                graph(
                    "Waiting for an answer",
                    "Dialogs of agents, permissions and questions, that stand now.",
                    COUNT,
                    Query(total(series("iterm_mcp_approvals_open"), "instance"), "{{instance}}"),
                ),
                graph(
                    "Answers",
                    "What was chosen, and how it got there: by a waiting hook, by keys, by the "
                    "agent's protocol, or by a person at the terminal.",
                    PER_SECOND,
                    Query(
                        total(rate("iterm_mcp_approvals_total"), "choice", "channel"),
                        "{{choice}} by {{channel}}",
                    ),
                    stacked=True,
                ),
                graph(
                    "Time to the answer",
                    "How long agents wait for a person, or a rule.",
                    SECONDS,
                    Query(quantile(0.5, "iterm_mcp_approval_wait_seconds"), "half"),
                    Query(quantile(0.95, "iterm_mcp_approval_wait_seconds"), "19 of 20"),
                ),
                graph(
                    "Events of hooks",
                    "What agents tell of themselves; nobody's are of no registered agent.",
                    PER_SECOND,
                    Query(
                        total(rate("iterm_mcp_agent_hooks_total"), "kind", "outcome"),
                        "{{kind}}, {{outcome}}",
                    ),
                ),
            ],
            "Which versions, which tools": [
                ranking(
                    "Tools by calls",
                    "Calls in the shown time.",
                    COUNT,
                    Query(f"topk(12, {total(increase(TOOL_CALLS), 'tool')})", "{{tool}}"),
                ),
                ranking(
                    "Daemons by version",
                    "Running daemons.",
                    COUNT,
                    Query(f"count by (version) ({series('iterm_mcp_build_info')})", "{{version}}"),
                ),
            ],
        },
    )
