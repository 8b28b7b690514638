"""A short run of the stress of messages: one kill, and nothing lost or twice.

Its seconds are those of a daemon that starts again and looks for what it may have typed.
"""

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
    outcome = await Storm(live_home, agents=2, messages=4, kills=1, seed=5).run()

    assert outcome.faults == []
    assert (outcome.sent, outcome.kills) == (4, 1)
    assert sum(outcome.stages.values()) == 4
