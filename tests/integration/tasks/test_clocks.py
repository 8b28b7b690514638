"""Machines whose clocks differ judge leases by the database's clock alone."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.tasks.engine.file_work import job
from tests.integration.tasks.postgres import open_postgres, programs
from tests.waiting import eventually

from iterm_mcp.clock import SystemClock
from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.tasks.changes import Changes
from iterm_mcp.tasks.claiming import claim
from iterm_mcp.tasks.database import open_task_database
from iterm_mcp.tasks.desk import Desk
from iterm_mcp.tasks.engine import EngineOptions
from iterm_mcp.tasks.lease import Lease
from iterm_mcp.tasks.limits import AdmitAll, DispatchLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime

HOUR = timedelta(hours=1)
LEASE_SECONDS = 4.0


class ShiftedClock(SystemClock):
    """A clock that goes wrong by a fixed time."""

    def __init__(self, shift: timedelta) -> None:
        self._shift = shift

    def now(self) -> datetime:
        return super().now() + self._shift


@pytest.fixture
def url() -> Iterator[str]:
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with open_postgres(binaries) as server:
        yield server.new_database()


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="im-clk-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@asynccontextmanager
async def machine(
    url: str, folder: Path, name: str, shift: timedelta
) -> AsyncIterator[tuple[Desk, Lease]]:
    """Take part as a machine whose clock goes wrong."""
    options = EngineOptions(
        url, str(folder), name, clock=ShiftedClock(shift), lease_seconds=LEASE_SECONDS
    )
    async with open_task_database(url) as database:
        desk = Desk(database, options, Changes(options.tell), name)
        lease = Lease(options, database, desk, name)
        await lease.enrol()
        yield desk, lease


async def take(desk: Desk, lease: Lease) -> int:
    """Claim what there is; return how much that was."""
    holder = lease.holder
    claimed = await desk.write(lambda at: claim(at, holder, DispatchLimits(), AdmitAll()))
    return len(claimed.attempts)


async def alive(desk: Desk) -> dict[str, bool]:
    return {one.name: one.alive for one in await desk.machines()}


async def beats(desk: Desk) -> list[datetime]:
    return [one.beat_at for one in await desk.machines() if one.beat_at is not None]


async def test_a_lease_holds_and_ends_whatever_the_machines_clocks_say(
    url: str, folder: Path
) -> None:
    async with (
        machine(url, folder, "behind", -HOUR) as (behind, behind_lease),
        machine(url, folder, "ahead", HOUR) as (ahead, ahead_lease),
        anyio.create_task_group() as group,
    ):
        (task_id,) = (await behind.submit(GraphSpec("one", (job("one"),)), "ann")).tasks.values()
        assert await take(behind, behind_lease) == 1
        kept = anyio.CancelScope()
        group.start_soon(ahead_lease.keep)
        group.start_soon(_keep, behind_lease, kept)
        first = min(await beats(ahead))
        # Longer than a lease: each has renewed its own, and none has taken the other's.
        await eventually(
            lambda: beats(ahead),
            lambda found: min(found) > first + timedelta(seconds=LEASE_SECONDS * 1.2),
            within_seconds=60,
        )
        assert await alive(ahead) == await alive(behind) == {"ahead": True, "behind": True}
        assert (await ahead.get(task_id)).state == "starting"
        kept.cancel()

        await eventually(lambda: alive(ahead), lambda found: not found["behind"], within_seconds=60)
        found = await eventually(
            lambda: ahead.get(task_id), lambda one: one.state == "queued", within_seconds=60
        )
        assert [one.outcome for one in found.attempts] == ["lost"]
        assert not behind_lease.trusted
        group.cancel_scope.cancel()


async def _keep(lease: Lease, scope: anyio.CancelScope) -> None:
    with scope:
        await lease.keep()
