"""What wants somebody's attention, and whether they were told."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    BAD_WHEN_ANY,
    COUNT,
    DOWN_OR_UP,
    PER_SECOND,
    SECONDS,
    SHARE,
    Query,
    figure,
    graph,
    ranking,
)
from scripts.dashboards.promql import flow, grown, increase, least, now, part, series, worst

OPEN = "iterm_mcp_alerts_open"
NOTIFICATIONS = "iterm_mcp_notifications_total"
PROBE = "iterm_mcp_probe"


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-alerts",
        "iterm-mcp / Alerts",
        "Alerts of the daemons themselves, the notifications that people got, and the probe that "
        "tries the whole way. Prometheus has its own page for the alerts of its rules.",
        {
            "Now": [
                figure(
                    "Open",
                    "Alerts that nobody has closed.",
                    COUNT,
                    Query(now(OPEN)),
                    steps=BAD_WHEN_ANY,
                ),
                figure(
                    "Ready",
                    "Whether every daemon says that work can be done, as `/readyz` has it.",
                    COUNT,
                    Query(least("iterm_mcp_daemon_ready")),
                    steps=DOWN_OR_UP,
                    words={"0": "not ready", "1": "ready"},
                    to="iterm-mcp-fleet",
                ),
                figure(
                    "Notifications",
                    "That people got in the shown time.",
                    COUNT,
                    Query(grown(NOTIFICATIONS, matching=('outcome="sent"',))),
                    decimals=0,
                ),
                figure(
                    "Not delivered",
                    "Notifications that were given up, or for which there was no room.",
                    COUNT,
                    Query(grown(NOTIFICATIONS, matching=('outcome!="sent"',))),
                    steps=BAD_WHEN_ANY,
                    decimals=0,
                ),
                figure(
                    "Probe",
                    "Whether the whole way worked when it was tried last: a session, a command, an "
                    "agent, a task.",
                    COUNT,
                    Query(least(f"{PROBE}_success")),
                    steps=DOWN_OR_UP,
                    words={"0": "failed", "1": "worked"},
                ),
                figure(
                    "Tried",
                    "How long ago the probe ran last; it is off unless it was asked for.",
                    SECONDS,
                    Query(f"time() - {worst(f'{PROBE}_last_run_timestamp_seconds')}"),
                ),
            ],
            "Alerts": [
                graph(
                    "Open, by rule",
                    "What is wrong; monitor stands for alerts that Prometheus sent.",
                    COUNT,
                    Query(f"{now(OPEN, 'rule')} > 0", "{{rule}}"),
                    stacked=True,
                ),
                graph(
                    "Open, by machine",
                    "Where it is wrong.",
                    COUNT,
                    Query(now(OPEN, "instance"), "{{instance}}"),
                    stacked=True,
                    to="iterm-mcp-fleet",
                ),
            ],
            "Notifications": [
                graph(
                    "By sink",
                    "Per second, and what became of them.",
                    PER_SECOND,
                    Query(flow(NOTIFICATIONS, "sink", "outcome"), "{{sink}}: {{outcome}}"),
                    stacked=True,
                ),
                ranking(
                    "Delivered",
                    "In the shown time; what is below 100 % needs a look at the sink.",
                    SHARE,
                    Query(
                        part(NOTIFICATIONS, 'outcome="sent"', by=("sink",), growth=increase),
                        "{{sink}}",
                    ),
                ),
            ],
            "Exports": [
                graph(
                    "Exports of metrics",
                    "Readings sent to StatsD or OpenTelemetry, per second, and how that went.",
                    PER_SECOND,
                    Query(
                        flow("iterm_mcp_metric_exports_total", "exporter", "outcome"),
                        "{{exporter}}: {{outcome}}",
                    ),
                    stacked=True,
                    width=24,
                ),
            ],
            "Probe": [
                graph(
                    "Steps",
                    "1 for a step that worked when it was tried last.",
                    COUNT,
                    Query(least(f"{PROBE}_success", "step"), "{{step}}"),
                ),
                graph(
                    "Time of steps",
                    "What each step took when it was tried last; the worst machine's.",
                    SECONDS,
                    Query(worst(f"{PROBE}_step_duration_seconds", "step"), "{{step}}"),
                    to="iterm-mcp-latency",
                ),
                ranking(
                    "Runs",
                    "In the shown time, by outcome.",
                    COUNT,
                    Query(grown(f"{PROBE}_runs_total", "outcome"), "{{outcome}}"),
                ),
                graph(
                    "Machines that were probed",
                    "Machines on which the probe is on, or was tried by hand.",
                    COUNT,
                    Query(f"count({series(f'{PROBE}_last_run_timestamp_seconds')})", "machines"),
                ),
            ],
        },
    )
