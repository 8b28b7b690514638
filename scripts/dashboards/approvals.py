"""What agents ask, and how long they wait for it."""

from __future__ import annotations

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
    QUANTILES,
    flow,
    grown,
    increase,
    now,
    part,
    quantile,
    share_within,
    worst,
)

ANSWERS = "iterm_mcp_approvals_total"
WAIT = "iterm_mcp_approval_wait_seconds"
LONG = ((None, "green"), (300, "orange"), (1800, "red"))


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-approvals",
        "iterm-mcp / Approvals",
        "Permissions and questions of agents: what stands, what was answered, how soon.",
        {
            "Now": [
                figure(
                    "Waiting",
                    "Dialogs of agents that stand now.",
                    COUNT,
                    Query(now("iterm_mcp_approvals_open")),
                    width=6,
                    steps=((None, "green"), (1, "orange"), (5, "red")),
                ),
                figure(
                    "The oldest",
                    "How long the oldest of these waits.",
                    SECONDS,
                    Query(worst("iterm_mcp_approvals_oldest_seconds")),
                    width=6,
                    steps=LONG,
                ),
                figure(
                    "Answered",
                    "In the shown time.",
                    COUNT,
                    Query(grown(ANSWERS)),
                    width=6,
                    decimals=0,
                ),
                figure(
                    "Within a minute",
                    "Of what was answered in the shown time.",
                    SHARE,
                    Query(share_within(60, WAIT)),
                    width=6,
                ),
            ],
            "Waiting": [
                graph(
                    "Dialogs that stand",
                    "By machine.",
                    COUNT,
                    Query(now("iterm_mcp_approvals_open", "instance"), "{{instance}}"),
                    stacked=True,
                ),
                graph(
                    "The oldest dialog",
                    "An agent does nothing meanwhile.",
                    SECONDS,
                    Query(worst("iterm_mcp_approvals_oldest_seconds", "instance"), "{{instance}}"),
                    steps=LONG,
                ),
                graph(
                    "Time to the answer",
                    "How long agents wait for a person, or a rule.",
                    SECONDS,
                    *(Query(quantile(share, WAIT), name) for share, name in QUANTILES),
                ),
                spread(
                    "Time to the answer, spread",
                    "Rules answer at once, people after a while: two bands.",
                    flow(f"{WAIT}_bucket", "le"),
                ),
            ],
            "Answers": [
                graph(
                    "By choice",
                    "What was answered, per second.",
                    PER_SECOND,
                    Query(flow(ANSWERS, "choice"), "{{choice}}"),
                    stacked=True,
                ),
                graph(
                    "By channel",
                    "How the answer got there: by a waiting hook, by keys, by the agent's "
                    "protocol, or by a person at the terminal.",
                    PER_SECOND,
                    Query(flow(ANSWERS, "channel"), "{{channel}}"),
                    stacked=True,
                ),
                ranking(
                    "Choice by channel",
                    "In the shown time.",
                    COUNT,
                    Query(grown(ANSWERS, "choice", "channel"), "{{choice}} by {{channel}}"),
                ),
                graph(
                    "Refused",
                    "The part of the answers that was no. Many mean that rules are too narrow, or "
                    "agents too bold.",
                    SHARE,
                    Query(part(ANSWERS, 'choice="deny"', growth=increase), "refused"),
                ),
            ],
        },
    )
