"""Graphs of tasks, through the engine, in a real host with fake agents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.tasks.work.site import open_hands
from tests.waiting import eventually

from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import Links
from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.models.tasks import SETTLED, RetryPolicy, TaskState

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.tasks.work.site import Hands, Site

    from iterm_mcp.models.events import Event
    from iterm_mcp.models.task_graphs import Graph
    from iterm_mcp.models.tasks import Task

pytestmark = pytest.mark.headless

SECONDS = 90.0


def three(site: Site) -> GraphSpec:
    """A command, an agent that is told its result, and a command that is told the agent's."""
    find = site.spec(
        f'echo find >>{site.folder}/starts; echo \'{{"bird": "heron"}}\' >$ITERM_MCP_RESULT',
        name="find",
    )
    draw = site.spec(
        'Draw a ${tasks.find.output.bird}. [[work 3]] [[say {"drawn": "a heron"}]]',
        "claude",
        name="draw",
        needs=("find",),
    )
    show = site.spec(
        f"echo show >>{site.folder}/starts; echo shown: ${{tasks.draw.output.drawn}}",
        name="show",
        needs=("draw",),
    )
    return GraphSpec("three", (find, draw, show))


async def settled(hands: Hands, graph: Graph) -> dict[str, Task]:
    async def look() -> dict[str, Task]:
        return {name: await hands.do("tasks.get", one) for name, one in graph.tasks.items()}

    return await eventually(
        look, lambda found: all(one.state in SETTLED for one in found.values()),
        within_seconds=SECONDS,
    )  # fmt: skip


async def state_of(hands: Hands, task_id: str, accept: Callable[[TaskState], bool]) -> Task:
    return await eventually(
        lambda: hands.do("tasks.get", task_id), lambda one: accept(one.state),
        within_seconds=SECONDS,
    )  # fmt: skip


async def told(hands: Hands, task_id: str) -> list[Event]:
    """Return the events of a task, oldest first."""
    page = await hands.do("events.query", EventQuery(links=Links(task=task_id), newest_first=False))
    return [one.event for one in page.events]


def truth(site: Site, what: str) -> list[dict[str, Any]]:
    lines = (site.folder / "truth.jsonl").read_text("utf-8").split("\n")[:-1]
    return [one for one in map(json.loads, lines) if one["what"] == what]


async def test_results_go_from_task_to_task_and_a_killed_daemon_starts_nothing_twice(
    own_site: Site,
) -> None:
    site = own_site
    async with open_hands(site) as hands:
        graph = await hands.do("tasks.submit", three(site), "ann")
        drawing = graph.tasks["draw"]
        await state_of(hands, drawing, lambda state: state is TaskState.RUNNING)
        await eventually(lambda: truth(site, "turn_started"), within_seconds=SECONDS)
    async with open_hands(site) as hands:
        found = await settled(hands, graph)
        events = await eventually(
            lambda: told(hands, drawing),
            lambda all_of_it: "TaskSettled" in {one.kind for one in all_of_it},
            within_seconds=SECONDS,
        )

    assert {one.state for one in found.values()} == {TaskState.SUCCEEDED}, found
    assert found["draw"].result is not None
    assert found["draw"].result.output == {"drawn": "a heron"}
    assert found["show"].result is not None
    assert found["show"].result.output == "shown: a heron"
    assert sorted(site.starts()) == ["find", "show"]
    assert len(truth(site, "started")) == 1
    (received,) = truth(site, "received")
    assert received["text"].startswith("Draw a heron.")
    kinds = [one.kind for one in events]
    assert [one for one in kinds if one.startswith("Task")] == [
        "TaskSubmitted", "TaskStarted", "TaskSettled",
    ]  # fmt: skip
    assert "TurnEnded" in kinds, "what its agent does belongs to the task"
    last = next(one for one in events if one.kind == "TaskSettled")
    assert last.payload["state"] == "succeeded"
    assert last.links.agent == f"draw-{drawing.removeprefix('t-')}-1"


@pytest.mark.long
async def test_what_asks_is_answered_and_what_fails_is_tried_again_and_then_dead(
    site: Site,
) -> None:
    asking = site.spec("[[ask Which? | red | blue]]", "claude", name="asking")
    failing = site.spec(
        f"echo try >>{site.folder}/starts; exit 7",
        name="failing",
        retry=RetryPolicy(attempts=2, backoff_seconds=0.1),
    )
    hands = site.daemon
    graph = await hands.do("tasks.submit", GraphSpec("two", (asking, failing)), "ann")

    asked = await state_of(
        hands, graph.tasks["asking"], lambda state: state is TaskState.NEEDS_INPUT
    )
    await hands.do("tasks.answer", asked.task_id, "blue", "ann")
    found = await settled(hands, graph)
    why = await hands.do("tasks.explain", graph.tasks["failing"])

    assert "Which?" in asked.question
    assert found["asking"].state is TaskState.SUCCEEDED
    assert found["asking"].result is not None
    assert "blue" in str(found["asking"].result.output)
    assert found["failing"].state is TaskState.DEAD
    assert site.starts() == ["try", "try"]
    assert [one.number for one in why.failures] == [1, 2]
    assert all("exit code 7" in one.reason and one.evidence for one in why.failures)


async def test_a_cancelled_task_ends_its_agent(site: Site) -> None:
    hands = site.daemon
    task = await hands.do("tasks.submit_task", site.spec("[[work 300]]", "claude"), "ann")
    await state_of(hands, task.task_id, lambda state: state is TaskState.RUNNING)

    assert site.marked("ITERM_MCP_TASK", task.task_id)
    await hands.do("tasks.cancel", task.task_id, "ann", "no need")
    ended = await state_of(hands, task.task_id, lambda state: state in SETTLED)

    assert ended.state is TaskState.CANCELLED
    assert "no need" in ended.reason
    assert not site.marked("ITERM_MCP_TASK", task.task_id)
