"""Databases to run the engine on."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.tasks.postgres import open_postgres, programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.tasks.postgres import Postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path."""
    made = Path(tempfile.mkdtemp(prefix="im-eng-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def running_postgres() -> Iterator[Postgres]:
    """A server for all tests that kill only its clients."""
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with open_postgres(binaries) as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server that the test may kill."""
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with open_postgres(binaries) as server:
        yield server


@pytest.fixture
def postgres(running_postgres: Postgres) -> str:
    """The URL of an empty database."""
    return running_postgres.new_database()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database; empty for a file in the engine's folder."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres")
