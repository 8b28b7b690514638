"""Events: told, kept, waiting, lost."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    BYTES,
    COUNT,
    GOOD_WHEN_QUICK,
    GOOD_WHEN_ZERO,
    PER_SECOND,
    SECONDS,
    Query,
    figure,
    graph,
)
from scripts.dashboards.promql import (
    QUANTILES,
    flow,
    grown,
    now,
    quantile,
    series,
    worst,
)

EVENTS = "iterm_mcp_events"
SPOOL = "iterm_mcp_spool"


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-events",
        "iterm-mcp / Events and intake",
        "Whether all that happens is kept, how long that takes, and what it takes of the disk.",
        {
            "Now": [
                figure(
                    "Keeping",
                    "Whether events can be kept; if not, is the disk full? `/health` tells why.",
                    COUNT,
                    Query(worst(f"{EVENTS}_troubled")),
                    steps=((None, "green"), (1, "red")),
                    words={"0": "kept", "1": "troubled"},
                ),
                figure(
                    "Waiting",
                    "Events handed over and not yet on the disk; 50 000 are refused.",
                    COUNT,
                    Query(now(f"{EVENTS}_waiting")),
                    steps=((None, "green"), (5000, "orange"), (25_000, "red")),
                    decimals=0,
                ),
                figure(
                    "Lag",
                    "How long the oldest of these waits.",
                    SECONDS,
                    Query(worst(f"{EVENTS}_lag_seconds")),
                    steps=GOOD_WHEN_QUICK,
                ),
                figure(
                    "In the spool",
                    "Files that hooks have left and nobody has taken; 32 768 are the most.",
                    COUNT,
                    Query(now(f"{SPOOL}_files")),
                    steps=((None, "green"), (1000, "orange"), (16_000, "red")),
                    decimals=0,
                ),
                figure(
                    "Damaged files",
                    "Files of events that were set aside: `iterm-mcp events verify` tells why.",
                    COUNT,
                    Query(now(f"{EVENTS}_damaged_files")),
                    steps=GOOD_WHEN_ZERO,
                    decimals=0,
                ),
                figure(
                    "Lost",
                    "Events of our own that found no room, in the shown time.",
                    COUNT,
                    Query(grown(f"{EVENTS}_own_dropped_total")),
                    steps=GOOD_WHEN_ZERO,
                    decimals=0,
                ),
            ],
            "On their way": [
                graph(
                    "Told",
                    "Kept, told again by another source or after a crash, and refused.",
                    PER_SECOND,
                    Query(flow(f"{EVENTS}_kept_total"), "kept"),
                    Query(flow(f"{EVENTS}_repeated_total"), "told again"),
                    Query(flow(f"{EVENTS}_refused_total"), "refused"),
                ),
                graph(
                    "Waiting to be kept",
                    "Of all sources, and of our own, for which nobody waits.",
                    COUNT,
                    Query(now(f"{EVENTS}_waiting"), "all"),
                    Query(now(f"{EVENTS}_own_waiting"), "our own"),
                ),
                graph(
                    "Lag",
                    "How long the oldest event waits to be on the disk.",
                    SECONDS,
                    Query(f"max by (instance) ({series(f'{EVENTS}_lag_seconds')})", "{{instance}}"),
                ),
                graph(
                    "Left out and put aside",
                    "Our own events that were lost, looks at changed files that were left out, and "
                    "files of hooks that held no whole event.",
                    PER_SECOND,
                    Query(flow(f"{EVENTS}_own_dropped_total"), "lost"),
                    Query(flow("iterm_mcp_shell_looks_skipped_total"), "looks left out"),
                    Query(flow(f"{SPOOL}_torn_files_total"), "torn files"),
                ),
            ],
            "Where they come from": [
                graph(
                    "Hooks",
                    "Events of agents' hooks per second: recorded or nobody's as they came, kept "
                    "or torn when they came from the spool.",
                    PER_SECOND,
                    Query(flow("iterm_mcp_agent_hooks_total", "outcome"), "{{outcome}}"),
                    stacked=True,
                    to="iterm-mcp-agents",
                ),
                graph(
                    "Time that a hook takes",
                    "The agent waits meanwhile.",
                    SECONDS,
                    *(
                        Query(
                            quantile(
                                share,
                                "iterm_mcp_http_request_duration_seconds",
                                'class="hook"',
                            ),
                            name,
                        )
                        for share, name in QUANTILES
                    ),
                    to="iterm-mcp-http",
                ),
            ],
            "On the disk": [
                graph(
                    "Bytes",
                    "Of all files of events, and of what hooks have left.",
                    BYTES,
                    Query(now(f"{EVENTS}_disk_bytes"), "events"),
                    Query(now(f"{SPOOL}_bytes"), "spool"),
                ),
                graph(
                    "Files of events",
                    "One a day, or each 512 MB; damaged ones are set aside.",
                    COUNT,
                    Query(now(f"{EVENTS}_files"), "all"),
                    Query(now(f"{EVENTS}_damaged_files"), "damaged"),
                ),
                graph(
                    "Files in the spool",
                    "What grows here while a daemon runs is not taken.",
                    COUNT,
                    Query(now(f"{SPOOL}_files", "instance"), "{{instance}}"),
                ),
                graph(
                    "Forgotten",
                    "Events that were too old, or for which there was no room.",
                    PER_SECOND,
                    Query(flow(f"{EVENTS}_forgotten_total"), "forgotten"),
                ),
            ],
        },
    )
