from __future__ import annotations

import asyncio
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

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
from iterm_mcp.telemetry.meter import LATENCY_BUCKETS, OUTCOMES
from iterm_mcp.telemetry.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric


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


def test_how_long_it_takes_is_told_from_the_first_time_on(
    meter: Meter, registry: CollectorRegistry
) -> None:
    meter.declare("dig")
    counted = partial(registry.get_sample_value, "job_duration_seconds_count", {"name": "dig"})
    assert counted() is None
    with meter.measure("dig"):
        meter.declare("dig")  # once more changes nothing
    assert counted() == 1


def test_an_outcome_that_was_not_expected_is_told_once_it_was_seen() -> None:
    registry = CollectorRegistry()
    meter = Meter(registry, "job", "jobs", "name", "jobs", ("ok",))
    for _ in range(2):
        with pytest.raises(StoreError), meter.measure("dig"):
            raise StoreError("full")
    value = registry.get_sample_value
    assert value("jobs_total", {"name": "dig", "outcome": "ok"}) == 0
    assert value("jobs_total", {"name": "dig", "outcome": "store"}) == 2
    assert value("jobs_total", {"name": "dig", "outcome": "timeout"}) is None


def test_seconds_fall_into_the_buckets_that_the_client_library_would_put_them_in() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    spread = Spread(LATENCY_BUCKETS)
    histogram = Histogram("h", "H.", buckets=LATENCY_BUCKETS, registry=theirs)
    for seconds in (*LATENCY_BUCKETS, 0.0, 0.00011, 0.3, 31.0, 1e6):
        spread.observe(seconds)
        histogram.observe(seconds)

    class Told(Collector):
        def collect(self) -> Iterator[Metric]:
            family = HistogramMetricFamily("h", "H.", labels=[])
            spread.tell(family, [])
            yield family

    ours.register(Told())
    assert generate_latest(ours) == generate_latest(theirs)
