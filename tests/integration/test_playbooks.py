"""Playbooks run by a real daemon in real shells, killed amid them, and gone on with."""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.integration.tool_client import ToolClient
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home
    from tests.integration.line_client import LineClient

SHIPPED = Path(__file__).parent.parent.parent / "src/iterm_mcp/playbooks"


@pytest.fixture
async def hands(client: LineClient) -> ToolClient:
    """The tools of a home of its own, whose daemon may be killed."""
    return ToolClient(client.call)


@pytest.fixture(name="tools")
async def remembered(tools: ToolClient) -> AsyncIterator[ToolClient]:
    """The shared home's tools, which also close what playbooks opened."""
    before = {one["session_id"] for one in (await tools.data("list_sessions"))["sessions"]}
    yield tools
    for one in (await tools.data("list_sessions"))["sessions"]:
        if one["session_id"] not in before:
            await tools.result(
                "close_session", session_id=one["session_id"], confirm=True, grace_seconds=0
            )


async def run(tools: ToolClient, document: str, **variables: str) -> dict[str, Any]:
    """Run a playbook, and return how it stands when it has stopped."""
    begun = await tools.data(
        "run_playbook", action="run", document=document, variables=variables, wait_seconds=0
    )
    return await stopped(tools, begun["run_id"])


async def stopped(tools: ToolClient, run_id: str) -> dict[str, Any]:
    found = await eventually(
        lambda: tools.data("run_playbook", action="status", run_id=run_id, wait_seconds=5),
        lambda one: one["state"] != "running",
        within_seconds=60,
    )
    assert isinstance(found, dict)
    return found


def states(answer: dict[str, Any]) -> list[str]:
    return [one["state"] for one in answer["journal"]]


async def test_the_shipped_build_runs_in_two_panes_and_leaves_its_verdict(
    tools: ToolClient, tmp_path: Path
) -> None:
    document = (SHIPPED / "build-and-test.yaml").read_text()

    answer = await run(
        tools,
        document,
        directory=str(tmp_path),
        build="echo built > made",
        test="cat made && echo $((40 + 2)) tests passed",
    )

    assert (answer["state"], states(answer)) == ("done", ["done"] * 5), answer
    assert set(answer["panes"]) == {"build", "watch"}
    note = await tools.data("manage_notes", action="get", namespace="builds", key="last")
    assert note["value"] == "built\n42 tests passed"
    assert note["author"] == "playbook build-and-test"


TALK = """
playbook: talk
steps:
  - layout:
      split: rows
      children:
        - {name: server, command: "/bin/sh -c 'echo listening on 4242; exec cat'"}
        - {name: client}
  - wait: {in: server, pattern: "listening on ([0-9]+)", save: port, timeout: 20}
  - run: {in: client, command: "echo port ${port}", save: said}
  - wait: {in: client, for: prompt}
  - read: {in: server, lines: 5, save: seen}
  - note: {namespace: talk, key: seen, value: "${said}, ${seen}"}
  - wait: {in: server, pattern: never, timeout: 0.2}
"""


async def test_what_was_waited_for_and_read_is_used_by_later_steps(tools: ToolClient) -> None:
    answer = await run(tools, TALK)

    assert states(answer) == ["done"] * 6 + ["failed"], answer
    assert answer["reason"] == "step 7: nothing came in 0.2 s"
    note = await tools.data("manage_notes", action="get", namespace="talk", key="seen")
    assert note["value"] == "port 4242, listening on 4242"


async def test_a_step_that_fails_stops_the_run_and_resuming_tries_it_again(
    tools: ToolClient, tmp_path: Path
) -> None:
    document = """
playbook: twice
variables: {directory: }
steps:
  - layout: {name: one, directory: "${directory}"}
  - run: {in: one, command: "echo first >> log; test -e go", save: said}
  - run: {in: one, command: "echo second >> log"}
"""
    failed = await run(tools, document, directory=str(tmp_path))
    assert (failed["state"], states(failed)) == ("failed", ["done", "failed"])
    assert "step 2: the command ended with code 1, not code 0" in failed["reason"]

    (tmp_path / "go").touch()
    ended = await tools.data("run_playbook", action="resume", run_id=failed["run_id"])

    assert ended["state"] == "done"
    assert (tmp_path / "log").read_text() == "first\nfirst\nsecond\n"
    assert ended["panes"] == failed["panes"]


async def test_a_daemon_killed_amid_a_command_is_followed_by_one_that_waits_for_that_command(
    live_home: Home, hands: ToolClient, tmp_path: Path
) -> None:
    document = """
playbook: long
variables: {directory: }
steps:
  - layout: {split: rows, children: [{name: one, directory: "${directory}"}, {name: two}]}
  - run: {in: one, command: "echo ran >> log; until test -e go; do sleep 0.05; done", timeout: 60}
  - run: {in: one, command: "echo after >> log"}
"""
    begun = await hands.data(
        "run_playbook", action="run", document=document, wait_seconds=0,
        variables={"directory": str(tmp_path)},
    )  # fmt: skip
    await eventually((tmp_path / "log").exists, within_seconds=20)

    await live_home.kill_daemon()
    left = await hands.data("run_playbook", action="status", run_id=begun["run_id"])
    assert left["state"] == "interrupted", left
    (tmp_path / "go").touch()
    await hands.data("run_playbook", action="resume", run_id=begun["run_id"], wait_seconds=0)
    ended = await stopped(hands, begun["run_id"])

    assert (ended["state"], states(ended)) == ("done", ["done"] * 3), ended
    assert (tmp_path / "log").read_text() == "ran\nafter\n", "once each"
    assert len((await hands.data("list_sessions"))["sessions"]) == 2


async def test_the_shipped_review_hands_the_writers_work_to_the_reviewer(
    live_home: Home, hands: ToolClient, tmp_path: Path
) -> None:
    shims = [sys.executable, "-m", "iterm_mcp.testing.fake_agent", "shims", str(tmp_path)]
    await anyio.run_process(shims)
    for name in ("writer", "reviewer"):
        write_template(live_home, name, tmp_path)
    document = (SHIPPED / "review-team.yaml").read_text()

    answer = await run(
        hands, document, directory=str(tmp_path), task="write a poem",
        writer="template:writer", reviewer="template:reviewer",
    )  # fmt: skip

    assert states(answer) == ["done"] * 8, answer
    (told,) = received(tmp_path / "writer")
    assert told == "write a poem"
    (told,) = received(tmp_path / "reviewer")
    assert told.startswith("Review the last change in this folder. The writer's words are the note")
    note = await hands.data("manage_notes", action="get", namespace="reviews", key="work")
    assert "write a poem" in note["value"], "it stands on the writer's screen"


def write_template(home: Home, name: str, programs: Path) -> None:
    """Have a template start a fake agent that writes down what it does, under its own name."""
    path = Path(home.paths.state, "templates", f"{name}.toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'kind = "claude"\n[environment]\nPATH = "{programs}:{os.environ["PATH"]}"\n'
        f'HOME = "{programs}"\nFAKE_AGENT_TRUTH = "{programs / name}"\n'
    )


def received(truth: Path) -> list[str]:
    """Return what an agent was really told."""
    lines = [json.loads(line) for line in truth.read_text().splitlines()]
    return [str(line["unwrapped"]) for line in lines if line["what"] == "received"]


MANY = """
playbook: many
variables: {directory: }
steps:
  - layout: {split: rows, children: [{name: a, directory: "${directory}"}, {name: b}]}
""" + "".join(
    f'  - run: {{in: a, command: "echo {number} >> log"}}\n'
    f"  - note: {{namespace: many, key: k{number}, value: v}}\n"
    for number in range(1, 9)
)


async def kill_again_and_again(
    home: Home, hands: ToolClient, folder: Path, kills: int, seed: int
) -> None:
    """Kill the daemon at random moments of a run, and go on each time with the next one."""
    chance = random.Random(seed)
    begun = await hands.data(
        "run_playbook", action="run", document=MANY, wait_seconds=0,
        variables={"directory": str(folder)},
    )  # fmt: skip
    run_id = begun["run_id"]
    for _ in range(kills):
        await anyio.sleep(chance.uniform(0, 0.6))  # at whatever moment
        await home.kill_daemon()
        left = await hands.data("run_playbook", action="status", run_id=run_id)
        if left["state"] == "done":
            break
        assert left["state"] == "interrupted", left
        await hands.data("run_playbook", action="resume", run_id=run_id, wait_seconds=0)
    ended = await stopped(hands, run_id)
    while ended["state"] == "undecided":  # then a person looks, and decides
        number = (len(ended["journal"]) - 2) // 2 + 1
        told = str(number) in (folder / "log").read_text().split()
        await hands.data(
            "run_playbook", action="resume", run_id=run_id, wait_seconds=0,
            decision="skip" if told else "repeat",
        )  # fmt: skip
        ended = await stopped(hands, run_id)
    assert ended["state"] == "done", ended
    assert (folder / "log").read_text().split() == [str(number) for number in range(1, 9)]
    notes = await hands.data("manage_notes", action="list", namespace="many")
    assert len(notes["notes"]) == 8


async def test_whenever_the_daemon_is_killed_each_command_is_run_once(
    live_home: Home, hands: ToolClient, tmp_path: Path
) -> None:
    await kill_again_and_again(live_home, hands, tmp_path, kills=3, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
async def test_however_often_the_daemon_is_killed_each_command_is_run_once(
    live_home: Home, hands: ToolClient, tmp_path: Path, seed: int
) -> None:
    await kill_again_and_again(live_home, hands, tmp_path, kills=8, seed=seed)
