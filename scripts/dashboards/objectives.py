"""The objectives that alerts watch, as panels ask for them: of the chosen instances, and times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scripts.alerts.slos import OBJECTIVES
from scripts.dashboards.promql import series

if TYPE_CHECKING:
    from scripts.alerts.slos import Objective

TITLES = {
    "tool_success": "Tool calls",
    "tool_latency": "Quick tools",
    "message_delivery": "Messages",
    "http_success": "HTTP answers",
    "http_latency": "Quick answers",
    "hook_latency": "Quick hooks",
    "hook_intake": "Hooks kept",
    "task_success": "Tasks",
}
"""By the objective's name; each objective must have one."""

RATE = re.compile(r"rate\((\w+)(?:\{([^}]*)\})?\[\{window\}\]\)")
EACH_DAEMON = "sum by (job, instance) "


def named() -> list[tuple[str, Objective]]:
    """Return all objectives with what panels call them."""
    return [(TITLES[one.slo], one) for one in OBJECTIVES]


def bad_share(objective: Objective, growth: str, window: str) -> str:
    """Return the part of what happened that was bad; 0 where nothing of it ever was.

    Args:
        growth: ``increase`` for all that is shown, or ``rate`` for each moment.
    """
    bad, every = (_scoped(one, growth, window) for one in (objective.bad, objective.every))
    return f"({bad} or {every} * 0) / {every}"


def left(objective: Objective) -> str:
    """Return how much is left of what may be bad in the shown time: 1 for all, 0 for nothing."""
    return f"1 - {bad_share(objective, 'increase', '$__range')} / {objective.left:g}"


def burn(objective: Objective) -> str:
    """Return how many times as fast errors come as the objective allows."""
    return f"{bad_share(objective, 'rate', '$__rate_interval')} / {objective.left:g}"


def _scoped(expr: str, growth: str, window: str) -> str:
    def one(found: re.Match[str]) -> str:
        matchers = [found[2].replace(",", ", ")] if found[2] else []
        return f"{growth}({series(found[1], *matchers)}[{window}])"

    return RATE.sub(one, expr).replace(EACH_DAEMON, "sum")
