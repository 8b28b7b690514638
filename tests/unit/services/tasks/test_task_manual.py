"""What the manual of tasks says of states is so."""

from __future__ import annotations

import re
from pathlib import Path

from iterm_mcp.models.tasks import TASK_MOVES, RetryPolicy, TaskState
from iterm_mcp.services.tasks.graphs.known import NOTHING_KNOWN
from iterm_mcp.services.tasks.graphs.reading import read_graph
from iterm_mcp.services.tasks.settings import TaskSettings

MANUAL = (Path(__file__).parents[4] / "docs/tasks.md").read_text("utf-8")


def test_every_state_is_told_with_where_it_leads() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (.*) \|$", MANUAL, re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+)`", leads)) for name, leads in rows}
    assert told == {state.value: {one.value for one in TASK_MOVES[state]} for state in TaskState}


def test_what_is_usual_is_as_it_says() -> None:
    settings = TaskSettings()
    assert (settings.most_at_once, settings.ageing_seconds) == (5, 300)
    assert RetryPolicy() == RetryPolicy(3, 10, 2, 900)
    assert settings.admission.least_memory == 10**9
    assert settings.admission.most_load == 4


def test_the_example_is_sound() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)
    assert [one.name for one in read_graph(str(example), {}, NOTHING_KNOWN).tasks] == [
        "find",
        "tell",
    ]
