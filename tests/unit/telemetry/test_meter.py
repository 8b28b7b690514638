from __future__ import annotations

import asyncio
import re
from pathlib import Path

import anyio
import pytest
from prometheus_client import CollectorRegistry

import iterm_mcp
from iterm_mcp.errors import (
    ConflictError,
    InvalidRequestError,
    ItermMcpError,
    NotFoundError,
    RefusedError,
    StoreError,
    TerminalError,
    TerminalRejectedError,
    TerminalTimeoutError,
    TerminalUnavailableError,
)
from iterm_mcp.telemetry import Meter
from iterm_mcp.telemetry.meter import OUTCOMES


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def meter(registry: CollectorRegistry) -> Meter:
    return Meter(registry, "job", "jobs", "name", "jobs")


def test_every_outcome_of_a_declared_name_stands_at_zero(
    meter: Meter, registry: CollectorRegistry
) -> None:
    meter.declare("dig")

    shown = {
        outcome: registry.get_sample_value("jobs_total", {"name": "dig", "outcome": outcome})
        for outcome in OUTCOMES
    }

    assert shown == dict.fromkeys(OUTCOMES, 0.0)
    assert {"ok", "internal", "cancelled", "not_found", "timeout"} <= set(OUTCOMES)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NotFoundError("spade", "blue"), "not_found"),
        (InvalidRequestError("no"), "invalid"),
        (ConflictError("no"), "conflict"),
        (RefusedError("no"), "refused"),
        (StoreError("no"), "store"),
        (TerminalUnavailableError("no"), "unavailable"),
        (TerminalTimeoutError("no"), "timeout"),
        (TerminalRejectedError("no"), "rejected"),
        (TerminalError("no"), "error"),
        (ItermMcpError("no"), "error"),
        (asyncio.CancelledError(), "cancelled"),
        (ZeroDivisionError(), "internal"),
        (KeyboardInterrupt(), "internal"),
    ],
)
def test_what_ends_the_block_names_its_outcome_and_goes_on(
    meter: Meter, registry: CollectorRegistry, error: BaseException, outcome: str
) -> None:
    with pytest.raises(type(error)), meter.measure("dig"):
        raise error

    value = registry.get_sample_value
    assert value("jobs_total", {"name": "dig", "outcome": outcome}) == 1
    assert value("jobs_total", {"name": "dig", "outcome": "ok"}) == 0
    assert value("job_duration_seconds_count", {"name": "dig"}) == 1
    assert value("jobs_in_flight", {"name": "dig"}) == 0


def test_work_under_way_is_in_flight(meter: Meter, registry: CollectorRegistry) -> None:
    with meter.measure("dig"), meter.measure("dig"):
        assert registry.get_sample_value("jobs_in_flight", {"name": "dig"}) == 2

    assert registry.get_sample_value("jobs_in_flight", {"name": "dig"}) == 0


async def test_work_that_is_given_up_is_no_longer_in_flight(
    meter: Meter, registry: CollectorRegistry
) -> None:
    started = anyio.Event()

    async def dig() -> None:
        with meter.measure("dig"):
            started.set()
            await anyio.sleep_forever()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(dig)
            await started.wait()
            assert registry.get_sample_value("jobs_in_flight", {"name": "dig"}) == 1
            group.cancel_scope.cancel()

    labels = {"name": "dig", "outcome": "cancelled"}
    assert registry.get_sample_value("jobs_in_flight", {"name": "dig"}) == 0
    assert registry.get_sample_value("jobs_total", labels) == 1


def test_no_module_brings_an_outcome_that_depends_on_whether_it_was_imported() -> None:
    folder = Path(iterm_mcp.__file__).parent
    brought = {
        outcome
        for path in folder.rglob("*.py")
        for outcome in re.findall(r'^ {4}outcome = "(\w+)"', path.read_text("utf-8"), re.MULTILINE)
    }

    assert brought <= set(OUTCOMES)
    assert len(brought) > 5
