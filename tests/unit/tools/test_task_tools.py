"""What a model may ask of durable work, over tasks that are moved by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from mcp import Client
from tests.unit.tasks.services import open_asked
from tests.unit.tools.conftest import Caller

from iterm_mcp.access import Access
from iterm_mcp.models.tasks import Outcome
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock
from iterm_mcp.tools.calls import UNRULED, Calls
from iterm_mcp.tools.clients import CURRENT, Clients
from iterm_mcp.tools.server import build_server
from iterm_mcp.tools.tasks import TaskTools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.tasks.services import Asked

ONE = "graph: one\ntasks:\n  a: {run: echo hi, directory: /, retry: {attempts: 1}}\n"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Caller, Asked]]:
    async with open_asked(folder) as asked:
        server = build_server(TaskTools(asked.service).rows(), Calls(Metrics().tools))
        async with Client(server) as client:
            yield Caller(client), asked


async def submit(caller: Caller) -> str:
    return str((await caller.data("submit_tasks", document=ONE))["tasks"]["a"])


async def test_a_task_is_queued_listed_shown_and_waited_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as (caller, asked):
        made = await caller.data("submit_tasks", document=ONE, key="k")
        assert await caller.data("submit_tasks", document=ONE, key="k") == made
        task_id = made["tasks"]["a"]
        listed = await caller.data("list_tasks", states=["queued"])
        assert [one["task_id"] for one in listed["tasks"]] == [task_id]
        assert listed["counts"] == {"queued": 1}
        await asked.bench.run(task_id, output={"n": 1})
        waited = await caller.data("wait_tasks", ids=[made["graph_id"]], seconds=5)
        assert waited["settled"]
        assert waited["tasks"][0]["result"]["output"] == {"n": 1}
        assert (await caller.data("show_task", task_id=task_id))["state"] == "succeeded"
        drawn = await caller.data("list_tasks", what="graph", graph=made["graph_id"])
        assert "a" in drawn["drawing"]


async def test_what_waits_in_vain_says_why(tmp_path: Path) -> None:
    async with opened(tmp_path) as (caller, _):
        task_id = await submit(caller)
        await caller.data("change_tasks", action="pause", target="everything")
        waited = await caller.data("wait_tasks", ids=[task_id], seconds=0)
        assert not waited["settled"]
        assert waited["tasks"][0]["waits_for"]
        (pause,) = (await caller.data("list_tasks", what="pauses"))["pauses"]
        assert pause["scope"] == "everything"
        await caller.data("change_tasks", action="resume", target="everything")
        assert (await caller.data("list_tasks", what="pauses"))["pauses"] == []


async def test_a_dry_run_tells_and_queues_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as (caller, _):
        plan = await caller.data("submit_tasks", document=ONE, dry_run=True)
        assert plan["waves"] == [["a"]]
        assert plan["plan"]
        assert (await caller.data("list_tasks"))["tasks"] == []


async def test_a_schedule_comes_and_goes(tmp_path: Path) -> None:
    async with opened(tmp_path) as (caller, _):
        made = await caller.data("submit_tasks", document=ONE, schedule="s", cron="0 6 * * *")
        assert made["tasks"] == ["a"]
        once = {"document": ONE, "schedule": "t", "at": "2040-01-31T12:00:00Z"}
        assert (await caller.data("submit_tasks", **once))["next_at"].startswith("2040-01-31T12")
        listed = (await caller.data("list_tasks", what="schedules"))["schedules"]
        assert [one["name"] for one in listed] == ["s", "t"]
        await caller.data("change_tasks", action="unschedule", target="s")
        gone = await caller.refusal("change_tasks", action="unschedule", target="s")
        assert gone["code"] == "schedule_not_found"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param({"cron": "0 6 * * *"}, "of a schedule", id="cron alone"),
        pytest.param({"schedule": "s", "at": "soon"}, "no time", id="no time"),
        pytest.param({"schedule": "s", "at": "2040-01-31T12:00"}, "no time", id="no zone"),
        pytest.param({"schedule": "s"}, "a schedule needs", id="neither"),
        pytest.param({"document": "graph: [", "dry_run": True}, "line", id="no document"),
    ],
)
async def test_what_cannot_be_is_refused(
    tmp_path: Path, arguments: dict[str, str], says: str
) -> None:
    async with opened(tmp_path) as (caller, _):
        refused = await caller.refusal("submit_tasks", **{"document": ONE, **arguments})
        assert says in refused["error"]


async def test_a_dead_letter_is_tried_anew_from_a_step_and_purged(tmp_path: Path) -> None:
    async with opened(tmp_path) as (caller, asked):
        task_id = await submit(caller)
        await asked.bench.run(task_id, Outcome.FAILED)
        changed = await caller.data("change_tasks", action="retry", target=task_id)
        assert changed["tasks"][0]["state"] == "queued"
        await asked.bench.run(task_id, Outcome.FAILED)
        early = await caller.refusal("change_tasks", action="fork", target=task_id)
        assert "did not come as far as collect" in early["error"]
        await caller.data("change_tasks", action="retry", target=task_id)
        cancelled = await caller.data("change_tasks", action="cancel", target=task_id, text="no")
        assert cancelled["tasks"][0]["state"] == "cancelled"
        done = await caller.data("change_tasks", action="purge", target=task_id)
        assert done == {"done": "purge", "target": task_id}
        gone = await caller.refusal("show_task", task_id=task_id)
        assert gone["code"] == "task_not_found"


async def test_an_answer_nobody_asked_for_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as (caller, _):
        task_id = await submit(caller)
        refused = await caller.refusal("change_tasks", action="answer", target=task_id, text="yes")
        assert refused["code"] == "conflict"
        whole = await caller.refusal("change_tasks", action="retry", target="g-1")
        assert "only one task" in whole["error"]


async def test_a_machine_takes_nothing_new(tmp_path: Path) -> None:
    async with opened(tmp_path) as (caller, _):
        await submit(caller)
        await caller.data("change_tasks", action="drain", target="here")
        (machine,) = (await caller.data("list_tasks", what="machines"))["machines"]
        assert machine["draining"]
        await caller.data("change_tasks", action="undrain", target="here")
        (machine,) = (await caller.data("list_tasks", what="machines"))["machines"]
        assert not machine["draining"]


async def test_who_may_not_end_anything_may_change_tasks_and_forget_none(tmp_path: Path) -> None:
    async with open_asked(tmp_path) as asked:
        clients = Clients(UNRULED, FakeClock())
        calls = Calls(Metrics().tools, clients)
        server = build_server(TaskTools(asked.service).rows(), calls)
        client = clients.connect("unix")
        clients.allow(client, Access(tier="mutate"))
        token = CURRENT.set(client)
        try:
            async with Client(server) as connected:
                caller = Caller(connected)
                task_id = await submit(caller)
                cancelled = await caller.data("change_tasks", action="cancel", target=task_id)
                assert cancelled["tasks"][0]["state"] == "cancelled"
                for action in ("purge", '"purge"'):
                    refused = await caller.refusal("change_tasks", action=action, target=task_id)
                    assert refused["code"] == "tier_refused"
                assert (await caller.data("show_task", task_id=task_id))["state"] == "cancelled"
        finally:
            CURRENT.reset(token)


async def test_a_graph_is_shared_shown_waited_for_and_cancelled(tmp_path: Path) -> None:
    async with opened(tmp_path) as (caller, asked):
        made = await caller.data("submit_tasks", document=ONE, shared=True, key="k")
        shared = made["shared_id"]
        assert (await caller.data("show_task", task_id=shared))["state"] == "queued"
        own = await submit(caller)
        waited = await caller.data("wait_tasks", ids=[shared, own], seconds=0)
        assert not waited["settled"]
        assert [one["shared_id"] for one in waited["shared"]] == [shared]
        assert [one["task_id"] for one in waited["tasks"]] == [own]
        await caller.data("change_tasks", action="cancel", target=shared, text="no need")
        assert "no need" in asked.front.cancelled[shared]
        asked.front.end(shared)
        waited = await caller.data("wait_tasks", ids=[shared], seconds=0)
        assert waited["settled"]
        assert waited["shared"][0]["succeeded"]
        listed = await caller.data("list_tasks", what="machines")
        assert listed["shared_backlog"]["machines"] == ["one", "other"]
        refused = await caller.refusal(
            "submit_tasks", document=ONE, shared=True, schedule="s", cron="0 6 * * *"
        )
        assert "scheduled" in str(refused)
