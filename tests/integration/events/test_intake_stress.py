"""A short run of the storm of intake: the real daemon is killed, and what was told is kept once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.stress.intake import Account, tell_and_kill

if TYPE_CHECKING:
    from tests.integration.homes import Home

pytestmark = pytest.mark.headless


@pytest.mark.long
async def test_what_agents_told_a_daemon_that_was_killed_is_kept_once(live_home: Home) -> None:
    account = await tell_and_kill(live_home, kills=2, agents=3, seed=3)

    assert account.faults() == []
    assert account.kills == 2
    assert set(account.owed.values()) == {"spool", "http", "transcript", "otlp"}


def test_an_account_tells_what_is_lost_twice_there_and_of_nobody() -> None:
    account = Account(tried={"a", "b", "c"}, owed={"a": "spool", "b": "http"})
    account.kept.update(["b", "b", "c", "d"])

    assert account.faults() == ["1 lost: a", "1 twice: b", "1 never told: d"]
