"""What the runs of attempts are called, told and given to know; and how commands end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.tasks.attempts import make_order

from iterm_mcp.models.agent_lives import AgentOrder, Desired, Life, Phase
from iterm_mcp.models.events import EventKind
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.task_queries import TaskChange
from iterm_mcp.models.tasks import Acceptance, GraphId, Outcome, TaskId, TaskResult, TaskState
from iterm_mcp.services.agents.life_files import KeeperStatus
from iterm_mcp.services.events.own_events import task_changed
from iterm_mcp.services.events.task_links import MOST, TaskLinks
from iterm_mcp.services.names import check_name
from iterm_mcp.services.tasks.agent_runs import choice_of
from iterm_mcp.services.tasks.commands import ended
from iterm_mcp.services.tasks.folders import AttemptFolders
from iterm_mcp.services.tasks.names import worker_name
from iterm_mcp.services.tasks.prompts import environment, inputs_text, told
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.services.tasks.folders import AttemptFolder


def folder() -> AttemptFolder:
    return AttemptFolders("/state/tasks").of("t-0123abcd~1")


@given(st.text(), st.from_regex(r"t-[0-9a-f]{16}", fullmatch=True), st.integers(1, 10**6))
def test_whatever_a_task_is_called_its_worker_has_a_name_that_may_be(
    name: str, task_id: str, number: int
) -> None:
    check_name("agent", worker_name(name, task_id, number))


@given(st.text(), st.integers(1, 100), st.integers(1, 100))
def test_no_two_attempts_have_workers_of_one_name(name: str, one: int, other: int) -> None:
    same = worker_name(name, "t-1", one) == worker_name(name, "t-1", other)

    assert same is (one == other)
    assert worker_name(name, "t-1", one) != worker_name(name, "t-2", one)


def test_an_agent_is_told_what_to_do_and_how_it_hands_over_what_came_of_it() -> None:
    text = told(make_order("Count the birds.", "claude"), folder())

    assert text.startswith("Count the birds.\n")
    assert "/state/tasks/t-0123abcd~1/result.json" in text
    assert "ITERM_MCP_RESULT" in text
    assert "schema" not in text
    assert "Commit" not in text


def test_it_is_told_what_is_asked_of_the_result() -> None:
    wanted = Acceptance(schema={"type": "object"}, commit=True, pull_request=True)
    order = make_order("x", "claude", acceptance=wanted, inputs={"find": TaskResult(1)})
    large = Acceptance(schema={"title": "x" * 5000})

    text = told(order, folder())

    assert '{"type": "object"}' in text
    assert "Commit your work" in text
    assert "pull request" in text
    assert "inputs.json" in text
    assert "xxxx" not in told(make_order("x", "claude", acceptance=large), folder())


def test_a_run_sees_the_task_s_variables_and_cannot_be_taken_for_another_s() -> None:
    order = make_order(environment={"A": "1", "ITERM_MCP_TASK": "t-another"}, inputs={})
    fed = make_order(inputs={"find": TaskResult({"bird": "heron"}, files={"a": "/f/a"})})

    seen = environment(order, folder())

    assert seen["A"] == "1"
    assert seen["ITERM_MCP_TASK"] == "t-0123abcd"
    assert seen["ITERM_MCP_ATTEMPT"] == "t-0123abcd~1"
    assert "ITERM_MCP_INPUTS" not in seen
    assert environment(fed, folder())["ITERM_MCP_INPUTS"].endswith("/inputs.json")
    assert json.loads(inputs_text(fed))["find"]["output"] == {"bird": "heron"}
    assert json.loads(inputs_text(fed))["find"]["files"] == {"a": "/f/a"}


def status(state: str = "ended", **more: Any) -> KeeperStatus:  # noqa: ANN401
    return KeeperStatus(1, "one", None, "t-0123abcd~1", state, **more)


@pytest.mark.parametrize(
    ("last", "outcome", "code"),
    [
        (status(code=0), Outcome.SUCCEEDED, 0),
        (status(code=4), Outcome.SUCCEEDED, 4),
        (status(code=3), Outcome.FAILED, 3),
        (status(signal=9), Outcome.FAILED, None),
        (status(code=127, problem="no such file"), Outcome.FAILED, 127),
        (status(signal=1, hung_up="pane"), Outcome.FAILED, None),
        (status(signal=1, hung_up="terminal"), Outcome.LOST, None),
        (status(code=0, hung_up="pane"), Outcome.SUCCEEDED, 0),
        (status("running"), Outcome.LOST, None),
        (None, Outcome.LOST, None),
    ],
    ids=[
        "0", "also good", "bad", "signal", "not started", "pane closed", "terminal ended",
        "closed afterwards", "no word", "nothing",
    ],
)  # fmt: skip
def test_a_command_ended_as_its_keeper_said_last(
    last: KeeperStatus | None, outcome: Outcome, code: int | None
) -> None:
    order = make_order(acceptance=Acceptance(exit_codes=(0, 4)))

    found = ended(order, last)

    assert (found.outcome, found.exit_code) == (outcome, code)
    assert bool(found.reason) is (outcome is not Outcome.SUCCEEDED)


@pytest.mark.parametrize(
    ("said", "means"),
    [(" Yes\n", "allow"), ("no", "deny"), ("allow_always", "allow_always"), ("blue", "blue")],
)
def test_a_person_s_words_mean_a_choice(said: str, means: str) -> None:
    assert choice_of(said) == means


def change(state: TaskState, attempt: int = 0, number: int = 1) -> TaskChange:
    return TaskChange(
        number, TaskId("t-1"), GraphId("g-1"), "draw", "claude", "crew", state, START, "why",
        attempt,
    )  # fmt: skip


def test_a_task_is_submitted_and_each_attempt_started_once_in_the_events() -> None:
    first, again = (task_changed(change(TaskState.QUEUED, 0, n), "", None) for n in (1, 2))
    retried = task_changed(change(TaskState.DELAYED, 1), "", None)
    started = task_changed(change(TaskState.RUNNING, 1), "draw-1-1", None)
    on = task_changed(change(TaskState.RUNNING, 1, 9), "draw-1-1", None)

    assert first is not None
    assert again is not None
    assert started is not None
    assert on is not None
    assert first.key == again.key
    assert first.kind is EventKind.TASK_SUBMITTED
    assert retried is None
    assert started.key == on.key
    assert (started.links.task, started.links.agent) == ("t-1", "draw-1-1")


def test_what_asks_and_what_is_over_is_told_each_time() -> None:
    asked = task_changed(change(TaskState.NEEDS_INPUT, 1), "draw-1-1", None)
    over = task_changed(change(TaskState.DEAD, 2, 7), "draw-1-2", 12.5)

    assert task_changed(change(TaskState.STARTING, 1), "", None) is None
    assert asked is not None
    assert asked.kind is EventKind.TASK_ASKED
    assert over is not None
    assert over.kind is EventKind.TASK_SETTLED
    assert over.duration_seconds == 12.5
    assert over.payload["state"] == "dead"
    assert over.payload["reason"] == "why"


def test_which_task_an_agent_works_for_is_remembered_beyond_its_end_and_not_for_ever() -> None:
    links = TaskLinks()

    def lives(agent: str, **variables: str) -> Life:
        order = AgentOrder("claude", "/", environment=variables)
        return Life(AgentName(agent), order, Desired.RUNNING, Phase.RUNNING, "", "", START)

    links.note(lives("ada", ITERM_MCP_TASK="t-1"))
    links.note(lives("ben"))
    assert (links.of("ada"), links.of("ben")) == ("t-1", "")
    for number in range(MOST):
        links.note(lives(f"agent-{number}", ITERM_MCP_TASK="t-2"))
    assert links.of("ada") == ""


async def test_what_is_kept_of_attempts_can_be_removed(tmp_path: Path) -> None:
    folders = AttemptFolders(tmp_path)
    one = folders.of("t-1~1")
    await one.keeping.write_private({one.inputs: "{}", one.began: "c0ffee"})

    await folders.remove(["t-1~1", "t-1~2"])

    assert not one.path.exists()
