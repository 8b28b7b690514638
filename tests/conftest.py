"""Shared by all tests: asyncio is the only loop the product runs on."""

from __future__ import annotations

from typing import NoReturn

import pytest
import structlog


def _drop(*_: object) -> NoReturn:
    raise structlog.DropEvent


# Rendering a traceback reads source files, which no test needs and unit tests must not do.
structlog.configure(processors=[_drop])


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
