"""A short load of the HTTP interface; all of it is ``python -m tests.stress.http``."""

from __future__ import annotations

import pytest
from rich.console import Console
from tests.stress.http import Plan, run

pytestmark = [pytest.mark.headless, pytest.mark.long]


async def test_what_is_too_much_is_told_to_come_again_and_then_all_is_as_before() -> None:
    plan = Plan(
        1.0, (20.0,), 1000.0, flood_seconds=1.0, edge_seconds=0.5, edge_rate=20.0, most_at_once=24
    )
    phases = await run(plan, Console(quiet=True))

    assert [one for phase in phases for one in phase.faults()] == []
    assert phases[1].statuses == {200: 20}
    assert phases[2].statuses[503] > 0
    assert phases[3].statuses == {200: 10}
