from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.events.story import story
from tests.unit.services.events.told import answer, at, call, prompt, told

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.accounts import make_account
from iterm_mcp.services.events.conversations import Conversations
from iterm_mcp.services.events.graphs import make_graph
from iterm_mcp.store.events import open_event_store
from iterm_mcp.testing.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from iterm_mcp.models.events import Event
    from iterm_mcp.store.events import EventStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EventStore]:
    async with open_event_store(str(tmp_path / "events"), FakeClock(at(9000))) as opened:
        yield opened


@pytest.fixture
def conversations(store: EventStore) -> Conversations:
    return Conversations(store, FakeClock(at(9000)))


def of(name: str, events: list[Event], agent: str = "ada") -> list[Event]:
    """Return the same events as another conversation's."""
    return [
        replace(
            one, key=f"{name}/{one.key}", links=replace(one.links, conversation=name, agent=agent)
        )
        for one in events
    ]


async def test_a_conversation_is_what_its_events_tell(
    store: EventStore, conversations: Conversations
) -> None:
    await store.append([*story(), *of("c2", story())])
    assert await conversations.account("c1") == make_account(story())
    assert await conversations.graph("c1") == make_graph(story())
    assert len((await conversations.timeline("c1")).bars) == 10
    comparison = await conversations.compare(["c1", "c2"])
    assert comparison.similarity == (1.0, 1.0)


async def test_of_a_very_long_one_the_newest_events_count(
    store: EventStore, conversations: Conversations
) -> None:
    many = [one for index in range(700) for one in call(f"c{index}", index, index + 0.5)]
    await store.append([prompt(0), *many])
    whole = await conversations.events("c1")
    assert (len(whole.events), whole.complete) == (1401, True)
    part = await conversations.events("c1", most=1000)
    assert (len(part.events), part.complete) == (1000, False)
    assert part.events == whole.events[:1000]


async def test_its_cost_is_told_from_both_sides(
    store: EventStore, conversations: Conversations
) -> None:
    said = told(EventKind.METRIC_REPORTED, 2, name="answer.cost", value=2e-9, unit="USD")
    await store.append([*of("dear", [answer(1, nano=3), said]), *of("free", [prompt(0)])])
    found = await conversations.reconciliation("dear")
    assert (found.computed, found.reported, found.difference_percent) == (3, 2, 50)
    free = await conversations.reconciliation("free")
    assert (free.answers, free.nanodollars, free.reported) == (0, 0, None)


async def test_one_that_nobody_knows_is_told(conversations: Conversations) -> None:
    with pytest.raises(NotFoundError) as caught:
        await conversations.account("nobody")
    assert caught.value.code == "conversation_not_found"


async def test_conversations_are_listed_newest_first_with_their_sums(
    store: EventStore, conversations: Conversations
) -> None:
    started = told(EventKind.CONVERSATION_STARTED, 0, directory="/w", title="named")
    await store.append(
        [
            *of("old", [started, answer(1, nano=5), answer(3700, nano=6)]),
            *of("new", [prompt(7300)], agent="bob"),
            *of("", [prompt(10)]),
        ]
    )
    new, old = await conversations.newest(at(0))
    assert (new.conversation, new.agent, new.kind, new.title) == ("new", "bob", "claude", "")
    assert (old.conversation, old.title, old.directory) == ("old", "named", "/w")
    assert (old.sums.count, old.sums.computed_nanodollars, old.sums.usage.total) == (3, 11, 40)
    assert old.began_at < old.last_at < new.last_at
    assert [one.conversation for one in await conversations.newest(at(0), agent="bob")] == ["new"]
    assert [one.conversation for one in await conversations.newest(at(7200))] == ["new"]
    assert len(await conversations.newest(at(0), limit=1)) == 1
    assert await conversations.newest(at(0), kind="codex") == ()
