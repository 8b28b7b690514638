"""Running a graph at a real daemon to its end, and what must be so of any."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.waiting import eventually

from iterm_mcp.models.tasks import SETTLED, TASK_MOVES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.stress.task_account import KeptTask
    from tests.stress.task_site import Site

Json = dict[str, Any]

SECONDS = 900.0


def script(text: str, *arguments: str) -> str:
    """Return a command line that runs a program of Python."""
    return f"python3 - {' '.join(arguments)} <<'END'\n{text}END"


async def run_graph(site: Site, document: Json) -> dict[str, Json]:
    """Submit a graph, and return its tasks by name once all have settled. None may ask anything."""
    made = await site.ask("POST", "/graphs", document=json.dumps(document))

    async def look() -> dict[str, Json]:
        found = await site.ask("GET", f"/tasks?graph={made['graph_id']}&limit=100")
        questions = [one["question"] for one in found["tasks"] if "question" in one]
        assert not questions, await screens(site)
        return {one["name"]: one for one in found["tasks"]}

    found = await eventually(
        look, lambda tasks: all(one["state"] in SETTLED for one in tasks.values()),
        within_seconds=SECONDS,
    )  # fmt: skip
    return {name: await site.ask("GET", f"/tasks/{one['task_id']}") for name, one in found.items()}


async def screens(site: Site) -> list[str]:
    """Return what stands on all screens."""
    sessions = (await site.ask("POST", "/tools/list_sessions"))["sessions"]
    read = [
        await site.ask("POST", "/tools/read_screen", session_id=one["session_id"])
        for one in sessions
    ]
    return [json.dumps(one) for one in read]


def check_history(kept: Mapping[str, KeptTask], at_once: int) -> None:
    """See that all moves were legal, and that no more ran at once than may."""
    edges = []
    for task in kept.values():
        for before, after in pairwise(task.moves):
            assert before is after or after in TASK_MOVES[before], task
        for attempt in task.attempts:
            assert attempt.ended_at is not None, task
            edges += [(attempt.started_at, 1), (attempt.ended_at, -1)]
    running = most = 0
    for _, change in sorted(edges):
        running += change
        most = max(most, running)
    assert most <= at_once


async def check_nothing_left(site: Site, kept_worktrees: int) -> None:
    """See that only worktrees are there whose commits were nowhere else, and that these may go."""
    listed = (await site.ask("GET", "/worktrees"))["worktrees"]
    assert len(listed) == kept_worktrees
    removed = await site.ask("POST", "/worktrees/gc", only_look=False)
    assert len(removed["removed"]) == kept_worktrees
    assert await site.left() == []
