"""For which task each agent works, so that what it does and costs can be asked for by task."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iterm_mcp.models.agent_lives import Life

TASK = "ITERM_MCP_TASK"
MOST = 5000
"""Agents that are remembered: what they have written is read some time after their end."""


class TaskLinks:
    """Remembers which agent was started for which task."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[str, str] = OrderedDict()

    def note(self, life: Life) -> None:
        """Take note of an agent's life."""
        task = life.order.environment.get(TASK, "")
        if task:
            self._tasks[str(life.agent)] = task
            self._tasks.move_to_end(str(life.agent))
            if len(self._tasks) > MOST:
                self._tasks.popitem(last=False)

    def of(self, agent: str) -> str:
        """Return the task of an agent; empty for one that has none."""
        return self._tasks.get(agent, "")
