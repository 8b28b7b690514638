"""Durable work: tasks, queues, attempts, and the machines that take them."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    BAD_WHEN_ANY,
    COUNT,
    DOWN_OR_UP,
    PER_SECOND,
    SECONDS,
    SHARE,
    Column,
    Query,
    figure,
    graph,
    listing,
    ranking,
)
from scripts.dashboards.promql import (
    QUANTILES,
    flow,
    grown,
    increase,
    least,
    now,
    part,
    quantile,
    top,
    worst,
)

TASKS = "iterm_mcp_tasks"
SETTLED = "iterm_mcp_tasks_settled_total"
ATTEMPTS = "iterm_mcp_task_attempts_total"
WAIT = "iterm_mcp_task_wait_seconds"
DURATION = "iterm_mcp_task_duration_seconds"
UNSETTLED = 'state!~"succeeded|dead|cancelled|skipped"'


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-tasks",
        "iterm-mcp / Tasks and queues",
        "Whether work moves: what waits, what runs, how it ends. Daemons that share a database "
        "each tell of all its tasks: choose one instance, or read the highest.",
        {
            "Now": [
                figure(
                    "Engine",
                    "Whether every daemon that was asked for tasks has its engine.",
                    COUNT,
                    Query(least("iterm_mcp_task_engine_up")),
                    steps=DOWN_OR_UP,
                    words={"0": "fallen", "1": "up"},
                ),
                figure(
                    "Waiting",
                    "Tasks that could start if there were room.",
                    COUNT,
                    Query(now(TASKS, matching=('state="queued"',))),
                ),
                figure(
                    "The oldest",
                    "How long the oldest of these waits.",
                    SECONDS,
                    Query(worst("iterm_mcp_task_oldest_waiting_seconds")),
                    steps=((None, "green"), (900, "orange"), (3600, "red")),
                ),
                figure(
                    "Running",
                    "Tasks that a machine works on.",
                    COUNT,
                    Query(now(TASKS, matching=('state=~"starting|running|verifying"',))),
                ),
                figure(
                    "Dead letters",
                    "Every attempt failed, and nobody has tried them again.",
                    COUNT,
                    Query(now("iterm_mcp_task_dead_letters")),
                    steps=BAD_WHEN_ANY,
                ),
                figure(
                    "Succeeded",
                    "Of all that settled in the shown time.",
                    SHARE,
                    Query(part(SETTLED, 'outcome="succeeded"', growth=increase)),
                ),
            ],
            "Work": [
                graph(
                    "Unsettled tasks",
                    "By state.",
                    COUNT,
                    Query(now(TASKS, "state", matching=(UNSETTLED,)), "{{state}}"),
                    stacked=True,
                ),
                graph(
                    "Settled",
                    "Per second, by how.",
                    PER_SECOND,
                    Query(flow(SETTLED, "kind", "outcome"), "{{kind}}: {{outcome}}"),
                    stacked=True,
                ),
                graph(
                    "Time to the start",
                    "From when a task could have started until an attempt did.",
                    SECONDS,
                    *(Query(quantile(share, WAIT), name) for share, name in QUANTILES),
                ),
                graph(
                    "Time to the end, 95 %",
                    "From the start of the first attempt until the task settled.",
                    SECONDS,
                    Query(quantile(0.95, DURATION, by=("kind",)), "{{kind}}"),
                ),
                graph(
                    "Attempts",
                    "That ended, per second, by how. Lost ones are nobody's fault.",
                    PER_SECOND,
                    Query(flow(ATTEMPTS, "outcome"), "{{outcome}}"),
                    stacked=True,
                ),
                ranking(
                    "Attempts that did not succeed",
                    "In the shown time.",
                    COUNT,
                    Query(
                        top(
                            10,
                            grown(ATTEMPTS, "kind", "outcome", matching=('outcome!="succeeded"',)),
                        ),
                        "{{kind}}: {{outcome}}",
                    ),
                ),
            ],
            "Queues": [
                listing(
                    "Queues",
                    "A task belongs to several: everything, its kind, its team, its repository. "
                    "Paused: nothing of it is started.",
                    "queue",
                    [
                        Column("waiting", COUNT, now("iterm_mcp_task_queue_waiting", "queue")),
                        Column("running", COUNT, now("iterm_mcp_task_queue_running", "queue")),
                        Column("paused", COUNT, worst("iterm_mcp_task_queue_paused", "queue")),
                    ],
                    width=12,
                ),
                graph(
                    "Waiting by queue",
                    "What only grows is not worked on.",
                    COUNT,
                    Query(now("iterm_mcp_task_queue_waiting", "queue"), "{{queue}}"),
                ),
            ],
            "Machines": [
                graph(
                    "Machines",
                    "That work on tasks. Lost ones were not heard of since their lease ran out.",
                    COUNT,
                    Query(worst("iterm_mcp_machines", "state"), "{{state}}"),
                    to="iterm-mcp-fleet",
                ),
                graph(
                    "Slots",
                    "How many attempts machines take at once, and how many they work on.",
                    COUNT,
                    Query(worst("iterm_mcp_machine_slots"), "all"),
                    Query(worst("iterm_mcp_machine_slots_used"), "used"),
                    to="iterm-mcp-resources",
                ),
            ],
        },
    )
