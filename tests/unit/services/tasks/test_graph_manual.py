"""What the manual of graphs shows is what happens."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from iterm_mcp.models.tasks import COMMAND, GATHER, FanOut, TaskState
from iterm_mcp.services.tasks.graphs.document import MOST_ELEMENTS
from iterm_mcp.services.tasks.graphs.drawing import draw
from iterm_mcp.services.tasks.graphs.dry_run import dry_run
from iterm_mcp.services.tasks.graphs.estimates import UNKNOWN, Estimate
from iterm_mcp.services.tasks.graphs.known import Known
from iterm_mcp.services.tasks.graphs.picture import nodes_of_spec
from iterm_mcp.services.tasks.graphs.reading import MOST_BYTES, MOST_TASKS, read_graph
from iterm_mcp.services.tasks.graphs.telling import tell

MANUAL = Path(__file__).parents[4] / "docs/graphs.md"
KNOWN = Known(frozenset({"claude", "codex", "gemini"}), {}, lambda _: "")

MINUTES = {"survey": 5 / 60, "port": 15.0, "review": 5.0, "publish": 0.5, "tell": 1.0}
DOLLARS = {"survey": 0.0, "port": 1.5, "review": 0.4, "publish": 0.0, "tell": 0.15}


@pytest.fixture(scope="module")
def manual() -> str:
    return MANUAL.read_text("utf-8")


@pytest.fixture(scope="module")
def shown(manual: str) -> list[str]:
    """What it shows as a terminal's lines."""
    return re.findall(r"```\n(modernise: .*?)```", manual, re.DOTALL)


@pytest.fixture(scope="module")
def example(manual: str) -> str:
    (found,) = re.findall(r"```yaml\n(.*?)```", manual, re.DOTALL)
    return str(found)


def test_the_example_is_sound(example: str) -> None:
    graph = read_graph(example, {"repository": "/src/app"}, KNOWN)

    specs = {one.name: one for one in graph.tasks}
    assert [*specs] == [
        "survey", "port-1", "port-2", "port-3", "port", "review-1", "review-2", "review-3",
        "review", "mend", "publish", "publish.undo", "tell",
    ]  # fmt: skip
    assert specs["port-3"].acceptance.commands == ("make test MODULE='data store'",)
    assert specs["review-2"].prompt.startswith("Review the branch ${tasks.port-2.branch},")
    assert specs["mend"].fan_out == FanOut("survey", "output.broken", 20)
    assert specs["tell"].needs == ("publish", "port-1", "port-2", "port-3")
    assert {one.kind for one in graph.tasks} == {COMMAND, GATHER, "claude", "codex", "gemini"}


def test_the_dry_run_is_as_shown(example: str, shown: list[str]) -> None:
    graph = read_graph(example, {"repository": "/src/app"}, KNOWN)
    stems = {one.name: one.name.partition("-")[0] for one in graph.tasks}
    estimates = {
        name: Estimate(MINUTES[stem] * 60, DOLLARS[stem], 3, "name") if stem in MINUTES else UNKNOWN
        for name, stem in stems.items()
    }

    assert tell(dry_run(graph, estimates, room=5)) == shown[0].splitlines()


def test_the_drawing_is_as_shown(example: str, shown: list[str]) -> None:
    graph = read_graph(example, {"repository": "/src/app"}, KNOWN)

    def state(name: str) -> TaskState:
        if name == "survey":
            return TaskState.SUCCEEDED
        return TaskState.RUNNING if re.fullmatch(r"port-\d", name) else TaskState.WAITING

    nodes = [replace(one, state=state(one.name)) for one in nodes_of_spec(graph)]

    assert draw(graph.name, nodes) == shown[1].splitlines()


def test_the_limits_are_those_of_the_manual(manual: str) -> None:
    text = " ".join(manual.split())

    assert (
        f"{MOST_BYTES // 1024} KiB, a list {MOST_ELEMENTS} elements, a graph {MOST_TASKS}" in text
    )
