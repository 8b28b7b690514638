"""Worktrees: what there is, what it takes, how making and merging go."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    BAD_WHEN_ANY,
    BYTES,
    COUNT,
    PER_SECOND,
    SECONDS,
    SHARE,
    Query,
    figure,
    graph,
    spread,
)
from scripts.dashboards.promql import (
    NOT_OK,
    flow,
    grown,
    increase,
    now,
    part,
    quantile,
)

WORKTREES = "iterm_mcp_worktrees"
OPERATIONS = "iterm_mcp_worktree_operations_total"
OPERATION_SECONDS = "iterm_mcp_worktree_operation_duration_seconds"


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-worktrees",
        "iterm-mcp / Worktrees",
        "Where agents work: how many there are, what they take, what went wrong with them.",
        {
            "Now": [
                figure("Worktrees", "Those that are not removed.", COUNT, Query(now(WORKTREES))),
                figure(
                    "On disk",
                    "What all of them take; looked at every few minutes.",
                    BYTES,
                    Query(now("iterm_mcp_worktrees_disk_bytes")),
                ),
                figure(
                    "Conflicts",
                    "A merge or a rebase waits for somebody to settle it.",
                    COUNT,
                    Query(now(WORKTREES, matching=('state="conflicted"',))),
                    steps=BAD_WHEN_ANY,
                ),
                figure(
                    "Set-up failed",
                    "They are there, but a command of their set-up failed.",
                    COUNT,
                    Query(now(WORKTREES, matching=('state="setup_failed"',))),
                    steps=BAD_WHEN_ANY,
                ),
                figure(
                    "Operations",
                    "In the shown time.",
                    COUNT,
                    Query(grown(OPERATIONS)),
                    decimals=0,
                ),
                figure(
                    "Succeeded",
                    "Of these.",
                    SHARE,
                    Query(part(OPERATIONS, 'outcome="ok"', growth=increase)),
                ),
            ],
            "Over time": [
                graph(
                    "By state",
                    "Conflicted ones wait for somebody.",
                    COUNT,
                    Query(now(WORKTREES, "state"), "{{state}}"),
                    stacked=True,
                ),
                graph(
                    "On disk",
                    "By machine. What only grows is not removed after its work.",
                    BYTES,
                    Query(now("iterm_mcp_worktrees_disk_bytes", "instance"), "{{instance}}"),
                    stacked=True,
                    to="iterm-mcp-resources",
                ),
            ],
            "Operations": [
                graph(
                    "By operation",
                    "Per second.",
                    PER_SECOND,
                    Query(flow(OPERATIONS, "operation"), "{{operation}}"),
                    stacked=True,
                ),
                graph(
                    "Not successful",
                    "Per second; a conflict is a merge that needs somebody.",
                    PER_SECOND,
                    Query(
                        flow(OPERATIONS, "operation", "outcome", matching=(NOT_OK,)),
                        "{{operation}}: {{outcome}}",
                    ),
                    stacked=True,
                ),
                graph(
                    "Time, 95 %",
                    "By operation; the size of the repository decides.",
                    SECONDS,
                    Query(quantile(0.95, OPERATION_SECONDS, by=("operation",)), "{{operation}}"),
                ),
                spread(
                    "Time, spread",
                    "Of all operations.",
                    flow(f"{OPERATION_SECONDS}_bucket", "le"),
                ),
            ],
        },
    )
