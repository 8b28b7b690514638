"""The last resort against a test that hangs where its timeout cannot end it.

A test's timeout raises in the test once. What waits for ever in the cleaning up after that, or
where no exception can reach it, would hold its worker until somebody comes. The worker is ended
instead, after all its threads' tracebacks were printed: xdist calls the test failed by name, and
puts another worker in its place.
"""

from __future__ import annotations

import faulthandler
from typing import TYPE_CHECKING

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key

if TYPE_CHECKING:
    from collections.abc import Generator

PATIENCE = 2
"""After how many times its timeout a test is given up, in its run and again in its teardown."""


def seconds_of(item: pytest.Item) -> float:
    """Return the timeout of a test; 0 if it has none."""
    mark = item.get_closest_marker("timeout")
    if mark is None:
        return float(item.config.getoption("timeout", None) or item.config.getini("timeout") or 0)
    return float(mark.args[0] if mark.args else mark.kwargs.get("timeout", 0))


def _arm(item: pytest.Item) -> None:
    seconds = PATIENCE * seconds_of(item)
    if seconds > 0:
        # Descriptor 2 is captured: this one pytest keeps for such messages.
        stderr = item.config.stash[fault_handler_stderr_fd_key]
        faulthandler.dump_traceback_later(seconds, exit=True, file=stderr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    _arm(item)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    _arm(item)  # pytest itself disarms when the test fails, be it by its timeout
