"""The table of every metric, from registries as daemons have them.

They are those of simulated machines, on which everything has happened that a metric tells of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fleet.fleet import Fleet
from tests.fleet.stories import STORIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry, Metric

HOURS = 12
OURS = ("iterm_mcp_", "mcp_server_")

SECTIONS = {
    "MCP": ("mcp_server", "tool_", "client_", "clients_"),
    "HTTP": ("http_",),
    "The daemon and its terminal": (
        "build_", "daemon_", "loop_", "state_database", "terminal_", "sessions_",
    ),
    "The host": ("host_",),
    "Agents": ("agent_", "agents", "teams_"),
    "Messages": ("message", "receipts_", "dead_letters"),
    "Approvals": ("approval",),
    "Tasks": ("task", "machine"),
    "Worktrees": ("worktree",),
    "Costs": ("tokens", "cost_", "unpriced_", "budget"),
    "Events": ("events_", "spool_", "shell_looks"),
    "Alerts": ("alerts_", "notifications"),
    "The probe": ("probe_",),
    "Exports and looks": ("metric_exports", "resource_"),
}  # fmt: skip
"""How the names in each begin, without our prefix; the first that fits."""


def render_metrics_page() -> str:
    """Return a table for each section.

    Raises:
        ValueError: A metric stands in none.
    """
    rows: dict[str, str] = {}
    for story in STORIES:
        fleet = Fleet(STORIES[story], machines=1)
        for _ in range(HOURS):
            fleet.advance(3600)
        rows |= dict(_rows(fleet.machines[0].metrics.registry))
    by_section: dict[str, list[str]] = {name: [] for name in SECTIONS}
    for name in sorted(rows):
        by_section[_section(name)].append(rows[name])
    return "\n".join(
        "\n".join((f"### {title}\n", "| metric | type | labels | meaning |", "|---|---|---|---|",
                   *found, ""))
        for title, found in by_section.items()
        if found
    )  # fmt: skip


def _section(name: str) -> str:
    short = name.removeprefix("iterm_mcp_")
    for title, starts in SECTIONS.items():
        if short.startswith(starts):
            return title
    raise ValueError(f"{name} stands in no section of scripts/metrics_page.py")


def _rows(registry: CollectorRegistry) -> Iterator[tuple[str, str]]:
    """Yield each metric's name and row."""
    declared = {
        str(one._name): tuple(one._labelnames)  # type: ignore[attr-defined]  # noqa: SLF001
        for one in registry._collector_to_names  # noqa: SLF001 - it offers no public list
        if hasattr(one, "_labelnames")
    }
    for family in registry.collect():
        if family.name.startswith(OURS):
            yield family.name, _row(family, declared.get(family.name))


def _row(family: Metric, declared: tuple[str, ...] | None) -> str:
    labels = declared if declared is not None else getattr(family, "_labelnames", ())
    shown = ", ".join(f"`{label}`" for label in labels)
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return f"| `{name}` | {family.type} | {shown} | {family.documentation} |"
