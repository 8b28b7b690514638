"""Agents: what they do, how they start, how their turns end."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    BAD_WHEN_ANY,
    COUNT,
    GOOD_WHEN_HIGH,
    PER_SECOND,
    SECONDS,
    SHARE,
    Query,
    figure,
    graph,
    ranking,
)
from scripts.dashboards.promql import flow, grown, increase, now, part, quantile, top

AGENTS = "iterm_mcp_agents"
STARTS = "iterm_mcp_agent_starts_total"
START_SECONDS = "iterm_mcp_agent_start_duration_seconds"
TURNS = "iterm_mcp_agent_turns_total"
TURN_SECONDS = "iterm_mcp_agent_turn_duration_seconds"
STUCK = 'state=~"failed|rate_limited|auth_failed|exited|lost|quarantined"'


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-agents",
        "iterm-mcp / Agents",
        "Who there is, what each does, and how starts and turns go.",
        {
            "Now": [
                figure(
                    "Agents",
                    "Agents in the registry, alive or not.",
                    COUNT,
                    Query(now("iterm_mcp_agents_registered")),
                ),
                figure(
                    "Teams",
                    "Teams in the registry.",
                    COUNT,
                    Query(now("iterm_mcp_teams_registered")),
                ),
                figure(
                    "Working",
                    "Agents amid a turn.",
                    COUNT,
                    Query(now(AGENTS, matching=('state="working"',))),
                ),
                figure(
                    "Waiting for a person",
                    "A permission or a question stands.",
                    COUNT,
                    Query(now(AGENTS, matching=('state=~"waiting_.*|gate"',))),
                    to="iterm-mcp-approvals",
                ),
                figure(
                    "In trouble",
                    "Failed, ended, or held up by a limit or a login.",
                    COUNT,
                    Query(now(AGENTS, matching=(STUCK,))),
                    steps=BAD_WHEN_ANY,
                    to="iterm-mcp-errors",
                ),
                figure(
                    "In quarantine",
                    "They crashed too often to be started again by themselves.",
                    COUNT,
                    Query(now("iterm_mcp_agents_quarantined")),
                    steps=BAD_WHEN_ANY,
                ),
            ],
            "What they do": [
                graph(
                    "By state",
                    "Registered agents. One that waits for a permission needs a person.",
                    COUNT,
                    Query(now(AGENTS, "state"), "{{state}}"),
                    stacked=True,
                ),
                graph(
                    "By kind",
                    "Registered agents by the program that they are.",
                    COUNT,
                    Query(now(AGENTS, "kind"), "{{kind}}"),
                    stacked=True,
                ),
                graph(
                    "Changes of state",
                    "Per second, by the state that agents came to.",
                    PER_SECOND,
                    Query(flow("iterm_mcp_agent_state_changes_total", "state"), "{{state}}"),
                    stacked=True,
                ),
                graph(
                    "Events of hooks",
                    "What agents tell of themselves; nobody's are of no registered agent.",
                    PER_SECOND,
                    Query(
                        flow("iterm_mcp_agent_hooks_total", "kind", "outcome"),
                        "{{kind}}, {{outcome}}",
                    ),
                    to="iterm-mcp-events",
                ),
            ],
            "Turns": [
                figure(
                    "Turns",
                    "In the shown time.",
                    COUNT,
                    Query(grown(TURNS)),
                    decimals=0,
                    width=6,
                ),
                figure(
                    "Ended well",
                    "In the shown time; the rest failed or was interrupted.",
                    SHARE,
                    Query(part(TURNS, 'outcome="done"', growth=increase)),
                    width=6,
                ),
                figure(
                    "Half within",
                    "Half of the turns of the shown time were shorter, waiting included.",
                    SECONDS,
                    Query(quantile(0.5, TURN_SECONDS, growth=increase)),
                    width=6,
                ),
                figure(
                    "Turn, 95 %",
                    "95 of 100 turns of the shown time were shorter.",
                    SECONDS,
                    Query(quantile(0.95, TURN_SECONDS, growth=increase)),
                    width=6,
                ),
                graph(
                    "Turns by outcome",
                    "Turns that ended, per second.",
                    PER_SECOND,
                    Query(flow(TURNS, "kind", "outcome"), "{{kind}}: {{outcome}}"),
                    stacked=True,
                ),
                graph(
                    "Length of turns",
                    "Half of the turns were shorter.",
                    SECONDS,
                    Query(quantile(0.5, TURN_SECONDS, by=("kind",)), "{{kind}}"),
                ),
            ],
            "Starts": [
                figure(
                    "Starts that succeeded",
                    "In the shown time, of agents that were ordered.",
                    SHARE,
                    Query(part(STARTS, 'outcome="ok"', growth=increase)),
                    width=12,
                    steps=GOOD_WHEN_HIGH,
                ),
                figure(
                    "Start, 95 %",
                    "In the shown time, from the order until an agent shows what it waits for. "
                    "Ten seconds are the aim.",
                    SECONDS,
                    Query(quantile(0.95, START_SECONDS, growth=increase)),
                    width=12,
                    steps=((None, "green"), (10, "orange"), (30, "red")),
                ),
                graph(
                    "Time to start, 95 %",
                    "By kind; the line is the aim.",
                    SECONDS,
                    Query(quantile(0.95, START_SECONDS, by=("kind",)), "{{kind}}"),
                    steps=((None, "green"), (10, "red")),
                ),
                ranking(
                    "Starts that failed, and restarts",
                    "In the shown time.",
                    COUNT,
                    Query(
                        top(10, grown("iterm_mcp_agent_restarts_total", "kind", "outcome")),
                        "{{kind}} again: {{outcome}}",
                    ),
                ),
            ],
        },
    )
