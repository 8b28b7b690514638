"""Short runs of the storm of tasks: all settle, none is begun twice, and nothing is left over.

Their seconds are those of agents that start, and of a daemon that starts again.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.homes import Home, open_home
from tests.integration.tasks.postgres import open_postgres, programs
from tests.stress.task_site import Site
from tests.stress.task_storm import DAEMON, DATABASE, HOST, SORTS, Plan, TaskStorm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.integration.tasks.postgres import Postgres

pytestmark = pytest.mark.headless

FEW = ("quick", "fails", "claude-tree", "cancelled", "leaves", "quick")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path leaves room for sockets."""
    path = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    """A home whose daemon is killed."""
    async with open_home("headless") as one:
        yield one


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A server of the test's own."""
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with open_postgres(binaries) as one:
        yield one


async def test_a_killed_daemon_begins_nothing_twice_and_leaves_nothing(
    home: Home, folder: Path
) -> None:
    plan = Plan(kills=2, at_once=4, victims=(DAEMON,), seed=3, most=6, sorts=FEW)

    outcome = await TaskStorm(Site(home, folder, plan.at_once), plan).run()

    assert outcome.faults == []
    assert outcome.account.tasks == 6
    assert outcome.killed[DAEMON] >= 2


@pytest.mark.long
async def test_a_database_that_falls_costs_nothing(
    home: Home, folder: Path, server: Postgres
) -> None:
    plan = Plan(kills=2, at_once=4, victims=(DATABASE,), seed=1, most=6, sorts=FEW)

    outcome = await TaskStorm(Site(home, folder, plan.at_once, server.url), plan, server).run()

    assert outcome.faults == []
    assert outcome.account.tasks == 6
    assert outcome.killed[DATABASE] >= 1


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_nothing_that_is_killed_costs_anything(
    home: Home, folder: Path, database: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("server") if database == "postgres" else None
    victims = (DAEMON, HOST) if server is None else (DAEMON, HOST, DATABASE)
    plan = Plan(kills=20, at_once=20, victims=victims, seed=2)
    url = "" if server is None else server.url

    outcome = await TaskStorm(Site(home, folder, plan.at_once, url), plan, server).run()

    assert outcome.faults == []
    assert set(outcome.sorts) == set(SORTS)
