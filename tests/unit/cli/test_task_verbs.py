"""What the verbs of tasks ask, and what they say of the answers."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from iterm_mcp.cli import app, task_changes, tasks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

Json = dict[str, Any]
ROW: Json = {"task_id": "t-1", "state": "queued", "kind": "command", "name": "a"}
DONE: Json = {**ROW, "state": "succeeded", "settled_at": "2026-01-01T00:00:00Z"}
DEAD: Json = {**DONE, "state": "dead", "reason": "exit\ncode 1"}


class Daemon:
    """Answers call by call, the last answer for ever, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Json] = []
        self.asked: list[tuple[str, Json]] = []

    def call(self, tool: str, arguments: Json, on_progress: Any = None) -> Json:  # noqa: ANN401
        self.asked.append((tool, arguments))
        if on_progress is not None:
            on_progress("waiting")
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    found = Daemon()

    @contextmanager
    def opened() -> Iterator[Daemon]:
        yield found

    for module in (tasks, task_changes):
        monkeypatch.setattr(module, "open_caller", opened)
    return found


def run(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["tasks", *words], input=stdin)


def test_a_command_is_handed_in_where_one_stands(daemon: Daemon, tmp_path: Path) -> None:
    daemon.answers = [{"graph_id": "g-1", "tasks": {"task": "t-1"}}]
    assert run("submit", "echo hi", "-C", str(tmp_path)).stdout == "t-1\n"
    (tool, asked), *_ = daemon.asked
    assert tool == "submit_tasks"
    assert json.loads(asked["document"])["tasks"]["task"] == {
        "run": "echo hi",
        "directory": str(tmp_path.resolve()),
    }
    told = json.loads(run("submit", "x", "--json").stdout)
    assert told == {"task_id": "t-1", "graph_id": "g-1"}


def test_an_agents_task_says_all_that_was_asked_for(daemon: Daemon) -> None:
    daemon.answers = [{"graph_id": "g-1", "tasks": {"n": "t-1"}}]
    words = "--kind claude --name n --template t --worktree --team x --priority 3 --deadline 20m"
    run("submit", "Fix it.", *words.split(), "--attempts", "2", "--accept", "make", "--commit")
    part = json.loads(daemon.asked[0][1]["document"])["tasks"]["n"]
    part.pop("directory")
    assert part == {
        "kind": "claude", "prompt": "Fix it.", "template": "t", "worktree": True, "team": "x",
        "priority": 3, "deadline": "20m", "retry": {"attempts": 2},
        "accept": {"commands": ["make"], "commit": True},
    }  # fmt: skip


def test_a_graph_is_tried_dry_or_handed_in(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "g.yaml"
    file.write_text("graph: g")
    daemon.answers = [{"plan": ["a", "b"]}]
    assert run("graph", str(file), "--dry-run").stdout == "a\nb\n"
    daemon.answers = [{"graph_id": "g-1"}]
    assert run("graph", "-", "--var", "n=3", "--var", "s=x=y", stdin="graph: h").stdout == "g-1\n"
    assert daemon.asked[-1][1]["variables"] == {"n": 3, "s": "x=y"}
    assert daemon.asked[-1][1]["document"] == "graph: h"
    assert json.loads(run("graph", str(file), "--json").stdout) == {"graph_id": "g-1"}


def test_what_cannot_be_read_is_told_before_anything_is_asked(
    daemon: Daemon, tmp_path: Path
) -> None:
    missing = run("graph", str(tmp_path / "none"))
    assert (missing.exit_code, "No such file" in missing.stderr) == (1, True)
    wrong = run("graph", "-", "--var", "n", stdin="x")
    assert (wrong.exit_code, "name=value" in wrong.stderr) == (1, True)
    assert not daemon.asked


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        pytest.param([{"settled": True, "tasks": [DONE]}], 0, id="all succeeded"),
        pytest.param([{"settled": True, "tasks": [DONE, DEAD]}], 1, id="one is dead"),
        pytest.param([{"settled": False, "tasks": [ROW]}], 2, id="not settled"),
        pytest.param(
            [{"settled": False, "tasks": [{**ROW, "state": "needs_input", "question": "Which?"}]}],
            2,
            id="one asks",
        ),
    ],
)
def test_the_exit_code_of_waiting_says_how_it_went(
    daemon: Daemon, answers: list[Json], code: int
) -> None:
    daemon.answers = answers
    assert run("wait", "t-1").exit_code == code
    as_json = run("wait", "t-1", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (code, answers[0])


def test_who_waits_long_is_told_why(daemon: Daemon) -> None:
    late = {**ROW, "waits_for": ["5 run, and 5 is the most"]}
    daemon.answers = [
        {"graph_id": "g-1", "tasks": {"task": "t-1"}},
        {"settled": False, "tasks": [late]},
        {"settled": True, "tasks": [DONE]},
    ]
    done = run("submit", "x", "--wait")
    assert done.exit_code == 0
    assert "a waits: 5 run, and 5 is the most" in done.stderr
    assert [asked["seconds"] for tool, asked in daemon.asked if tool == "wait_tasks"] == [3, 3597]
    daemon.answers = [{"graph_id": "g-1"}, {"settled": True, "tasks": [DEAD]}]
    dead = run("graph", "-", "--wait", stdin="graph: g")
    assert (dead.exit_code, "(exit code 1)" in dead.stdout) == (1, True)


def test_tasks_are_listed_with_their_counts(daemon: Daemon) -> None:
    daemon.answers = [{"tasks": [ROW, DEAD], "counts": {"queued": 1}}]
    listed = run("list", "--state", "dead", "--graph", "g-1")
    assert listed.stdout.splitlines()[0].split() == ["t-1", "queued", "command", "a"]
    assert "in all: 1 queued" in listed.stderr
    assert daemon.asked[0][1]["states"] == ["dead"]
    assert json.loads(run("list", "--json").stdout) == daemon.answers[0]


def test_a_task_is_shown_with_why(daemon: Daemon) -> None:
    failure = {"number": 1, "problems": ["no\x1bfile"], "evidence": "/e"}
    daemon.answers = [
        {
            **DEAD,
            "waits_for": ["for nothing"],
            "attempts": [{"number": 1, "outcome": "failed", "reason": "r"}, {"number": 2}],
            "failed_because": [failure, {"number": 2}],
            "worktrees_kept": [
                {"worktree": "w1", "because": ["2 files have uncommitted changes"]},
                {"worktree": "w2"},
            ],
            "result": {"output": 1},
        }
    ]
    shown = run("show", "t-1").stdout
    for text in ("waits: for nothing", "attempt 1 failed: r", "attempt 2 runs", "kept: /e",
                 "worktree w1 is kept for 2 files", "worktree w2 is kept for nothing"):  # fmt: skip
        assert text in shown
    assert "\x1b" not in shown
    daemon.answers = [{**ROW, "attempts": []}]
    assert len(run("show", "t-1").stdout.splitlines()) == 1
    assert json.loads(run("show", "t-1", "--json").stdout)["task_id"] == "t-1"


def test_a_graph_is_drawn(daemon: Daemon) -> None:
    daemon.answers = [{"drawing": "a -> b"}]
    assert run("draw", "g-1").stdout == "a -> b\n"
    assert json.loads(run("draw", "g-1", "--json").stdout) == {"drawing": "a -> b"}


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("cancel", "g-1", "--reason", "why"), ("cancel", "g-1", "why")),
        (("retry", "t-1"), ("retry", "t-1", "")),
        (("answer", "t-1", "yes"), ("answer", "t-1", "yes")),
        (("fork", "t-1"), ("fork", "t-1", "collect")),
        (("purge", "t-1"), ("purge", "t-1", "")),
        (("pause",), ("pause", "everything", "")),
        (("resume", "team:x"), ("resume", "team:x", "")),
        (("unschedule", "s"), ("unschedule", "s", "")),
        (("drain", "m"), ("drain", "m", "")),
        (("undrain", "m"), ("undrain", "m", "")),
    ],
    ids=lambda one: one[0],
)
def test_changes_are_asked_for(
    daemon: Daemon, words: tuple[str, ...], asked: tuple[str, str, str]
) -> None:
    daemon.answers = [{"tasks": [ROW]}]
    assert run(*words).stdout == "t-1  queued  a\n"
    action, target, text = asked
    assert daemon.asked == [("change_tasks", {"action": action, "target": target, "text": text})]
    assert json.loads(run(*words, "--json").stdout) == {"tasks": [ROW]}


@pytest.mark.parametrize(
    ("verb", "says"),
    [
        ("pause", "team:x: nothing more of it starts"),
        ("resume", "team:x: may start again"),
        ("unschedule", "team:x: is not submitted any more"),
        ("drain", "team:x: takes nothing new"),
        ("undrain", "team:x: takes tasks again"),
        ("purge", "team:x: forgotten"),
    ],
)
def test_what_leaves_no_task_to_show_is_told(daemon: Daemon, verb: str, says: str) -> None:
    daemon.answers = [{"done": verb, "target": "team:x"}]
    assert run(verb, "team:x").stdout.startswith(says)
    assert json.loads(run(verb, "team:x", "--json").stdout)["done"] == verb


def test_schedules_are_made_and_listed(daemon: Daemon) -> None:
    daemon.answers = [{"next_at": "soon"}]
    assert run("schedule", "s", "-", "--at", "T", stdin="graph: g").stdout == "s: next at soon\n"
    assert daemon.asked[0][1]["at"] == "T"
    run("schedule", "s", "-", "--cron", "0 6 * * *", stdin="graph: g")
    assert "at" not in daemon.asked[1][1]
    made = run("schedule", "s", "-", "--cron", "x", "--json", stdin="graph: g")
    assert json.loads(made.stdout) == {"next_at": "soon"}
    daemon.answers = [{"schedules": [{"name": "s"}]}]
    assert "s" in run("schedules").stdout
    assert json.loads(run("schedules", "--json").stdout) == daemon.answers[0]


def test_machines_are_listed(daemon: Daemon) -> None:
    row = {"running": 2, "capacity": 5, "labels": {"os": "linux"}, "draining": False, "alive": True}
    rows = [{**row, "name": "a"}, {**row, "name": "b", "draining": True, "labels": {}}]
    daemon.answers = [{"machines": [*rows, {**row, "name": "c\x1b", "alive": False}]}]
    lines = [one.split() for one in run("machines").stdout.splitlines()]
    assert lines == [
        ["a", "alive", "2", "of", "5", "os=linux"],
        ["b", "draining", "2", "of", "5"],
        ["c?", "gone", "2", "of", "5", "os=linux"],
    ]
    assert json.loads(run("machines", "--json").stdout) == daemon.answers[0]


def test_what_is_shared_is_handed_in_and_shown(daemon: Daemon) -> None:
    daemon.answers = [{"shared_id": "s-1", "state": "queued"}]
    assert run("submit", "echo hi", "--shared").stdout == "s-1\n"
    assert daemon.asked[-1][1]["shared"]
    assert run("graph", "-", "--shared", stdin="graph: g").stdout == "s-1\n"
    assert json.loads(run("submit", "x", "--shared", "--json").stdout) == daemon.answers[0]
    good = {"state": "succeeded", "result": {"output": {"n": 1}}}
    over = {"shared_id": "s-1", "state": "settled", "machine": "b\x1b", "succeeded": True}
    daemon.answers = [{**over, "tasks": {"a": good}}]
    assert run("show", "s-1").stdout.splitlines() == [
        "s-1  settled   on b ", "  succeeded   a", '    {"n": 1}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "settled", "code"),
    [
        ({"state": "settled", "succeeded": True}, True, 0),
        ({"state": "settled", "succeeded": False, "reason": "cancelled by ann"}, True, 1),
        ({"state": "running", "machine": "b"}, False, 2),
    ],
    ids=["succeeded", "failed", "not over"],
)
def test_the_exit_code_says_how_what_is_shared_went(
    daemon: Daemon, one: Json, code: int, *, settled: bool
) -> None:
    daemon.answers = [{"settled": settled, "tasks": [], "shared": [{"shared_id": "s-1", **one}]}]
    done = run("wait", "s-1")
    assert done.exit_code == code
    assert one.get("reason", "") in done.stdout


def test_the_shared_backlog_is_listed_with_the_machines(daemon: Daemon) -> None:
    part: Json = {"connected": True, "machines": ["a", "b"], "taken": 1}
    daemon.answers = [{"machines": [], "shared_backlog": part}]
    assert run("machines").stdout == "the shared backlog: a, b; 1 taken here\n"
    daemon.answers[0]["shared_backlog"] = {"connected": False, "taken": 0, "problem": "refused"}
    lines = run("machines").stdout.splitlines()
    assert lines == ["the shared backlog: none; 0 taken here", "  Redis cannot be had: refused"]
