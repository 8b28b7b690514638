"""Messages to agents: how many, how quick, and what became of them."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    BYTES_PER_SECOND,
    COUNT,
    GOOD_WHEN_HIGH,
    GOOD_WHEN_QUICK,
    PER_SECOND,
    SECONDS,
    SHARE,
    Query,
    figure,
    graph,
    spread,
)
from scripts.dashboards.promql import QUANTILES, increase, quantile, rate, total

MESSAGES = "iterm_mcp_messages_total"
DELIVERY = "iterm_mcp_message_delivery_duration_seconds"
BYTES = "iterm_mcp_message_bytes_total"


def dashboard() -> str:
    """Return the dashboard as JSON."""
    written = total(increase(MESSAGES, 'state="written"'))
    meant = total(increase(MESSAGES, 'state!="planned"'))
    return page(
        "iterm-mcp-messages",
        "iterm-mcp / Message throughput",
        "Cascaded messages: one receipt an agent, by the level of the cascade it came from.",
        {
            "In the shown time": [
                figure(
                    "Messages",
                    "Receipts, whatever they say.",
                    COUNT,
                    Query(total(increase(MESSAGES))),
                    width=6,
                    decimals=0,
                ),
                figure(
                    "Written",
                    "Of the messages that were meant to be typed, the part that was.",
                    SHARE,
                    Query(f"{written} / {meant}"),
                    width=6,
                    steps=GOOD_WHEN_HIGH,
                ),
                figure(
                    "Delivery, 95 %",
                    "95 of 100 messages had their receipt within this time of their turn.",
                    SECONDS,
                    Query(quantile(0.95, DELIVERY, growth=increase)),
                    width=6,
                    steps=GOOD_WHEN_QUICK,
                ),
                figure(
                    "Text",
                    "UTF-8 bytes of messages that were typed.",
                    "bytes",
                    Query(total(increase(BYTES))),
                    width=6,
                ),
            ],
            "Over time": [
                graph(
                    "By source",
                    "Which text won: the agent's own, its team's, or the broadcast.",
                    PER_SECOND,
                    Query(total(rate(MESSAGES), "source"), "{{source}}"),
                    stacked=True,
                ),
                graph(
                    "By state",
                    "What the receipts say. Unknown: it may have arrived. Planned: a dry run.",
                    PER_SECOND,
                    Query(total(rate(MESSAGES), "state"), "{{state}}"),
                    stacked=True,
                ),
                graph(
                    "Delivery time",
                    "From a message's turn in its session to its receipt.",
                    SECONDS,
                    *(Query(quantile(share, DELIVERY), name) for share, name in QUANTILES),
                ),
                spread(
                    "Delivery time, spread",
                    "How the delivery times spread: two bands mean two kinds of session.",
                    total(rate(f"{DELIVERY}_bucket"), "le"),
                ),
                graph(
                    "Text",
                    "UTF-8 bytes of messages typed, per second.",
                    BYTES_PER_SECOND,
                    Query(total(rate(BYTES)), "typed"),
                    width=24,
                ),
            ],
        },
    )
