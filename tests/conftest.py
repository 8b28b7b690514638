"""Shared by all tests: asyncio is the only loop the product runs on."""

from __future__ import annotations

from typing import NoReturn

import pytest
import structlog
from tests.covering import measure_this_process_only


def _drop(*_: object) -> NoReturn:
    raise structlog.DropEvent


# Rendering a traceback reads source files, which no test needs and unit tests must not do.
structlog.configure(processors=[_drop])


def pytest_sessionstart(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput") or not session.config.getoption("numprocesses", 0):
        measure_this_process_only()  # where tests run side by side, the workers must inherit it


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
