"""A short run of the stress test, so that it does not rot; and its judgement."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.stress.churn import Churn, Look, faults

if TYPE_CHECKING:
    from tests.integration.homes import Home

FLAT = Look(0.0, 0, 0, 50 << 20, 10, 0)


async def test_a_short_churn_leaves_the_host_as_it_was(own_home: Home) -> None:
    seen = [look async for look in Churn(own_home, 60, 8_000_000, 2).run()]
    assert (seen[-1].opened, seen[-1].printed >= 8_000_000) == (60, True)
    assert faults(seen) == []


def test_growth_in_the_later_half_is_a_fault() -> None:
    assert faults([FLAT, FLAT, FLAT]) == []
    grown = replace(FLAT, memory=90 << 20, descriptors=11, children=2)
    assert faults([FLAT, grown, grown]) == ["2 child processes are left"]
    assert len(faults([FLAT, FLAT, grown])) == 3
