from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.services.events import told

from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError, RefusedError
from iterm_mcp.models.annotations import AnnotationId
from iterm_mcp.models.callers import Caller
from iterm_mcp.models.event_queries import EventPage
from iterm_mcp.models.events import EventNumber, KeptEvent
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.events.annotations import Annotations
from iterm_mcp.store import annotations as kept_annotations
from iterm_mcp.store import open_store
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import Any

    from iterm_mcp.models.event_queries import EventQuery

PERSON = Caller(None, "desk")
ADA = Caller(AgentName("ada"))
BOB = Caller(AgentName("bob"))


@pytest.fixture
async def notes_on(tmp_path: Path) -> AsyncIterator[Annotations]:
    clock = FakeClock()
    async with open_store(str(tmp_path / "state.db"), clock) as store:
        yield Annotations(store.annotations, clock)


async def ids(notes_on: Annotations, **wanted: Any) -> list[int]:  # noqa: ANN401
    return [one.annotation_id for one in await notes_on.find(**wanted)]


async def test_what_is_said_is_kept_with_who_said_it(notes_on: Annotations) -> None:
    made = await notes_on.add(ADA, first=7, text="Odd", tags=["Bug", "a/b", "bug"])
    (found,) = await notes_on.find()
    assert found == made
    assert (found.author, found.tags, found.first, found.last) == ("ada", ("a/b", "bug"), 7, 7)


async def test_annotations_are_found_by_all_that_they_are(notes_on: Annotations) -> None:
    one = (await notes_on.add(ADA, first=5, last=9, text="Flaky test", tags=["ci"])).annotation_id
    two = (await notes_on.add(BOB, conversation="c1", bookmark=True)).annotation_id
    three = (await notes_on.add(BOB, conversation="c1", first=9, text="Flaky again")).annotation_id
    assert await ids(notes_on) == [three, two, one]
    assert await ids(notes_on, conversation="c1") == [three, two]
    assert await ids(notes_on, event=9) == [three, one]
    assert await ids(notes_on, event=5) == [one]
    assert await ids(notes_on, event=10) == []
    assert await ids(notes_on, tag="CI") == [one]
    assert await ids(notes_on, tag="c") == []
    assert await ids(notes_on, bookmark=True) == [two]
    assert await ids(notes_on, bookmark=False) == [three, one]
    assert await ids(notes_on, words="flak") == [three, one]
    assert await ids(notes_on, words='flaky "test" OR') == []
    assert await ids(notes_on, words="FLAKY test") == [one]
    assert await ids(notes_on, words="ci") == [one]
    assert await ids(notes_on, words="bob") == [three, two]
    assert await ids(notes_on, most=1) == [three]


async def test_what_is_removed_is_found_no_more(notes_on: Annotations) -> None:
    made = await notes_on.add(ADA, first=1, text="gone soon")
    await notes_on.remove(ADA, made.annotation_id)
    assert await ids(notes_on, words="gone") == []
    with pytest.raises(NotFoundError):
        await notes_on.remove(ADA, made.annotation_id)
    after = await notes_on.add(ADA, first=1, text="new")
    assert after.annotation_id > made.annotation_id


async def test_agents_remove_their_own_alone_and_people_all(notes_on: Annotations) -> None:
    made = await notes_on.add(ADA, first=1, text="mine")
    with pytest.raises(RefusedError):
        await notes_on.remove(BOB, made.annotation_id)
    await notes_on.remove(PERSON, made.annotation_id)
    assert await ids(notes_on) == []


async def test_secrets_are_not_kept(notes_on: Annotations) -> None:
    made = await notes_on.add(ADA, first=1, text="use ghp_" + "a1B2" * 9)
    assert made.text == "use [redacted:github_token]"


@pytest.mark.parametrize(
    "given",
    [
        {"text": "of nothing"},
        {"first": 1},
        {"first": 1, "text": "  "},
        {"last": 1, "conversation": "c", "text": "x"},
        {"first": 2, "last": 1, "text": "x"},
        {"first": 1, "text": "x" * 8001},
        {"first": 1, "tags": ["no spaces"]},
        {"first": 1, "tags": [""]},
        {"first": 1, "tags": [f"t{one}" for one in range(21)]},
    ],
)
async def test_what_cannot_be_said_is_refused(notes_on: Annotations, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        await notes_on.add(ADA, **given)
    assert await ids(notes_on) == []


@pytest.mark.parametrize("words", ["!!", "a " * 21])
async def test_a_search_has_words(notes_on: Annotations, words: str) -> None:
    with pytest.raises(InvalidRequestError):
        await notes_on.find(words=words)


async def test_there_is_an_end_to_them(
    notes_on: Annotations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_annotations, "MOST_ANNOTATIONS", 1)
    await notes_on.add(ADA, first=1, text="first")
    with pytest.raises(ConflictError):
        await notes_on.add(ADA, first=1, text="second")


async def test_one_that_is_not_there_is_none(notes_on: Annotations) -> None:
    with pytest.raises(NotFoundError):
        await notes_on.remove(PERSON, AnnotationId(9))


class Happened:
    """Nine events of one conversation."""

    newest = EventNumber(9)

    async def query(self, query: EventQuery) -> EventPage:
        assert query.limit == 1
        event = told.prompt(1, "x")
        found = (KeptEvent(EventNumber(1), event.at, event),)
        known = query.links.conversation == "c1"
        return EventPage(found if known else (), "", complete=True)


async def test_what_never_happened_cannot_be_annotated(notes_on: Annotations) -> None:
    notes_on.ask(Happened())
    for last in (None, 12):
        with pytest.raises(NotFoundError, match=r"1[02]"):
            await notes_on.add(ADA, text="x", first=10, last=last)
    with pytest.raises(NotFoundError, match="event 7"):
        await notes_on.add(ADA, text="x", conversation="event 7")
    assert (await notes_on.add(ADA, text="x", conversation="c1", first=9)).last == 9
