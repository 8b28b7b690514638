"""What is shown of agents that work, moment by moment, beside what they really do."""

from __future__ import annotations

import pytest
from tests.ledgers import live
from tests.ledgers.replay import MEANT, in_words, wrong_ready

pytestmark = pytest.mark.headless


async def test_an_agent_is_never_shown_ready_while_it_works() -> None:
    table = await live.run({"claude": ("Think. [[work 3]]",)})

    assert wrong_ready(table) == 0, in_words(table)
    assert {really for really, _ in table} >= {"working", "ready"}
    right = sum(count for (really, shown), count in table.items() if shown in MEANT[really])
    assert right > sum(table.values()) / 2, in_words(table)


@pytest.mark.long
@pytest.mark.timeout(120)
async def test_no_kind_of_agent_is_shown_ready_while_it_works_or_asks() -> None:
    table = await live.run()

    assert wrong_ready(table) == 0, in_words(table)
    assert {really for really, _ in table} >= set(live.REALLY)
