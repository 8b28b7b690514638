"""Notes: versions, visibility, search, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.services.crews import ANN, BEN, BOSS, CEM, PERSON, add_crews

from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError, RefusedError
from iterm_mcp.models.callers import Caller
from iterm_mcp.models.ids import AgentName
from iterm_mcp.services.sharing.notes import NoteService
from iterm_mcp.store import notes as note_store

if TYPE_CHECKING:
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock


@pytest.fixture
async def notes(store: Store, clock: FakeClock) -> NoteService:
    await add_crews(store, clock)
    return NoteService(store, clock)


async def test_a_note_is_read_as_it_was_written_with_who_wrote_it_and_when(
    notes: NoteService, clock: FakeClock
) -> None:
    written = await notes.set(ANN, "shared", "build/status", "green\n")

    assert await notes.get(CEM, "shared", "build/status") == written
    assert (written.value, written.author) == ("green\n", "ann")
    assert written.updated_at == clock.now()
    assert (await notes.set(PERSON, "shared", "x", "")).author == "editor"


async def test_of_two_that_change_what_they_have_read_the_second_is_told(
    notes: NoteService,
) -> None:
    first = await notes.set(ANN, "shared", "turn", "ann", expected_version=0)
    second = await notes.set(BEN, "shared", "turn", "ben", expected_version=first.version)

    with pytest.raises(ConflictError, match=f"has version {second.version}") as lost:
        await notes.set(CEM, "shared", "turn", "cem", expected_version=first.version)

    assert lost.value.code == "version_conflict"
    assert (await notes.get(CEM, "shared", "turn")).value == "ben"
    with pytest.raises(ConflictError, match="has version"):
        await notes.set(CEM, "shared", "turn", "cem", expected_version=0)
    with pytest.raises(ConflictError, match="does not exist"):
        await notes.set(CEM, "shared", "other", "cem", expected_version=7)
    with pytest.raises(ConflictError):
        await notes.remove(CEM, "shared", "turn", expected_version=first.version)


async def test_a_note_removed_and_written_anew_is_not_taken_for_the_old_one(
    notes: NoteService,
) -> None:
    old = await notes.set(ANN, "shared", "turn", "ann")
    await notes.remove(BEN, "shared", "turn", expected_version=old.version)
    new = await notes.set(BEN, "shared", "turn", "ann")

    assert new.version > old.version
    with pytest.raises(ConflictError):
        await notes.set(ANN, "shared", "turn", "again", expected_version=old.version)


async def test_a_teams_notes_are_for_its_agents_those_below_and_people(
    notes: NoteService,
) -> None:
    await notes.set(BOSS, "team:crew", "plan", "secret plan")
    for one in (ANN, BEN, PERSON):
        assert (await notes.get(one, "team:crew", "plan")).value == "secret plan"
    await notes.set(BEN, "team:night", "plan", "quiet plan")

    stranger = Caller(AgentName("unregistered"))
    for one, namespace in ((CEM, "team:crew"), (stranger, "team:crew"), (ANN, "team:night")):
        for call in (
            notes.get(one, namespace, "plan"),
            notes.set(one, namespace, "plan", "mine"),
            notes.entries(one, namespace),
            notes.search(one, "plan", namespace=namespace),
            notes.remove(one, namespace, "plan"),
        ):
            with pytest.raises(RefusedError) as refused:
                await call
            assert refused.value.code == "not_in_team"
    assert await notes.namespaces(CEM) == {}
    assert await notes.search(CEM, "plan") == []
    assert await notes.namespaces(BEN) == {"team:crew": 1, "team:night": 1}
    assert len(await notes.search(BEN, "plan")) == 2


async def test_who_moves_to_another_team_sees_its_notes_from_then_on(
    notes: NoteService, store: Store
) -> None:
    await notes.set(PERSON, "team:other", "plan", "x")
    with pytest.raises(RefusedError):
        await notes.get(BEN, "team:other", "plan")

    await store.agents.move_team("night", "other")  # type: ignore[arg-type]

    assert (await notes.get(BEN, "team:other", "plan")).value == "x"
    with pytest.raises(RefusedError):
        await notes.entries(BEN, "team:crew")


async def test_notes_are_listed_by_key_and_found_by_words(notes: NoteService) -> None:
    for key, value in (
        ("api/login", "The login page times out"),
        ("api/logout", "works"),
        ("db", "login table: Über 100 rows, time is short"),
        ("api%", "percent"),
    ):
        await notes.set(ANN, "shared", key, value)
    await notes.set(ANN, "ideas", "api/login", "another login")

    assert [one.key for one in await notes.entries(CEM, "shared", prefix="api/")] == [
        "api/login", "api/logout"
    ]  # fmt: skip
    assert [one.key for one in await notes.entries(CEM, "shared", prefix="api%")] == ["api%"]
    assert len(await notes.entries(CEM, "shared", limit=2)) == 2
    assert await notes.entries(CEM, "nothing") == []
    found = await notes.search(CEM, "LOGIN time", namespace="shared")
    assert {one.note.key for one in found} == {"api/login", "db"}
    assert all("login" in one.excerpt.lower() for one in found)
    assert [one.note.key for one in await notes.search(CEM, "uber")] == ["db"]
    assert len(await notes.search(CEM, "login")) == 3
    assert len(await notes.search(CEM, "login", limit=1)) == 1


async def test_what_was_changed_or_removed_is_found_no_more(notes: NoteService) -> None:
    await notes.set(ANN, "shared", "k", "before")
    await notes.set(ANN, "shared", "k", "after")
    assert await notes.search(ANN, "before") == []
    assert len(await notes.search(ANN, "after")) == 1

    await notes.remove(ANN, "shared", "k")
    assert await notes.search(ANN, "after") == []
    with pytest.raises(NotFoundError):
        await notes.remove(ANN, "shared", "k")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(query=st.text(max_size=40))
async def test_whatever_is_searched_for_is_no_syntax(notes: NoteService, query: str) -> None:
    try:
        assert await notes.search(PERSON, query) == []
    except InvalidRequestError as error:
        assert error.hint  # noqa: PT017 - either is right


@pytest.mark.parametrize("namespace", ["", "a b", "team:", "x" * 65, "team:a/b", "other:x"])
async def test_a_namespace_that_cannot_be_is_refused(notes: NoteService, namespace: str) -> None:
    with pytest.raises(InvalidRequestError, match="namespace"):
        await notes.set(PERSON, namespace, "k", "v")


@pytest.mark.parametrize("key", ["", "a\nb", "x" * 201])
async def test_a_key_that_cannot_be_is_refused(notes: NoteService, key: str) -> None:
    with pytest.raises(InvalidRequestError, match="key"):
        await notes.set(PERSON, "shared", key, "v")


async def test_what_is_too_long_or_missing_is_refused_with_what_to_do(
    notes: NoteService,
) -> None:
    await notes.set(PERSON, "shared", "most", "é" * 32 * 1024)
    with pytest.raises(InvalidRequestError, match="65536") as long:
        await notes.set(PERSON, "shared", "more", "é" * 32 * 1024 + "x")
    assert "file" in long.value.hint
    with pytest.raises(NotFoundError) as alike:
        await notes.get(PERSON, "shared", "mots")
    assert alike.value.hint == "Did you mean most?"
    with pytest.raises(NotFoundError) as none:
        await notes.get(PERSON, "ideas", "k")
    assert "ideas" in none.value.hint
    with pytest.raises(NotFoundError, match="team"):
        await notes.set(PERSON, "team:nobody", "k", "v")
    with pytest.raises(InvalidRequestError):
        await notes.search(PERSON, " ".join("w" * 21))


async def test_a_full_namespace_takes_no_new_note_but_lets_others_change(
    notes: NoteService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(note_store, "MOST_NOTES", 2)
    for key in ("a", "b"):
        await notes.set(PERSON, "shared", key, "v")

    with pytest.raises(ConflictError, match="holds 2 notes") as full:
        await notes.set(PERSON, "shared", "c", "v")

    assert full.value.code == "namespace_full"
    await notes.set(PERSON, "shared", "a", "new")
    await notes.set(PERSON, "ideas", "c", "v")
