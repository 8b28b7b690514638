from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.task_graphs import FailurePolicy, GraphSpec
from iterm_mcp.models.task_limits import OverLimit, ResourceLimits
from iterm_mcp.models.tasks import (
    Acceptance,
    Condition,
    FanOut,
    Operator,
    Outcome,
    RetryPolicy,
    TaskResult,
    TaskSpec,
)
from iterm_mcp.tasks import codec
from iterm_mcp.tasks.work import Ending, Place, Running

FULL = TaskSpec(
    name="build",
    kind="claude",
    prompt="do ä \0 it",
    directory="/src",
    environment={"A": "b"},
    worktree=True,
    retry=RetryPolicy(2, 1.5),
    limits=ResourceLimits(memory_bytes=5, over=OverLimit.PAUSE),
    acceptance=Acceptance((0, 2), {"type": "object"}, ("true",), commit=True),
    labels={"os": "mac"},
    needs=("one", "other"),
    when=(Condition("one", "output.0", Operator.LESS, 5),),
    not_before=datetime(2026, 1, 2, tzinfo=UTC),
    files=("a.txt",),
    strategy={"model": "large"},
    fan_out=FanOut("one", "output.list", 7),
)

TEXTS = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=5,
)


def test_a_task_is_read_back_as_it_was() -> None:
    assert codec.load_spec(codec.dump_spec(FULL)) == FULL
    assert codec.dump_spec(FULL) == codec.dump(codec.spec_json(FULL))


def test_a_graph_is_read_back_as_it_was() -> None:
    graph = GraphSpec("g", (FULL, replace(FULL, name="b")), FailurePolicy.COMPENSATE, "key")

    assert codec.read_graph(json.loads(codec.dump(codec.graph_json(graph)))) == graph


def test_what_older_versions_did_not_write_has_its_default() -> None:
    plain = codec.read_spec({"name": "a", "kind": "command", "prompt": "true", "directory": "/"})

    assert plain == TaskSpec("a", "command", "true", "/")


@given(JSON, TEXTS, st.none() | st.floats(0, 5))
def test_a_result_is_read_back_as_it_was(output: object, text: str, cost: float | None) -> None:
    result = TaskResult(output, 3, {"a": text}, text, cost_usd=cost, problems=(text,))  # type: ignore[arg-type]

    assert codec.load_result(codec.dump(result)) == result


def test_halves_of_signs_are_replaced_instead_of_failing_the_database() -> None:
    codec.dump("\ud800").encode()


def test_no_result_is_none() -> None:
    assert codec.load_result(None) is None


def test_what_steps_made_is_read_back() -> None:
    place, running = Place("/a", "tree"), Running("s", "ada", "d-1")
    ending = Ending(Outcome.STALLED, "quiet", 1)

    assert codec.load_place(codec.dump(place)) == place
    assert codec.load_running(codec.dump(running)) == running
    assert codec.load_ending(codec.dump(ending)) == ending
