"""Durable work over HTTP, over tasks that are moved by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.unit.tasks.services import open_asked
from tests.unit.web.api.opened import Side, error_of, open_side

from iterm_mcp.models.tasks import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.tasks.services import Asked

ONE = "graph: one\ntasks:\n  a: {run: echo hi, directory: /, retry: {attempts: 1}}\n"
PART = {"run": "echo hi", "directory": "/", "retry": {"attempts": 1}}


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Side, Asked]]:
    tasks, side = folder / "tasks", folder / "side"
    tasks.mkdir()
    side.mkdir()
    async with open_asked(tasks) as asked, open_side(side, tasks=asked.service) as http:
        yield http, asked


async def test_a_task_is_queued_once_for_its_key_and_followed_to_its_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as (side, asked):
        key = ("idempotency-key", "once")
        made = await side.post("/v1/tasks", {"name": "a", "task": PART}, key)
        again = await side.post("/v1/tasks", {"name": "a", "task": PART}, key)
        assert made.status == 200, made.body
        assert again.json()["task_id"] == made.json()["task_id"]
        path = f"/v1/tasks/{made.json()['task_id']}"
        late = (await side.get(f"{path}/wait?seconds=0")).json()
        assert late["state"] == "queued"
        await asked.bench.run(made.json()["task_id"], output="hi")
        assert (await side.get(f"{path}/wait")).json()["result"]["output"] == "hi"
        listed = (await side.get("/v1/tasks?states=succeeded&limit=5")).json()
        assert [one["name"] for one in listed["tasks"]] == ["a"]
        assert listed["counts"]["succeeded"] == 1
        assert (await side.ask("DELETE", path)).json() == {"purged": made.json()["task_id"]}
        assert error_of(await side.get(path)) == (404, "task_not_found")


async def test_what_has_not_changed_is_not_sent_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as (side, asked):
        task = (await side.post("/v1/tasks", {"task": PART})).json()["task_id"]
        first = await side.get(f"/v1/tasks/{task}")
        etag = dict(first.headers)["etag"]
        same = await side.get(f"/v1/tasks/{task}", ("if-none-match", etag))
        assert (same.status, same.body) == (304, b"")
        await asked.bench.run(task)
        assert (await side.get(f"/v1/tasks/{task}", ("if-none-match", etag))).status == 200


async def test_a_graph_is_tried_dry_queued_shown_and_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as (side, _):
        dry = await side.post("/v1/graphs", {"document": ONE, "dry_run": True})
        assert dry.json()["waves"] == [["a"]]
        graph = (await side.post("/v1/graphs", {"document": ONE})).json()
        path = f"/v1/graphs/{graph['graph_id']}"
        assert [one["name"] for one in (await side.get(path)).json()["nodes"]] == ["a"]
        assert "a" in (await side.get(f"{path}?form=mermaid")).json()["mermaid"]
        ended = (await side.post(f"{path}/cancel", {"reason": "enough"})).json()
        assert [one["state"] for one in ended["nodes"]] == ["cancelled"]


async def test_a_dead_letter_is_changed(tmp_path: Path) -> None:
    async with opened(tmp_path) as (side, asked):
        task = (await side.post("/v1/tasks", {"task": PART})).json()["task_id"]
        path = f"/v1/tasks/{task}"
        await asked.bench.run(task, Outcome.FAILED)
        assert (await side.post(f"{path}/fork", {"step": "collect"})).status == 400
        assert (await side.post(f"{path}/retry")).json()["state"] == "queued"
        assert error_of(await side.post(f"{path}/answer", {"text": "y"}))[0] == 409
        assert (await side.post(f"{path}/cancel", {})).json()["state"] == "cancelled"


async def test_starts_are_held_back_and_let_go(tmp_path: Path) -> None:
    async with opened(tmp_path) as (side, _):
        assert (await side.post("/v1/queues/pause", {"scope": "team:x"})).status == 200
        (pause,) = (await side.get("/v1/queues/pauses")).json()["pauses"]
        assert pause["scope"] == "team:x"
        await side.post("/v1/queues/resume", {"scope": "team:x"})
        assert (await side.get("/v1/queues/pauses")).json() == {"pauses": []}
        assert (await side.post("/v1/queues/resume", {"scope": "team:x"})).status == 404


async def test_schedules_and_machines(tmp_path: Path) -> None:
    async with opened(tmp_path) as (side, _):
        body = {"document": ONE, "cron": "0 6 * * *", "zone": "Europe/Berlin"}
        made = await side.ask("PUT", "/v1/schedules/daily", body)
        assert made.json()["tasks"] == ["a"]
        assert len((await side.get("/v1/schedules")).json()["schedules"]) == 1
        assert (await side.ask("DELETE", "/v1/schedules/daily")).status == 200
        assert (await side.ask("DELETE", "/v1/schedules/daily")).status == 404
        (machine,) = (await side.get("/v1/machines")).json()["machines"]
        assert not machine["draining"]
        await side.post("/v1/machines/here/drain", {"draining": True})
        assert (await side.get("/v1/machines")).json()["machines"][0]["draining"]


async def test_a_token_that_only_reads_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as (side, _):
        task = (await side.post("/v1/tasks", {"task": PART})).json()["task_id"]
        read, mutate = await side.token("read"), await side.token("mutate")
        assert (await side.get("/v1/tasks", token=read)).status == 200
        assert (await side.post("/v1/tasks", {"task": PART}, token=read)).status == 403
        assert (await side.post(f"/v1/tasks/{task}/cancel", {}, token=mutate)).status == 200
        assert (await side.ask("DELETE", f"/v1/tasks/{task}", token=mutate)).status == 403


async def test_mistakes_are_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as (side, _):
        bad = await side.post("/v1/graphs", {"document": "graph: x\ntasks: ["})
        assert error_of(bad)[0] == 400
        assert "line" in bad.json()["error"]["message"]
        place = await side.post("/v1/tasks", {"task": {"run": "x", "directory": "/no/such"}})
        assert "no such directory" in place.json()["error"]["message"]
        kind = await side.post("/v1/tasks", {"task": {**PART, "kind": "gpt"}})
        assert kind.status == 400
        assert error_of(await side.get("/v1/tasks/t-0")) == (404, "task_not_found")
        assert error_of(await side.get("/v1/graphs/g-0")) == (404, "graph_not_found")
        assert error_of(await side.get("/v1/tasks/x/wait")) == (400, "invalid_request")


async def test_a_shared_graph_is_submitted_shown_waited_for_and_cancelled(tmp_path: Path) -> None:
    async with opened(tmp_path) as (side, asked):
        made = (await side.post("/v1/shared", {"document": ONE, "key": "k"})).json()
        assert (await side.post("/v1/shared", {"document": ONE, "key": "k"})).json() == made
        path = f"/v1/shared/{made['shared_id']}"
        assert (await side.get(f"{path}/wait?seconds=0")).json()["state"] == "queued"
        await side.post(f"{path}/cancel", {"reason": "enough"})
        assert "enough" in asked.front.cancelled[made["shared_id"]]
        asked.front.end(made["shared_id"])
        assert (await side.get(path)).json()["tasks"]["a"]["result"]["output"] == 42
        assert (await side.get("/v1/shared")).json()["machines"] == ["one", "other"]
        assert error_of(await side.get("/v1/shared/s-none"))[0] == 404
