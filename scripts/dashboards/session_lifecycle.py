"""Sessions opening and ending."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    COUNT,
    PER_SECOND,
    SECONDS,
    Query,
    figure,
    graph,
)
from scripts.dashboards.promql import (
    OPERATION_SECONDS,
    OPERATIONS,
    increase,
    quantile,
    rate,
    series,
    total,
)

OPENED = "iterm_mcp_sessions_opened_total"
CLOSED = "iterm_mcp_sessions_closed_total"
LIFE = 'operation=~"open_session|split_session|close_session"'


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-lifecycle",
        "iterm-mcp / Session lifecycle",
        "How sessions come and go, and how long the terminal takes for it.",
        {
            "In the shown time": [
                figure(
                    "Opened",
                    "Sessions seen to open, by us or by a person.",
                    COUNT,
                    Query(total(increase(OPENED))),
                    width=6,
                    decimals=0,
                ),
                figure(
                    "Ended",
                    "Sessions seen to end, whoever ended them.",
                    COUNT,
                    Query(total(increase(CLOSED))),
                    width=6,
                    decimals=0,
                ),
                figure(
                    "Open now",
                    "Sessions that the terminal shows.",
                    COUNT,
                    Query(total(series("iterm_mcp_sessions_open"))),
                    width=6,
                ),
                figure(
                    "Growth",
                    "Opened less ended. What stays above zero for days is a leak.",
                    COUNT,
                    Query(f"{total(increase(OPENED))} - {total(increase(CLOSED))}"),
                    width=6,
                    decimals=0,
                ),
            ],
            "Over time": [
                graph(
                    "Opened and ended",
                    "Sessions per second.",
                    PER_SECOND,
                    Query(total(rate(OPENED)), "opened"),
                    Query(total(rate(CLOSED)), "ended"),
                ),
                graph(
                    "Open",
                    "Sessions that the terminal shows.",
                    COUNT,
                    Query(total(series("iterm_mcp_sessions_open"), "instance"), "{{instance}}"),
                ),
                graph(
                    "Time to open, split and close, 95 %",
                    "What the terminal takes. The first session also starts the host.",
                    SECONDS,
                    Query(
                        quantile(0.95, OPERATION_SECONDS, LIFE, by=("operation",)), "{{operation}}"
                    ),
                ),
                graph(
                    "Openings, splits and closings",
                    "Asked of the terminal by us, by outcome.",
                    PER_SECOND,
                    Query(
                        total(rate(OPERATIONS, LIFE), "operation", "outcome"),
                        "{{operation}}: {{outcome}}",
                    ),
                    stacked=True,
                ),
                graph(
                    "The terminal's connection",
                    "1 while a terminal answers.",
                    COUNT,
                    Query(
                        f"min by (instance) ({series('iterm_mcp_terminal_connected')})",
                        "{{instance}}",
                    ),
                ),
                graph(
                    "Reconnects",
                    "Connections to the terminal made again after a loss.",
                    PER_SECOND,
                    Query(total(rate("iterm_mcp_terminal_reconnects_total")), "reconnects"),
                ),
            ],
        },
    )
