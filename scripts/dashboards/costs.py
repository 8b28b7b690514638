"""What models cost, and how budgets stand."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    BAD_WHEN_ANY,
    COUNT,
    DOLLARS,
    PER_SECOND,
    SHARE,
    Query,
    figure,
    graph,
    ranking,
)
from scripts.dashboards.promql import (
    flow,
    grown,
    increase,
    part,
    worst,
)

COST = "iterm_mcp_cost_usd_total"
TOKENS = "iterm_mcp_tokens_total"
UNPRICED = "iterm_mcp_unpriced_tokens_total"
USED = "iterm_mcp_budget_used_ratio"
BUDGET_STEPS = ((None, "green"), (0.8, "orange"), (1, "red"))


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-costs",
        "iterm-mcp / Costs and tokens",
        "What was spent, on which model, and how much of each budget is left. Counted are answers "
        "that were kept since each daemon began.",
        {
            "In the shown time": [
                figure(
                    "Cost",
                    "Of all answers that have a price.",
                    DOLLARS,
                    Query(grown(COST)),
                ),
                figure(
                    "Dollars an hour, now",
                    "At the present pace.",
                    DOLLARS,
                    Query(f"{flow(COST)} * 3600"),
                ),
                figure("Tokens", "Of all sorts.", COUNT, Query(grown(TOKENS))),
                figure(
                    "From a cache",
                    "The part of the tokens that was read from a cache: the cheap ones.",
                    SHARE,
                    Query(part(TOKENS, 'type="cache_read"', growth=increase)),
                ),
                figure(
                    "Without a price",
                    "Tokens of models whose price nobody knows; they are missing in all sums.",
                    COUNT,
                    Query(grown(UNPRICED)),
                    steps=BAD_WHEN_ANY,
                    decimals=0,
                ),
                figure(
                    "Fullest budget",
                    "What is spent of it.",
                    SHARE,
                    Query(worst(USED)),
                    steps=BUDGET_STEPS,
                ),
            ],
            "Money": [
                graph(
                    "Dollars an hour by model",
                    "At the pace of each moment.",
                    DOLLARS,
                    Query(f"{flow(COST, 'model')} * 3600", "{{model}}"),
                    stacked=True,
                    to="iterm-mcp-models",
                ),
                ranking(
                    "Cost by model",
                    "In the shown time.",
                    DOLLARS,
                    Query(grown(COST, "model"), "{{model}}"),
                ),
                graph(
                    "Dollars an hour by machine",
                    "At the pace of each moment.",
                    DOLLARS,
                    Query(f"{flow(COST, 'instance')} * 3600", "{{instance}}"),
                    stacked=True,
                ),
                graph(
                    "Without a price",
                    "Tokens per second whose price nobody knows, by model.",
                    PER_SECOND,
                    Query(f"{flow(UNPRICED, 'model')} > 0", "{{model}}"),
                    stacked=True,
                ),
            ],
            "Budgets": [
                graph(
                    "Used",
                    "Of each budget's present time; 1 is all of it.",
                    SHARE,
                    Query(worst(USED, "budget"), "{{budget}}"),
                    steps=BUDGET_STEPS,
                ),
                graph(
                    "Agents held",
                    "How often a step of a budget was reached that holds agents.",
                    PER_SECOND,
                    Query(flow("iterm_mcp_budget_pauses_total"), "held"),
                    to="iterm-mcp-alerts",
                ),
            ],
            "Tokens": [
                graph(
                    "By sort",
                    "Per second; output is without reasoning.",
                    PER_SECOND,
                    Query(flow(TOKENS, "type"), "{{type}}"),
                    stacked=True,
                ),
                graph(
                    "By model",
                    "Per second, of all sorts.",
                    PER_SECOND,
                    Query(flow(TOKENS, "model"), "{{model}}"),
                    stacked=True,
                    to="iterm-mcp-models",
                ),
            ],
        },
    )
