"""Short runs of the storm of messages: every misfortune, and no receipt wrong.

Their seconds are those of agents that start, and of a daemon that starts again and looks for what
it may have typed.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.stress.messages import Plan, Storm
from tests.stress.storm_messages import ORDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.homes import Home

pytestmark = pytest.mark.headless


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for the agents, whose path leaves room for sockets."""
    path = Path(tempfile.mkdtemp(dir="/tmp", prefix="im-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def test_no_message_is_lost_or_comes_twice_when_the_daemon_is_killed(
    live_home: Home, folder: Path
) -> None:
    plan = Plan(agents=2, messages=4, kills=1, drops=0, seed=5)

    outcome = await Storm(live_home, folder, plan).run()

    assert outcome.account.faults == []
    assert (outcome.sent, outcome.faults["kill -9 of the daemon"]) == (4, 1)
    assert sum(outcome.account.outcomes.values()) == 4


@pytest.mark.long
async def test_no_misfortune_of_agents_loses_or_repeats_a_message(
    live_home: Home, folder: Path
) -> None:
    plan = Plan(agents=8, messages=32, kills=1, drops=1, seed=1, each=True)

    outcome = await Storm(live_home, folder, plan).run()

    assert outcome.account.faults == []
    assert set(ORDERS) <= set(outcome.faults), "every misfortune was brought about"
    assert sum(outcome.account.outcomes.values()) == 32
