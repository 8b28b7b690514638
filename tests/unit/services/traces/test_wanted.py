"""What a user's settings say of traces, and what is made of it."""

from __future__ import annotations

import pytest
from tests.unit.services.traces.spans import START, Kept, Past, message, tracer

from iterm_mcp.app.tracing import agent_traces, make_traces, trace_options
from iterm_mcp.config import Settings
from iterm_mcp.models.deliveries import Move, Stage
from iterm_mcp.models.task_queries import TaskChange
from iterm_mcp.models.tasks import GraphId, TaskId, TaskState
from iterm_mcp.services.deliveries.book import advance
from iterm_mcp.testing.fake_clock import FakeClock

COLLECTOR = "http://collector:4318"


@pytest.mark.parametrize(
    ("where", "on", "endpoint"), [("", False, ""), ("env", True, ""), (COLLECTOR, True, COLLECTOR)]
)
def test_traces_are_on_where_they_have_somewhere_to_go(where: str, on: bool, endpoint: str) -> None:  # noqa: FBT001
    options = trace_options(Settings(otlp_traces=where, traces_ratio=0.5), "http://here")
    assert (options.on, options.endpoint, options.ratio) == (on, endpoint, 0.5)
    assert options.own_url == "http://here"
    assert make_traces(None, Past(), FakeClock()) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("where", "wished", "told"),
    [
        (COLLECTOR, False, ""),
        ("env", True, ""),
        ("", True, ""),
        (COLLECTOR, True, f"{COLLECTOR}/v1/traces"),
        (f"{COLLECTOR}/", True, f"{COLLECTOR}/v1/traces"),
        (f"{COLLECTOR}/v1/traces", True, f"{COLLECTOR}/v1/traces"),
    ],
)
def test_agents_are_told_where_if_a_user_names_it(where: str, wished: bool, told: str) -> None:  # noqa: FBT001
    assert agent_traces(Settings(otlp_traces=where, agent_traces=wished)) == told


def test_a_message_and_a_task_are_told_to_all_who_trace_them() -> None:
    kept = Kept()
    traces = make_traces(tracer(kept), Past(), FakeClock())  # type: ignore[arg-type]
    assert traces is not None
    told = message(tracer(kept), "do it")
    traces.message_moved(told)
    traces.message_moved(advance(told, Move(Stage.REFUSED, START, "no room")))
    (span,) = kept.spans
    assert span.error == "no room"
    heard: list[TaskChange] = []
    change = TaskChange(1, TaskId("t"), GraphId("g"), "n", "claude", "", TaskState.SUCCEEDED, START)
    traces.and_tasks(heard.append)(change)
    assert heard == [change]
    assert traces.tasks._waiting
