"""Durable work asked for at a real daemon: by tools, over HTTP and from the command line."""

from __future__ import annotations

import json
import re
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from tests.integration.homes import open_home
from tests.integration.http_home import start_daemon
from tests.integration.tasks.verbs import EAGER, says
from tests.integration.tool_client import open_tools
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.homes import Home

pytestmark = pytest.mark.headless

SECONDS = 90.0
MANUAL = Path(__file__).parents[3] / "docs/tasks.md"

SIX = r"""
graph: six
defaults: {directory: HERE, retry: {attempts: 1}}
tasks:
  list: {run: 'echo ''{"words": ["one", "two"]}'''}
  each: {needs: list, fan_out: tasks.list.output.words, run: 'echo ${item}'}
  join: {needs: each, run: 'echo ${tasks.each.output}'}
  fails: {run: exit 3}
  never: {needs: fails, run: echo never}
  checked: {run: 'echo x >made', accept: {commands: [test -s made]}}
"""


@asynccontextmanager
async def open_daemon() -> AsyncIterator[Home]:
    async with open_home("headless") as home:
        await anyio.Path(home.paths.task_settings).write_text(EAGER)
        yield home


async def data(home: Home, *words: str, code: int = 0, stdin: str = "") -> dict[str, Any]:
    return dict(json.loads(await says(home, *words, "--json", code=code, stdin=stdin)))


@pytest.mark.long
async def test_a_graph_goes_to_its_end_from_the_command_line() -> None:
    async with open_daemon() as home:
        document = SIX.replace("HERE", home.paths.state)
        assert "list" in await says(home, "graph", "-", "--dry-run", stdin=document)
        graph = (await says(home, "graph", "-", "--key", "k", stdin=document)).strip()
        assert (await says(home, "graph", "-", "--key", "k", stdin=document)).strip() == graph
        await says(home, "wait", graph, code=1)
        listed = (await data(home, "list", "--graph", graph))["tasks"]
        states = {one["name"]: one["state"] for one in listed}
        assert (states["fails"], states["never"]) == ("dead", "skipped")
        assert {states[name] for name in ("list", "each", "join", "checked")} == {"succeeded"}
        ids = {one["name"]: one["task_id"] for one in listed}
        assert "one" in str((await data(home, "show", ids["join"]))["result"]["output"])
        assert "fails" in await says(home, "draw", graph)
        # A dead letter is tried anew, and what was skipped for it waits again.
        await says(home, "retry", ids["fails"])
        await says(home, "wait", ids["fails"], code=1)
        assert len((await data(home, "show", ids["fails"]))["attempts"]) == 2
        await says(home, "fork", ids["fails"], "collect")
        await says(home, "wait", ids["fails"], code=1)
        assert len((await data(home, "show", ids["fails"]))["attempts"]) == 3


@pytest.mark.long
async def test_what_ran_is_looked_at_again_without_running_once_more() -> None:
    """As when a test that had to pass was wrong, and the work was not."""
    async with open_daemon() as home:
        ran, allowed = f"{home.paths.state}/ran", f"{home.paths.state}/allowed"
        refused = await says(
            home, "submit", f"echo x >>{ran}; echo 42", "--accept", f"test -e {allowed}",
            "--attempts", "1", "--wait", code=1,
        )  # fmt: skip
        task_id = refused.split()[0]
        await anyio.Path(allowed).touch()
        await says(home, "fork", task_id, "collect")
        await says(home, "wait", task_id)
        shown = await data(home, "show", task_id)
        assert [one["outcome"] for one in shown["attempts"]] == ["rejected", "succeeded"]
        assert str(shown["result"]["output"]) == "42"
        assert await anyio.Path(ran).read_text() == "x\n"


@pytest.mark.long
async def test_starts_are_held_and_what_runs_is_ended_from_the_command_line() -> None:
    async with open_daemon() as home:
        await says(home, "submit", "true", "--wait")
        await says(home, "pause")
        late = (await says(home, "submit", "echo late")).strip()
        assert "pause" in (await says(home, "show", late)).lower()
        await says(home, "wait", late, "--seconds", "0", code=2)
        await says(home, "resume")
        await says(home, "wait", late)
        long = (await says(home, "submit", "sleep 600")).strip()

        async def state() -> str:
            return str((await data(home, "show", long))["state"])

        await eventually(state, lambda now: now == "running", within_seconds=SECONDS)
        await says(home, "cancel", long, "--reason", "enough")
        await says(home, "wait", long, code=1)
        assert await state() == "cancelled"
        await says(home, "purge", long)
        kept = anyio.Path(home.paths.attempts) / f"{long}~1"
        await eventually(kept.exists, lambda there: not there, within_seconds=SECONDS)
        assert "list" in (await says(home, "show", long, code=1)).lower()
        made = f"graph: once\ntasks: {{a: {{run: 'true', directory: {home.paths.state}}}}}"
        at = "2020-01-01T00:00:00Z"
        await says(home, "schedule", "past", "-", "--at", at, stdin=made)

        async def graphs() -> list[dict[str, Any]]:
            return list((await data(home, "schedules"))["schedules"])

        (one,) = await eventually(
            graphs, lambda found: "last_graph" in found[0], within_seconds=SECONDS
        )
        await says(home, "wait", one["last_graph"])
        await says(home, "unschedule", "past")
        assert (await data(home, "machines"))["machines"][0]["alive"]


async def test_tools_and_http_tell_of_the_same_tasks() -> None:
    async with open_daemon() as home:
        url = await start_daemon(home)
        headers = {"authorization": f"Bearer {home.token()}"}
        async with (
            open_tools(home) as tools,
            httpx2.AsyncClient(headers=headers, base_url=url, timeout=SECONDS) as http,
        ):
            body = {"name": "a", "task": {"run": "echo '[1]'", "directory": home.paths.state}}
            key = {"idempotency-key": "k"}
            made = (await http.post("/v1/tasks", json=body, headers=key)).json()
            again = (await http.post("/v1/tasks", json=body, headers=key)).json()
            assert made["task_id"] == again["task_id"]
            waited = await tools.data("wait_tasks", ids=[made["task_id"]], seconds=SECONDS)
            assert waited["tasks"][0]["result"]["output"] == [1]
            shown = (await http.get(f"/v1/tasks/{made['task_id']}")).json()
            assert shown == await tools.data("show_task", task_id=made["task_id"])
            assert (await tools.refusal("show_task", task_id="t-0"))["code"] == "task_not_found"
            bad = await tools.refusal("submit_tasks", document="graph: x\ntasks:\n  a: {run: 3}")
            assert "line" in bad["error"]

            async def told() -> str:
                return (await http.get("/v1/events?limit=50")).text

            await eventually(told, lambda text: made["task_id"] in text, within_seconds=SECONDS)


async def test_what_the_manual_shows_is_what_happens() -> None:
    text = await anyio.Path(MANUAL).read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    async with open_daemon() as home:
        document = example.replace("/home/me/project", home.paths.state)
        await says(home, "graph", "-", "--wait", stdin=document)


@pytest.mark.long
async def test_who_does_a_task_is_chosen_and_how_it_went_is_kept_by_its_kind_of_work() -> None:
    async with open_daemon() as home:
        state = anyio.Path(home.paths.state)
        await (state / "kinds").mkdir()
        await (state / "kinds" / "mine.toml").write_text(
            "name = 'mine'\n[start]\nprogram = 'false'\n[composer]\npattern = '> (?P<text>.*)'\n"
        )
        order = (
            "submit", "Mend it.", "--kind", "auto", "--work", "bugfix", "-C", str(state),
            "--attempts", "1", "--deadline", "2s",
        )  # fmt: skip
        refused = await says(home, *order, code=1)
        assert "nobody can be chosen for 'task' for work 'bugfix': the file declares no" in refused
        assert "choosing.toml" in refused
        await anyio.Path(home.paths.choosing).write_text("[arms.ours]\nkind = 'mine'\n")
        document = f"graph: g\ntasks: {{a: {{kind: auto, prompt: x, directory: {state}}}}}"
        plan = await says(home, "graph", "-", "--dry-run", stdin=document)
        assert "chosen for a: ours: by the file, ours is the default" in plan

        task_id = (await says(home, *order)).split()[0]
        await says(home, "wait", task_id, "--seconds", "30", code=1)
        shown = await data(home, "show", task_id)
        assert (shown["kind"], shown["state"]) == ("mine", "dead")
        assert shown["spec"]["strategy"]["task"] == "bugfix"
        assert "  chosen: by the file, ours is the default\n" in await says(home, "show", task_id)

        async def learned() -> str:
            words = [sys.executable, "-m", "iterm_mcp", "choosing", "show"]
            return (await anyio.run_process(words, env=home.environ)).stdout.decode()

        await eventually(
            learned, lambda text: "bugfix" in text and "0 of 1" in text, within_seconds=SECONDS
        )
