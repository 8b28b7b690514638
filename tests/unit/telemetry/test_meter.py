from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from iterm_mcp.errors import NotFoundError, RefusedError
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
        (RefusedError("no"), "refused"),
        (asyncio.CancelledError(), "cancelled"),
        (ZeroDivisionError(), "internal"),
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
