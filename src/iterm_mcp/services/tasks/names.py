"""What the agents and the worktrees of attempts are called. Pure."""

from __future__ import annotations

import re

from iterm_mcp.models.ids import AgentName

NAME_CHARACTERS = 20
ID_CHARACTERS = 36

_UNFIT = re.compile(r"[^A-Za-z0-9._]+")


def worker_name(task: str, task_id: str, number: int) -> AgentName:
    """Return the name of what works on an attempt; no other attempt's has it.

    Args:
        task: What people call the task.
        number: Of the attempt.
    """
    words = _UNFIT.sub("-", task)[:NAME_CHARACTERS].strip("-._") or "task"
    key = _UNFIT.sub("-", task_id.removeprefix("t-"))[:ID_CHARACTERS]
    return AgentName(f"{words}-{key}-{number}")
