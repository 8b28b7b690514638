"""Two daemons with homes of their own share a database, and one of them dies for good."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread
from tests.integration.homes import open_home
from tests.integration.tasks.postgres import open_postgres, programs
from tests.stress.task_site import Site
from tests.waiting import eventually

from iterm_mcp.models.tasks import ACTIVE, SETTLED, Outcome, TaskState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.integration.tasks.postgres import Postgres
    from tests.stress.task_account import KeptTask

pytestmark = [pytest.mark.headless, pytest.mark.long, pytest.mark.timeout(600)]

AT_ONCE = 6
LEASE_SECONDS = 30
LONG_LEASE_SECONDS = 180
"""So long a daemon may be away: more than it takes to start on a machine that is very busy."""

SETTLE_SECONDS = 300.0


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A server of the test's own."""
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with open_postgres(binaries) as one:
        yield one


@asynccontextmanager
async def open_site(url: str, lease_seconds: int = LEASE_SECONDS) -> AsyncIterator[Site]:
    """Make a home with a daemon that takes tasks; end all at the end."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-"))
    try:
        async with open_home("headless") as home:
            home.environ["ITERM_MCP_MACHINE_LEASE_SECONDS"] = str(lease_seconds)
            site = Site(home, folder, AT_ONCE, url)
            await to_thread.run_sync(site.prepare)
            try:
                await start(site)
                yield site
            finally:
                with anyio.CancelScope(shield=True):
                    await to_thread.run_sync(site.close)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def start(site: Site) -> None:
    await to_thread.run_sync(site.start)
    await eventually(site.is_up, within_seconds=90)


async def tasks_of(site: Site) -> dict[str, KeptTask]:
    return await to_thread.run_sync(site.read) or {}


async def nothing_is_left(site: Site) -> None:
    log = await to_thread.run_sync((site.folder / "daemon.out").read_text)
    assert not site.has_ended(), log
    await eventually(site.left, lambda left: not left, within_seconds=150)


def document(site: Site) -> str:
    """Return tasks whose first attempts take for ever, and all others no time."""
    note = f'echo "$ITERM_MCP_ATTEMPT %s $(date +%%s.%%N)" >>{site.starts}'
    for_ever = 'case "$ITERM_MCP_ATTEMPT" in *~1) sleep 900;; esac'
    run = f"{note % 'began'}\n{for_ever}\n{note % 'ended'}"
    tasks: dict[str, Any] = {f"command-{number}": {"run": run} for number in range(3)}
    tasks["agent"] = {"kind": "claude", "prompt": "[[work 60]]"}
    tasks["tree"] = {
        "kind": "claude", "prompt": "[[work 60]]", "worktree": True,
        "directory": str(site.repository),
    }  # fmt: skip
    return json.dumps({"graph": "moved", "defaults": {"directory": str(site.work)}, "tasks": tasks})


async def test_what_a_dead_daemon_worked_on_is_done_by_another_and_ended_when_it_is_back(
    server: Postgres,
) -> None:
    async with open_site(server.url) as first:
        made = await first.ask("POST", "/tools/submit_tasks", document=document(first))
        await eventually(
            lambda: first.own().began, lambda began: len(began) == 5, within_seconds=90
        )
        async with open_site(server.url) as other:
            await other.ask("POST", "/tools/list_tasks")
            await to_thread.run_sync(first.kill)
            kept = await eventually(
                lambda: tasks_of(other),
                lambda found: found and all(one.state in SETTLED for one in found.values()),
                within_seconds=SETTLE_SECONDS,
            )
            told = await other.ask("POST", "/tools/show_task", task_id=made["tasks"]["command-0"])
            orphans = {one.environ()["ITERM_MCP_ATTEMPT"] for one in first.processes()}

            await start(first)
            for site in (first, other):
                await nothing_is_left(site)
            later = await tasks_of(other)
            began = first.own().began | other.own().began

    assert {one.state for one in kept.values()} == {TaskState.SUCCEEDED}
    assert later == kept, "who comes back late writes nothing"
    attempts = [one for task in kept.values() for one in task.attempts]
    outcomes = {task.name: [one.outcome for one in task.attempts] for task in kept.values()}
    moved = [Outcome.LOST, Outcome.SUCCEEDED]
    assert [outcomes[f"command-{number}"] for number in range(3)] == [moved] * 3
    assert all(one in ([Outcome.SUCCEEDED], moved) for one in outcomes.values())
    assert {one.attempt_id for one in attempts} == set(began)
    assert all(len(one) == 1 for one in began.values())
    assert len({one.machine for one in attempts}) == 2
    assert "was not heard of" in told["attempts"][0]["reason"]
    assert {f"{made['tasks'][f'command-{number}']}~1" for number in range(3)} <= orphans


async def test_a_dead_daemon_that_is_back_in_time_goes_on_with_its_own(server: Postgres) -> None:
    lease = LONG_LEASE_SECONDS
    async with open_site(server.url, lease) as first, open_site(server.url, lease) as other:
        note = f'echo "$ITERM_MCP_ATTEMPT began $(date +%s.%N)" >>{first.starts}'
        tasks = {f"job-{number}": {"run": f"{note}\nsleep 4"} for number in range(2 * AT_ONCE)}
        graph = {"graph": "shared", "defaults": {"directory": str(first.work)}, "tasks": tasks}
        await first.ask("POST", "/tools/submit_tasks", document=json.dumps(graph))
        await eventually(
            lambda: first.own().began, lambda began: len(began) >= AT_ONCE, within_seconds=90
        )
        await to_thread.run_sync(first.kill)
        counts = await to_thread.run_sync(other.counts) or {}
        await start(first)
        kept = await eventually(
            lambda: tasks_of(other),
            lambda found: found and all(one.state in SETTLED for one in found.values()),
            within_seconds=SETTLE_SECONDS,
        )
        for site in (first, other):
            await nothing_is_left(site)
        began = first.own().began

    assert sum(counts.get(one, 0) for one in ACTIVE) <= AT_ONCE
    assert {one.state for one in kept.values()} == {TaskState.SUCCEEDED}
    assert [len(one.attempts) for one in kept.values()] == [1] * 2 * AT_ONCE
    assert [len(one) for one in began.values()] == [1] * 2 * AT_ONCE
