"""Messages and cascades: how many, how quick, and what became of them."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    BAD_WHEN_ANY,
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
    ranking,
    spread,
)
from scripts.dashboards.promql import (
    QUANTILES,
    flow,
    grown,
    increase,
    now,
    quantile,
    top,
    worst,
)

MESSAGES = "iterm_mcp_messages_total"
DELIVERY = "iterm_mcp_message_delivery_duration_seconds"
BYTES = "iterm_mcp_message_bytes_total"
ENDED = "iterm_mcp_receipts_ended_total"
NOT_ENDED = 'outcome!="ended"'


def dashboard() -> str:
    """Return the dashboard as JSON."""
    written = grown(MESSAGES, matching=('state="written"',))
    meant = grown(MESSAGES, matching=('state!="planned"',))
    return page(
        "iterm-mcp-messages",
        "iterm-mcp / Messages and cascade",
        "Cascaded messages: one receipt an agent, by the level of the cascade it came from; then "
        "what waits, and how each message ended.",
        {
            "Now": [
                figure(
                    "Waiting",
                    "Messages of which nothing was typed yet.",
                    COUNT,
                    Query(now("iterm_mcp_messages_waiting")),
                    width=8,
                ),
                figure(
                    "The oldest",
                    "How long the oldest of these waits.",
                    SECONDS,
                    Query(worst("iterm_mcp_messages_oldest_waiting_seconds")),
                    width=8,
                    steps=((None, "green"), (300, "orange"), (1800, "red")),
                ),
                figure(
                    "Dead letters",
                    "Messages that were refused, have expired, or may have arrived, and are kept.",
                    COUNT,
                    Query(now("iterm_mcp_dead_letters")),
                    width=8,
                    steps=BAD_WHEN_ANY,
                ),
            ],
            "In the shown time": [
                figure(
                    "Messages",
                    "Receipts, whatever they say.",
                    COUNT,
                    Query(grown(MESSAGES)),
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
                    Query(grown(BYTES)),
                    width=6,
                ),
            ],
            "Over time": [
                graph(
                    "By source",
                    "Which text won: the agent's own, its team's, or the broadcast.",
                    PER_SECOND,
                    Query(flow(MESSAGES, "source"), "{{source}}"),
                    stacked=True,
                ),
                graph(
                    "By state",
                    "What the receipts say. Unknown: it may have arrived. Planned: a dry run.",
                    PER_SECOND,
                    Query(flow(MESSAGES, "state"), "{{state}}"),
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
                    flow(f"{DELIVERY}_bucket", "le"),
                ),
                graph(
                    "Text",
                    "UTF-8 bytes of messages typed, per second.",
                    BYTES_PER_SECOND,
                    Query(flow(BYTES), "typed"),
                    width=24,
                ),
            ],
            "How they end": [
                graph(
                    "By outcome",
                    "Messages that came to an end, per second. Unknown: they may have arrived.",
                    PER_SECOND,
                    Query(flow(ENDED, "outcome"), "{{outcome}}"),
                    stacked=True,
                ),
                ranking(
                    "Why they did not go through",
                    "In the shown time.",
                    COUNT,
                    Query(
                        top(12, grown(ENDED, "outcome", "reason", matching=(NOT_ENDED,))),
                        "{{outcome}}: {{reason}}",
                    ),
                    to="iterm-mcp-errors",
                ),
                graph(
                    "Waiting",
                    "Messages of which nothing was typed yet, by machine.",
                    COUNT,
                    Query(now("iterm_mcp_messages_waiting", "instance"), "{{instance}}"),
                ),
                graph(
                    "The oldest that waits",
                    "What only grows is an agent that takes nothing any more.",
                    SECONDS,
                    Query(
                        worst("iterm_mcp_messages_oldest_waiting_seconds", "instance"),
                        "{{instance}}",
                    ),
                    to="iterm-mcp-agents",
                ),
            ],
        },
    )
