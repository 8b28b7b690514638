"""A graph that fans out over git worktrees, with commands and agents, conditions and failures.

All of it is real but the agents' models: daemon, host, shells, git, and fake agents that say in
their transcripts what they used.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread
from tests.integration.homes import Home, open_home
from tests.integration.tasks.graph_runs import (
    check_history,
    check_nothing_left,
    run_graph,
    script,
)
from tests.integration.worktrees.repositories import git
from tests.stress.task_site import Site

from iterm_mcp.models.tasks import TaskState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

pytestmark = pytest.mark.headless

Json = dict[str, Any]

INPUT_DOLLARS, OUTPUT_DOLLARS = 1000, 2000
"""Of a million tokens."""

PRICES = f"""
[[claude-scripted]]
since = 2020-01-01
input = {INPUT_DOLLARS}.0
output = {OUTPUT_DOLLARS}.0
"""

PORT = """
n=${item.n}
echo "item $n" >item-$n.txt
git add item-$n.txt && git commit -q -m "Port item $n"
printf '{"n": %d, "square": %d, "branch": "%s"}' $n $((n * n)) \
    "$(git rev-parse --abbrev-ref HEAD)" >"$ITERM_MCP_RESULT"
"""
"""Commits to the worktree in which it runs."""

SUM = """
import json, sys
ported, reviewed = map(json.loads, sys.argv[1:])
squares = [one["square"] for one in ported]
verdicts = [one["verdict"] for one in reviewed]
print(json.dumps({"count": len(ported), "squares": sum(squares), "verdicts": verdicts}))
"""

LAND = """
import json, subprocess, sys
for one in json.loads(sys.argv[1]):
    subprocess.run(["git", "merge", "-q", "--no-edit", one["branch"]], check=True)
"""


def wide_graph(site: Site, over: int, reviewers: int, *, rest: bool) -> Json:
    """Return a document.

    Args:
        over: Elements of a list that is only found while it runs.
        reviewers: Agents, each for an element of a list that is written out.
        rest: All that a small one leaves out.
    """
    elements = json.dumps({"items": [{"n": number} for number in range(1, over + 1)]})
    tree = {"worktree": True}
    tasks: Json = {
        "survey": {"run": f"printf %s '{elements}' >\"$ITERM_MCP_RESULT\""},
        "port": {
            "needs": "survey", "fan_out": {"over": "tasks.survey.output.items", "most": over},
            "run": PORT, "accept": {"commit": True}, **tree,
        },
        "review": {
            "needs": "survey", "fan_out": [f"part {one}" for one in range(reviewers)],
            "kind": "claude", "prompt": 'Look at ${item}. [[say {"verdict": "good"}]]', **tree,
        },
        "sum": {
            "needs": ["port", "review"],
            "run": script(SUM, "${tasks.port.output}", "${tasks.review.output}"),
        },
        "land": {"needs": "port", "run": script(LAND, "${tasks.port.output}")},
        "poison": {"run": "echo it is broken; exit 7"},
        "poisoned": {"needs": "poison", "run": "touch poisoned"},
    }  # fmt: skip
    if rest:
        tasks |= {
            "second": {
                "needs": "survey", "kind": "codex", "prompt": '[[say {"found": 0}]]', **tree,
            },
            "big": {
                "needs": "sum", "when": f"tasks.sum.output.count > {over - 1}",
                "run": "echo ${tasks.sum.output.squares}",
            },
            "small": {
                "needs": "sum", "when": "tasks.sum.output.count < 10", "run": "touch small",
            },
            "after-small": {"needs": "small", "run": "touch small"},
            "poisoned-too": {"needs": ["poisoned", "survey"], "run": "touch poisoned"},
            "liar": {
                "kind": "claude", "prompt": "[[say done]]", "accept": {"commit": True}, **tree,
            },
            "flaky": {"run": 'case "$ITERM_MCP_ATTEMPT" in *~1) exit 9;; esac; echo well'},
        }  # fmt: skip
    return {
        "graph": "wide",
        "defaults": {
            "directory": str(site.repository), "retry": {"attempts": 2, "backoff": 0.2},
            "environment": {"HOME": site.home.environ["HOME"]},
        },
        "tasks": tasks,
    }  # fmt: skip


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    async with open_home("headless") as one:
        yield one


@pytest.fixture
async def site(home: Home, folder: Path) -> AsyncIterator[Site]:
    """A daemon that knows what the fake agents' model costs."""
    made = Site(home, folder, at_once=5)
    await to_thread.run_sync(made.prepare)
    await anyio.Path(home.paths.prices).write_text(PRICES)
    for key, value in {"user.name": "Ann", "user.email": "ann@example.com"}.items():
        git(made.repository, "config", key, value)
    await to_thread.run_sync(made.start)
    try:
        yield made
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(made.close)


def dollars_said(home: str) -> dict[str, float]:
    """Return what the agents' own transcripts say that they used, by where they worked."""
    found: dict[str, float] = {}
    for path in Path(home, ".claude", "projects").glob("*/*.jsonl"):
        for line in map(json.loads, path.read_text("utf-8").splitlines()):
            usage = line.get("message", {}).get("usage")
            if usage:
                dollars = usage["input_tokens"] * INPUT_DOLLARS
                dollars += usage["output_tokens"] * OUTPUT_DOLLARS
                found[line["cwd"]] = found.get(line["cwd"], 0.0) + dollars / 1e6
    return found


async def check_costs(site: Site, tasks: Mapping[str, Json], agents: set[str]) -> float:
    """See that agents cost what their transcripts say, and others nothing that is told."""
    said = await to_thread.run_sync(dollars_said, site.home.environ["HOME"])
    for name in agents:
        attempt = tasks[name]["attempts"][-1]
        (mine,) = [one for place, one in said.items() if place.endswith(attempt["worktree"])]
        assert tasks[name]["result"]["cost_usd"] == pytest.approx(mine), name
    for name, task in tasks.items():
        if task["kind"] == "command":
            assert "cost_usd" not in task.get("result", {}), name
    return sum(said.values())


def states(tasks: Mapping[str, Json]) -> dict[str, set[str]]:
    """Return the names of tasks by their states."""
    found: dict[str, set[str]] = {}
    for name, task in tasks.items():
        found.setdefault(task["state"], set()).add(name)
    return found


async def test_a_small_graph_gives_results_costs_and_dead_letters(site: Site) -> None:
    tasks = await run_graph(site, wide_graph(site, over=2, reviewers=1, rest=False))

    assert len(tasks) == 10
    assert states(tasks) == {
        "succeeded": {*tasks} - {"poison", "poisoned"}, "dead": {"poison"}, "skipped": {"poisoned"}
    }  # fmt: skip
    assert tasks["sum"]["result"]["output"] == {"count": 2, "squares": 5, "verdicts": ["good"]}
    assert [one["outcome"] for one in tasks["poison"]["attempts"]] == ["failed", "failed"]
    await check_costs(site, tasks, {"review-1"})
    kept = await to_thread.run_sync(site.read)
    assert kept is not None
    check_history(kept, site.at_once)
    await check_nothing_left(site, kept_worktrees=2)


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_sixty_tasks_over_forty_worktrees_give_results_costs_and_dead_letters(
    site: Site,
) -> None:
    tasks = await run_graph(site, wide_graph(site, over=40, reviewers=6, rest=True))

    assert len(tasks) == 60
    skipped = {"small", "after-small", "poisoned", "poisoned-too"}
    assert states(tasks) == {
        "succeeded": {*tasks} - skipped - {"poison", "liar"},
        "dead": {"poison", "liar"},
        "skipped": skipped,
    }
    numbers = range(1, 41)
    ported = tasks["port"]["result"]["output"]
    assert [one["n"] for one in ported] == [*numbers]
    assert len({one["branch"] for one in ported}) == 40
    squares = sum(number * number for number in numbers)
    assert tasks["sum"]["result"]["output"] == {
        "count": 40, "squares": squares, "verdicts": ["good"] * 6
    }  # fmt: skip
    assert tasks["big"]["result"]["output"] == str(squares)
    assert tasks["second"]["result"]["output"] == {"found": 0}
    assert [one["outcome"] for one in tasks["flaky"]["attempts"]] == ["failed", "succeeded"]
    landed = git(site.repository, "ls-tree", "--name-only", "HEAD").splitlines()
    assert {*landed} == {"a.txt", *(f"item-{number}.txt" for number in numbers)}
    for number in numbers:
        patch = await anyio.Path(tasks[f"port-{number}"]["result"]["patch"]).read_text()
        assert f"+item {number}\n" in patch
        assert patch.count("diff --git") == 1

    letters = await site.ask("GET", "/tasks?states=dead")
    assert {one["name"] for one in letters["tasks"]} == {"poison", "liar"}
    for name, says in {"poison": "exit code 7", "liar": "has no commit"}.items():
        failures = tasks[name]["failed_because"]
        assert [one["number"] for one in failures] == [1, 2]
        assert all(says in one["reason"] for one in failures)
        for one in failures:
            assert await anyio.Path(one["evidence"]).is_dir()

    reviews = {f"review-{number}" for number in range(1, 7)}
    all_dollars = await check_costs(site, tasks, {*reviews, "liar"})
    assert tasks["review"]["result"]["cost_usd"] == pytest.approx(
        sum(tasks[one]["result"]["cost_usd"] for one in reviews)
    )
    told = await site.ask("GET", "/costs")
    assert told["total"]["computed_nanodollars"] / 1e9 == pytest.approx(all_dollars)
    kept = await to_thread.run_sync(site.read)
    assert kept is not None
    check_history(kept, site.at_once)
    assert {one.state for one in kept.values()} == {
        TaskState.SUCCEEDED, TaskState.DEAD, TaskState.SKIPPED
    }  # fmt: skip
    await check_nothing_left(site, kept_worktrees=40)
