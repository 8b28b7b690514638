"""When the services of models take orders again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.agents import Agent
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting
from iterm_mcp.services.states.service import AgentStateService
from iterm_mcp.services.tasks.quotas import LONGEST, UNTOLD, Quotas, limit_ends
from iterm_mcp.testing import FakeClock
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json
    from iterm_mcp.store import Store

NOW = START
ADA = AgentName("ada")


def limited(until: Json = None, **more: Json) -> dict[str, Json]:
    told = {} if until is None else {"until": until}
    return {"what": "rate_limited", **told, **more}


@pytest.mark.parametrize(
    ("until", "seconds"),
    [
        (NOW.timestamp() + 60, 60),
        ((NOW + timedelta(hours=2)).isoformat(), 7200),
        ("5 minutes", 300),
        ("1h 30m", 5400),
        ("2 hrs", 7200),
        ("20s", 20),
        ("3 days 2 hours", 266_400),
    ],
    ids=["epoch", "iso", "minutes", "both", "short", "seconds", "days"],
)
def test_an_end_is_understood_as_agents_tell_it(until: Json, seconds: int) -> None:
    assert limit_ends(limited(until), NOW) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(("until", "hour", "minute"), [("3pm", 15, 0), ("12:30 AM", 0, 30),
                                                       ("15:45", 15, 45)])  # fmt: skip
def test_an_hour_is_the_next_one_of_this_machine_s_day(until: str, hour: int, minute: int) -> None:
    found = limit_ends(limited(until), NOW)

    assert found is not None
    local = found.astimezone()
    assert (local.hour, local.minute) == (hour, minute)
    assert timedelta() < found - NOW <= timedelta(days=1, hours=2)


def test_an_end_in_what_a_service_said_is_found() -> None:
    told = limited(text=f"limit reached|{int(NOW.timestamp()) + 90}")

    assert limit_ends(told, NOW) == NOW + timedelta(seconds=90)


@pytest.mark.parametrize(
    "until",
    ["soon", "", "5", "99:99", "25:00", "2026-13-45T99:99:99", True, 1e300, 5, "2020-01-01T00:00"],
)
def test_what_means_nothing_or_is_over_is_not_believed(until: Json) -> None:
    assert limit_ends(limited(until), NOW) is None


@given(st.text(max_size=60) | st.floats() | st.integers() | st.booleans() | st.none())
def test_whatever_is_told_an_end_is_soon_and_to_come(until: Json) -> None:
    found = limit_ends(limited(until), NOW)

    assert found is None or NOW < found <= NOW + LONGEST


def test_a_limit_without_an_end_holds_for_a_moment() -> None:
    quotas = Quotas()
    quotas.refused("claude", "", limited(), NOW)

    assert quotas.until("claude", "any", NOW) == NOW + UNTOLD
    assert quotas.until("claude", "", NOW + UNTOLD) is None
    assert quotas.until("codex", "", NOW) is None


def test_the_longest_of_several_limits_counts_until_it_is_taken_back() -> None:
    quotas = Quotas()
    quotas.refused("claude", "a", limited("10 minutes"), NOW)
    quotas.refused("claude", "a", limited("5 minutes"), NOW)
    quotas.refused("claude", "b", {"what": "overloaded"}, NOW)

    assert quotas.until("claude", "a", NOW) == NOW + timedelta(minutes=10)
    assert quotas.until("claude", "b", NOW) is None
    quotas.refused("claude", "a", {}, NOW)
    assert quotas.until("claude", "a", NOW) is None


async def test_limits_are_heard_of_from_what_is_seen_of_agents(store: Store) -> None:
    clock = FakeClock()
    states = AgentStateService(store, clock)
    await store.agents.add_agent(
        Agent(ADA, "claude", SessionId("s"), teams=(), role="", created_at=clock.now())
    )
    quotas = Quotas(lambda agent: f"{agent}'s")
    with anyio.fail_after(10):
        async with quotas.following(states, store.agents):
            for fact, value in (
                (Fact.ACTIVITY, {"is": "idle"}),
                (Fact.TROUBLE, limited("5 minutes")),
            ):
                seen = Sighting(fact, value, ObservationSource.REGISTRY)
                await states.record(ADA, [seen])
            while quotas.until("claude", "ada's", clock.now()) is None:  # noqa: ASYNC110
                await anyio.sleep(0.001)

    assert quotas.until("claude", "ada's", clock.now()) == datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
    assert quotas.until("claude", "bob's", clock.now()) is None
