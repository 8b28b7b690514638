"""Agents of tasks, in a real host with fake agents."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.tasks.work.site import SECONDS, StepError
from tests.integration.worktrees.repositories import commit, git
from tests.waiting import eventually

from iterm_mcp.models.tasks import Acceptance, Outcome

if TYPE_CHECKING:
    from tests.integration.tasks.work.site import Site

    from iterm_mcp.tasks.work import Ending, Order, Place, Running

Json = dict[str, Any]

pytestmark = pytest.mark.headless

KINDS = ("claude", "claude-headless", "codex")


def truth(site: Site, what: str) -> list[Json]:
    path = site.folder / "truth.jsonl"
    lines = path.read_text("utf-8").split("\n")[:-1] if path.exists() else []
    return [one for one in map(json.loads, lines) if one["what"] == what]


async def watch(site: Site, order: Order, place: Place, running: Running) -> Ending:
    ending: Ending = await site.daemon.do(
        "supervise", order, place, running, str(site.cancels(order))
    )
    return ending


@pytest.mark.long
async def test_an_agent_survives_a_kill_after_every_step_and_is_started_and_told_once(
    own_site: Site,
) -> None:
    site = own_site
    order = site.order('Count them. [[work 1]] [[say {"count": 42}]]', "claude")

    run = await site.run_with_kills(order)

    assert len(truth(site, "started")) == 1
    (received,) = truth(site, "received")
    assert "Count them." in received["text"]
    assert str(site.kept(order).result) in received["text"]
    assert run.ending.outcome is Outcome.SUCCEEDED
    assert run.result.output == {"count": 42}
    assert run.result.problems == ()
    assert len(truth(site, "exited")) == 1
    assert not site.processes(order)


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_is_told_watched_and_heard(site: Site, kind: str) -> None:
    home = {"HOME": site.home.environ["HOME"]}  # whose transcripts the daemon follows
    order = site.order('[[work 1]] [[say {"count": 42}]]', kind, environment=home)

    run = await site.run(order)

    assert run.ending.outcome is Outcome.SUCCEEDED
    assert run.result.output == {"count": 42}
    assert len(truth(site, "started")) == 1
    assert not site.processes(order)
    assert run.running.agent.startswith("try-it-1")


async def test_it_works_in_a_worktree_whose_changes_are_kept(site: Site) -> None:
    path = site.folder / "app"
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    commit(path, "a.txt", "one\n")
    order = site.order(
        "[[work 0.2]]",
        "claude",
        directory=str(path),
        worktree=True,
        files=("new.txt",),
        acceptance=Acceptance(commit=True),
    )

    place, running = await site.begin(order)
    commit(place.directory, "a.txt", "two\n")
    Path(place.directory, "new.txt").write_text("not committed")  # noqa: ASYNC240
    run = await site.finish(order, place, running)

    (began,) = truth(site, "started")
    assert began["cwd"] == place.directory
    assert run.result.problems == ()
    assert run.result.branch == f"iterm-mcp/{place.worktree}"
    patch = Path(run.result.patch).read_text()  # noqa: ASYNC240
    assert "+two" in patch
    assert "+not committed" in patch
    assert Path(run.result.files["new.txt"]).read_text() == "not committed"  # noqa: ASYNC240
    assert Path(place.directory, "a.txt").read_text() == "two\n", "nothing is lost"  # noqa: ASYNC240


async def test_a_worktree_in_which_nothing_was_done_goes_and_such_work_is_rejected(
    site: Site,
) -> None:
    path = site.folder / "app"
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    commit(path, "a.txt", "one\n")
    order = site.order(
        "[[say I did it]]",
        "claude",
        directory=str(path),
        worktree=True,
        acceptance=Acceptance(commit=True),
    )

    run = await site.run(order)

    assert run.ending.outcome is Outcome.SUCCEEDED
    assert run.result.output == "I did it"
    assert run.result.patch == ""
    assert "has no commit" in run.result.problems[0]
    assert run.evidence
    assert not Path(run.place.directory).exists()  # noqa: ASYNC240


@pytest.mark.parametrize(
    ("asks", "answer", "said"),
    [
        ("[[tool Bash rm -rf build]] [[say removed]]", "yes", "removed"),
        ("[[ask Which one? | red | blue]]", "blue", "You chose blue"),
    ],
    ids=["permission", "question"],
)
async def test_what_it_asks_a_person_is_handed_on_and_so_is_the_answer(
    site: Site, asks: str, answer: str, said: str
) -> None:
    order = site.order(asks, "claude")
    place, running = await site.begin(order)

    asked = await watch(site, order, place, running)
    again = await watch(site, order, place, running)
    await site.daemon.do("answer", order, running, answer)
    run = await site.finish(order, place, running)

    assert asked.question
    assert asked.question == again.question
    assert run.ending.outcome is Outcome.SUCCEEDED
    assert said in str(run.result.output)


async def test_one_that_crashes_is_started_again_and_goes_on(site: Site) -> None:
    order = site.order("[[work 0.5]] [[crash KILL]]", "claude")
    place, running = await site.begin(order)

    ending = await watch(site, order, place, running)
    await site.twice("clean", order, place, outcome=ending.outcome)

    assert ending.outcome is Outcome.SUCCEEDED, ending
    assert len(truth(site, "started")) == 2
    assert [one["text"] for one in truth(site, "received")][1].startswith("Go on")


@pytest.mark.long
async def test_a_turn_that_fails_or_is_interrupted_fails_the_attempt(site: Site) -> None:
    failing = site.order("[[fail server_error]]", "claude")
    halted = site.order("[[work 300]]", "claude", name="t-2")

    failed = await site.run(failing)
    place, running = await site.begin(halted)
    number = await site.daemon.ask("supervise", halted, place, running, str(site.cancels(halted)))
    await eventually(lambda: len(truth(site, "turn_started")) == 2, within_seconds=SECONDS)
    (agent,) = [one for one in site.processes(halted) if "bin/claude" in str(one.cmdline())]
    agent.send_signal(signal.SIGTERM)
    ended = await site.daemon.answer(number)
    await site.twice("clean", halted, place, outcome=ended.outcome)

    assert failed.ending.outcome is Outcome.FAILED
    assert "fail" in failed.ending.reason
    found = json.loads((site.kept(failing).evidence / "failure.json").read_text())
    assert found["agent"] == failed.running.agent
    assert found["screen"]
    assert ended.outcome in {Outcome.FAILED, Outcome.SUCCEEDED}
    assert not site.processes(halted)


@pytest.mark.long
async def test_a_deadline_ends_an_agent_amid_its_turn(site: Site) -> None:
    order = site.order("[[work 300]]", "claude", deadline_seconds=6.0)

    run = await site.run(order)

    assert run.ending.outcome is Outcome.TIMED_OUT
    assert not site.processes(order)


async def test_what_cannot_be_started_is_refused_and_leaves_nothing(site: Site) -> None:
    unknown = site.order("hello", "robot")
    untold = site.order("hello", "claude", name="t-2", template="no-such-one")

    for order in (unknown, untold):
        place = await site.twice("prepare", order)
        with pytest.raises(StepError, match="not_found"):
            await site.daemon.do("begin", order, place)
        assert await site.twice("clean", order, None, outcome=Outcome.FAILED)
        assert not site.processes(order)
    nowhere = site.order("hello", directory="/no/such/place", name="t-3")
    with pytest.raises(StepError, match="is no directory"):
        await site.daemon.do("prepare", nowhere)
    with pytest.raises(StepError, match="a command asks nothing"):
        await site.daemon.do("answer", nowhere, None, "yes")
