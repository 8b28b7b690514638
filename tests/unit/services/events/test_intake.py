from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.errors import StoreError
from iterm_mcp.models.agents import Agent, Registry
from iterm_mcp.models.events import (
    Cost,
    CostBasis,
    Event,
    EventKind,
    EventNumber,
    Kept,
    Links,
    TokenUsage,
)
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.services.events.intake import REMEMBERED_CONVERSATIONS, EventIntake
from iterm_mcp.services.events.prices import PriceSource, read_own_prices

if TYPE_CHECKING:
    from collections.abc import Sequence

AT = datetime(2026, 11, 1, tzinfo=UTC)


class Shelf:
    """A sink in memory."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.full = False

    async def append(self, events: Sequence[Event]) -> Kept:
        if self.full:
            raise StoreError("full", hint="Free some disk space.")
        new = {one.key: one for one in events if one.key not in self.events}
        self.events |= new
        return Kept(len(new), len(events) - len(new), EventNumber(len(self.events)))


class Crew:
    """Registered agents."""

    def __init__(self, *agents: Agent) -> None:
        self.registry = Registry(agents, ())

    async def load(self) -> Registry:
        return self.registry


def agent(name: str, session: str, *teams: str) -> Agent:
    return Agent(
        AgentName(name), "claude", SessionId(session), tuple(TeamName(one) for one in teams), "", AT
    )


def event(
    key: str = "key",
    links: Links | None = None,
    *,
    usage: TokenUsage | None = None,
    cost: Cost | None = None,
    **more: str,
) -> Event:
    return Event(
        key, AT, EventKind.MODEL_ANSWERED, "test", text=more.pop("text", ""),
        links=links or Links(), payload=dict(more), usage=usage, cost=cost,
    )  # fmt: skip


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def intake(shelf: Shelf) -> EventIntake:
    prices = PriceSource(read_own_prices("[m]\ninput = 2\noutput = 4"), lambda: lambda *_: None)
    return EventIntake(shelf, prices, Crew(agent("ada", "S1", "core", "web"), agent("bob", "S2")))


async def placed(intake: EventIntake, shelf: Shelf, links: Links) -> Links:
    key = f"k{len(shelf.events)}"
    await intake.take([event(key, links)])
    return shelf.events[key].links


async def test_the_session_tells_whose_event_it_is(intake: EventIntake, shelf: Shelf) -> None:
    found = await placed(intake, shelf, Links(session="w0t0p0:s1"))
    assert found == Links(session="S1", agent="ada", team="core", kind="claude")


async def test_the_session_is_trusted_more_than_an_inherited_name(
    intake: EventIntake, shelf: Shelf
) -> None:
    found = await placed(intake, shelf, Links(session="S2", agent="ada", kind="codex", team="x"))
    assert found == Links(session="S2", agent="bob", kind="codex", team="x")


async def test_the_name_tells_the_session(intake: EventIntake, shelf: Shelf) -> None:
    found = await placed(intake, shelf, Links(agent="bob"))
    assert (found.session, found.agent) == ("S2", "bob")


async def test_a_conversation_is_remembered(intake: EventIntake, shelf: Shelf) -> None:
    unknown = await placed(intake, shelf, Links(conversation="c1"))
    assert (unknown.session, unknown.agent) == ("", "")
    await placed(intake, shelf, Links(conversation="c1", session="S1"))
    found = await placed(intake, shelf, Links(conversation="c1"))
    assert (found.session, found.agent, found.team) == ("S1", "ada", "core")


async def test_a_conversation_of_nobody_keeps_its_session(
    intake: EventIntake, shelf: Shelf
) -> None:
    await placed(intake, shelf, Links(conversation="c9", session="S9"))
    found = await placed(intake, shelf, Links(conversation="c9"))
    assert (found.session, found.agent) == ("S9", "")


async def test_who_is_gone_from_the_registry_is_still_named(
    intake: EventIntake, shelf: Shelf
) -> None:
    found = await placed(intake, shelf, Links(agent="eve", session="S7"))
    assert (found.session, found.agent, found.team) == ("S7", "eve", "")


async def test_not_all_conversations_are_remembered_for_ever(
    intake: EventIntake, shelf: Shelf
) -> None:
    await placed(intake, shelf, Links(conversation="first", session="S1"))
    many = [
        event(f"m{index}", Links(conversation=f"c{index}", session="S2"))
        for index in range(REMEMBERED_CONVERSATIONS)
    ]
    await intake.take(many)
    assert (await placed(intake, shelf, Links(conversation="first"))).agent == ""


async def test_an_answer_without_a_price_gets_one(intake: EventIntake, shelf: Shelf) -> None:
    reported = Cost(7, CostBasis.REPORTED)
    usage = TokenUsage(input=1_000_000)
    await intake.take(
        [
            event("a", Links(model="m"), usage=usage),
            event("b", Links(model="m"), usage=usage, cost=reported),
            event("c", Links(model="other"), usage=usage, speed="standard"),
            event("d"),
        ]
    )
    assert [shelf.events[key].cost for key in "abcd"] == [
        Cost(2_000_000_000, CostBasis.COMPUTED), reported, Cost(0, CostBasis.UNPRICED), None,
    ]  # fmt: skip


async def test_a_fast_answer_is_priced_as_one() -> None:
    asked: list[str] = []

    def listed(*asked_for: TokenUsage | str | datetime | None) -> None:
        asked.append(str(asked_for[-1]))

    intake = EventIntake(Shelf(), PriceSource((), lambda: listed), Crew())
    usage, links = TokenUsage(input=1), Links(model="m")
    await intake.take(
        [
            event("a", links, usage=usage, speed="fast"),
            event("b", links, usage=usage, speed="standard"),
            event("c", links, usage=usage),
        ]
    )
    assert asked == ["fast", "", ""]


@pytest.mark.parametrize("count", [1, 50])
async def test_no_secret_and_nothing_too_long_is_kept(
    intake: EventIntake, shelf: Shelf, count: int
) -> None:
    secret = "ghp_" + "a1" * 18
    text = "x" * 32_760 + secret + "y" * 40_000  # would be cut within the secret
    kept = await intake.take([event(f"k{index}", text=text) for index in range(count)])
    assert kept == Kept(count, 0, EventNumber(count))
    for one in shelf.events.values():
        assert secret[:8] not in one.text
        assert len(one.text) < 33_000


async def test_a_store_that_is_full_is_told_to_whoever_told(
    intake: EventIntake, shelf: Shelf
) -> None:
    shelf.full = True
    with pytest.raises(StoreError):
        await intake.take([event()])


async def test_the_observer_sees_what_was_kept(shelf: Shelf) -> None:
    seen: list[tuple[list[str], Kept]] = []

    class Seen:
        def events_kept(self, events: Sequence[Event], kept: Kept) -> None:
            seen.append(([one.key for one in events], kept))

    intake = EventIntake(shelf, PriceSource(), Crew(), Seen())
    await intake.take([event("a"), event("a")])
    assert seen == [(["a", "a"], Kept(1, 1, EventNumber(1)))]


async def test_what_an_agent_asks_is_of_the_conversation_that_it_was_in_last(
    intake: EventIntake, shelf: Shelf
) -> None:
    asked = replace(event("a1", Links(agent="ada")), kind=EventKind.PERMISSION_REQUESTED)
    await intake.take([asked, event("e1", Links(conversation="c1", session="S1"))])
    await intake.take([event("e2", Links(conversation="c2", session="S1"))])
    await intake.take([replace(asked, key="a2"), event("e3", Links(agent="ada"))])
    found = {key: shelf.events[key].links.conversation for key in ("a1", "a2", "e3")}
    assert found == {"a1": "", "a2": "c2", "e3": ""}
