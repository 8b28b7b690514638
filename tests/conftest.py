"""Shared by all tests: asyncio is the only loop the product runs on."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

import pytest
import structlog
from hypothesis import settings
from tests import hatching
from tests.covering import measure_this_process_only
from tests.order import spread

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["tests.hanging"]


def _drop(*_: object) -> NoReturn:
    raise structlog.DropEvent


# What a property has been tried with in many runs need not be much in each of them.
# `--hypothesis-profile default` (or `ci`) tries as much as the library would.
# No time is asserted: a machine that is busy is no fault.
settings.register_profile("each run", parent=settings(), max_examples=50, deadline=None)
settings.load_profile("each run")

# Rendering a traceback reads source files, which no test needs and unit tests must not do.
structlog.configure(processors=[_drop])
_LOGGER = type(structlog.get_logger())


# Ten thousand collected tests are no garbage: to look through them as often as Python would by
# itself takes a third of the time of what makes much, such as an application.
gc.set_threshold(50_000, 20, 10)


def pytest_configure() -> None:
    # A run in a script's background ignores these, and so would everything that tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN:
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def pytest_sessionstart(session: pytest.Session) -> None:
    hatching.allow()
    if hasattr(session.config, "workerinput") or not session.config.getoption("numprocesses", 0):
        measure_this_process_only()  # where tests run side by side, the workers must inherit it


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    yield
    if structlog.get_config()["processors"] != [_drop]:
        structlog.configure(processors=[_drop])
        pytest.fail(f"{item.nodeid} leaves logging changed for all after it: see logs_as_before")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        items[:] = spread([(item.nodeid, item) for item in items], workers)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """Give logging back as it was: what a test opens would else write for all after it."""
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)
    for module in [one for name, one in sys.modules.items() if name.startswith("iterm_mcp.")]:
        for logger in [one for one in vars(module).values() if isinstance(one, _LOGGER)]:
            vars(logger).pop("bind", None)  # it keeps the stream that it was first used with
