"""Sessions coming and going, the terminal that has them, and the headless host."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    BYTES,
    BYTES_PER_SECOND,
    COUNT,
    DOWN_OR_UP,
    GOOD_WHEN_QUICK,
    PER_SECOND,
    SECONDS,
    Query,
    figure,
    graph,
    spread,
)
from scripts.dashboards.promql import (
    OPERATION_SECONDS,
    OPERATIONS,
    QUANTILES,
    flow,
    grown,
    increase,
    least,
    now,
    quantile,
    worst,
)

OPENED = "iterm_mcp_sessions_opened_total"
CLOSED = "iterm_mcp_sessions_closed_total"
RECONNECTS = "iterm_mcp_terminal_reconnects_total"
ECHO = "iterm_mcp_host_echo_seconds"
LIFE = 'operation=~"open_session|split_session|close_session"'


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-sessions",
        "iterm-mcp / Sessions and host",
        "How sessions come and go, and how the host is that holds them. Where iTerm2 is the "
        "terminal there is no host.",
        {
            "Now": [
                figure(
                    "Terminal",
                    "Whether every daemon has a terminal to speak to: iTerm2 or the headless host.",
                    COUNT,
                    Query(least("iterm_mcp_terminal_connected")),
                    steps=DOWN_OR_UP,
                    words={"0": "away", "1": "connected"},
                ),
                figure(
                    "Host",
                    "Whether every headless host answers.",
                    COUNT,
                    Query(least("iterm_mcp_host_up")),
                    steps=DOWN_OR_UP,
                    words={"0": "silent", "1": "up"},
                ),
                figure(
                    "Sessions",
                    "Sessions that terminals show.",
                    COUNT,
                    Query(now("iterm_mcp_sessions_open")),
                ),
                figure(
                    "Growth",
                    "Opened less ended, in the shown time. What stays above zero for days is a "
                    "leak.",
                    COUNT,
                    Query(f"{grown(OPENED)} - {grown(CLOSED)}"),
                    decimals=0,
                ),
                figure(
                    "Reconnects",
                    "Connections to the terminal that were made again in the shown time. Each was "
                    "a loss: of the host, of iTerm2, or of its socket.",
                    COUNT,
                    Query(grown(RECONNECTS)),
                    steps=((None, "green"), (1, "orange"), (5, "red")),
                    decimals=0,
                ),
                figure(
                    "Echo, 95 %",
                    "In the shown time: from input to the first output of its session.",
                    SECONDS,
                    Query(quantile(0.95, ECHO, growth=increase)),
                    steps=((None, "green"), (0.05, "orange"), (0.2, "red")),
                ),
            ],
            "Sessions": [
                graph(
                    "Opened and ended",
                    "Sessions per second, by us or by a person.",
                    PER_SECOND,
                    Query(flow(OPENED), "opened"),
                    Query(flow(CLOSED), "ended"),
                ),
                graph(
                    "Open",
                    "Sessions that terminals show. A line that only climbs is a leak.",
                    COUNT,
                    Query(now("iterm_mcp_sessions_open", "instance"), "{{instance}}"),
                ),
                graph(
                    "Time to open, split and close, 95 %",
                    "What the terminal takes. The first session also starts the host.",
                    SECONDS,
                    Query(
                        quantile(0.95, OPERATION_SECONDS, LIFE, by=("operation",)), "{{operation}}"
                    ),
                    to="iterm-mcp-latency",
                ),
                graph(
                    "Openings, splits and closings",
                    "Asked of the terminal by us, by outcome.",
                    PER_SECOND,
                    Query(
                        flow(OPERATIONS, "operation", "outcome", matching=(LIFE,)),
                        "{{operation}}: {{outcome}}",
                    ),
                    stacked=True,
                    to="iterm-mcp-errors",
                ),
            ],
            "Connection": [
                graph(
                    "Terminal",
                    "1 while a terminal answers.",
                    COUNT,
                    Query(least("iterm_mcp_terminal_connected", "instance"), "{{instance}}"),
                ),
                graph(
                    "Reconnects",
                    "Connections to the terminal made again after a loss.",
                    PER_SECOND,
                    Query(flow(RECONNECTS, "instance"), "{{instance}}"),
                ),
            ],
            "Host": [
                graph(
                    "Output",
                    "Bytes that programs in sessions print.",
                    BYTES_PER_SECOND,
                    Query(flow("iterm_mcp_host_output_bytes_total", "instance"), "{{instance}}"),
                ),
                graph(
                    "Input",
                    "Bytes that programs in sessions are sent.",
                    BYTES_PER_SECOND,
                    Query(flow("iterm_mcp_host_input_bytes_total", "instance"), "{{instance}}"),
                ),
                graph(
                    "Echo",
                    "From input to the first output of its session; over 50 ms is felt.",
                    SECONDS,
                    *(Query(quantile(share, ECHO), name) for share, name in QUANTILES),
                    steps=((None, "green"), (0.05, "red")),
                ),
                spread("Echo, spread", "Of all sessions.", flow(f"{ECHO}_bucket", "le")),
                graph(
                    "Back-pressure",
                    "Sessions whose output is not read just now: somebody reads too slowly.",
                    COUNT,
                    Query(now("iterm_mcp_host_paused_sessions", "instance"), "{{instance}}"),
                ),
                graph(
                    "Pauses",
                    "How often a session's output was left unread, per second.",
                    PER_SECOND,
                    Query(flow("iterm_mcp_host_pauses_total", "instance"), "{{instance}}"),
                ),
                graph(
                    "Event loop's lag",
                    "The longest that the host's loop kept what was due waiting.",
                    SECONDS,
                    Query(worst("iterm_mcp_host_loop_lag_seconds", "instance"), "{{instance}}"),
                    steps=GOOD_WHEN_QUICK,
                ),
                graph(
                    "Sessions and connections",
                    "Held by hosts.",
                    COUNT,
                    Query(now("iterm_mcp_host_sessions"), "sessions"),
                    Query(now("iterm_mcp_host_clients"), "connections"),
                ),
                graph(
                    "Memory",
                    "Resident memory of hosts; most of it is what has scrolled by.",
                    BYTES,
                    Query(now("iterm_mcp_host_memory_bytes", "instance"), "{{instance}}"),
                    to="iterm-mcp-resources",
                ),
                graph(
                    "CPU",
                    "Cores that hosts take.",
                    COUNT,
                    Query(flow("iterm_mcp_host_cpu_seconds_total", "instance"), "{{instance}}"),
                    to="iterm-mcp-resources",
                ),
            ],
        },
    )
