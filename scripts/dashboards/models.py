"""Models side by side: what each is used for so much, and what that costs."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    COUNT,
    DOLLARS,
    PER_SECOND,
    SHARE,
    Column,
    Query,
    figure,
    graph,
    listing,
    ranking,
)
from scripts.dashboards.promql import (
    flow,
    grown,
    increase,
    part,
)

COST = "iterm_mcp_cost_usd_total"
TOKENS = "iterm_mcp_tokens_total"
READ = 'type=~"input|cache_read|cache_write"'
WRITTEN = 'type=~"output|reasoning"'
REASONED = 'type="reasoning"'
CACHED = 'type="cache_read"'

PRICE = f"1000000 * {grown(COST, 'model')} / {grown(TOKENS, 'model')}"
"""A model's dollars for a million tokens of its own mix."""


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-models",
        "iterm-mcp / Models compared",
        "The same figures of every model, side by side. A price is that of the mix of tokens that "
        "was really used, caches included.",
        {
            "In the shown time": [
                listing(
                    "Models",
                    "What each took and cost. Read: into the model; written: by it.",
                    "model",
                    [
                        Column("cost", DOLLARS, grown(COST, "model")),
                        Column("tokens", COUNT, grown(TOKENS, "model")),
                        Column("read", COUNT, grown(TOKENS, "model", matching=(READ,))),
                        Column("written", COUNT, grown(TOKENS, "model", matching=(WRITTEN,))),
                        Column(
                            "from a cache",
                            SHARE,
                            part(TOKENS, CACHED, by=("model",), growth=increase),
                        ),
                        Column("dollars a million", DOLLARS, PRICE),
                    ],
                ),
                figure(
                    "Models",
                    "That were used in the shown time.",
                    COUNT,
                    Query(f"count({grown(TOKENS, 'model')} > 0)"),
                    width=8,
                ),
                figure(
                    "Dollars a million tokens",
                    "Of all models together, in the shown time.",
                    DOLLARS,
                    Query(f"1000000 * {grown(COST)} / {grown(TOKENS)}"),
                    width=8,
                    to="iterm-mcp-costs",
                ),
                figure(
                    "Reasoning",
                    "The part of what models wrote that was reasoning.",
                    SHARE,
                    Query(
                        f"{grown(TOKENS, matching=(REASONED,))} / "
                        f"{grown(TOKENS, matching=(WRITTEN,))}"
                    ),
                    width=8,
                ),
            ],
            "Price": [
                ranking(
                    "Dollars a million tokens",
                    "In the shown time, by the mix that was used.",
                    DOLLARS,
                    Query(PRICE, "{{model}}"),
                ),
                graph(
                    "Dollars a million tokens, over time",
                    "It rises when a cache is missed.",
                    DOLLARS,
                    Query(
                        f"1000000 * {flow(COST, 'model')} / {flow(TOKENS, 'model')}",
                        "{{model}}",
                    ),
                ),
            ],
            "Tokens": [
                graph(
                    "From a cache",
                    "The part of a model's tokens that was read from a cache.",
                    SHARE,
                    Query(part(TOKENS, CACHED, by=("model",)), "{{model}}"),
                ),
                graph(
                    "Reasoning",
                    "The part of a model's tokens that it reasoned with.",
                    SHARE,
                    Query(part(TOKENS, REASONED, by=("model",)), "{{model}}"),
                ),
                graph(
                    "Written",
                    "Tokens per second, reasoning included.",
                    PER_SECOND,
                    Query(flow(TOKENS, "model", matching=(WRITTEN,)), "{{model}}"),
                    stacked=True,
                ),
                graph(
                    "Read",
                    "Tokens per second, from caches included.",
                    PER_SECOND,
                    Query(flow(TOKENS, "model", matching=(READ,)), "{{model}}"),
                    stacked=True,
                ),
            ],
        },
    )
