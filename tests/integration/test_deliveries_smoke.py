"""A short run of the stress of messages: some faults, one kill, and nothing lost or twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.stress.messages import Storm

if TYPE_CHECKING:
    from tests.integration.homes import Home

pytestmark = pytest.mark.headless


async def test_no_message_is_lost_or_comes_twice_when_the_daemon_is_killed(
    live_home: Home,
) -> None:
    outcome = await Storm(live_home, agents=2, messages=8, kills=1, seed=5).run()

    assert outcome.faults == []
    assert (outcome.sent, outcome.kills) == (8, 1)
    assert sum(outcome.stages.values()) == 8
