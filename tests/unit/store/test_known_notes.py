"""What is kept in memory of notes and filters is always what the database holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.errors import ConflictError, NotFoundError
from iterm_mcp.models.notes import Note
from iterm_mcp.models.saved_filters import SavedFilter
from iterm_mcp.store.known_notes import KnownNotes, Namespace
from iterm_mcp.store.remembered import Remembered

if TYPE_CHECKING:
    from iterm_mcp.store import Store

AT = datetime(2026, 1, 1, tzinfo=UTC)


def a_note(key: str, value: str = "text", *, version: int = 0, namespace: str = "shared") -> Note:
    return Note(namespace, key, value, version, "ann", AT)


def keys(notes: list[Note]) -> list[str]:
    return [one.key for one in notes]


async def no_reads(store: Store) -> None:
    """Let every read of the database fail from now on."""

    async def fail(*_: object) -> None:
        raise AssertionError("the database was read")

    store.notes._database.read = fail  # type: ignore[method-assign, assignment]


async def test_a_namespace_that_was_listed_is_not_read_again(store: Store) -> None:
    for key in ("b", "a/2", "a/1"):
        await store.notes.put(a_note(key), None)
    assert keys(await store.notes.entries("shared")) == ["a/1", "a/2", "b"]
    await no_reads(store)

    written = await store.notes.put(a_note("a/1", "new"), None)
    await store.notes.put(a_note("c"), None)
    listed = await store.notes.entries("shared")

    assert keys(listed) == ["a/1", "a/2", "b", "c"]
    assert listed[0] == written
    assert keys(await store.notes.entries("shared", "a/")) == ["a/1", "a/2"]
    assert keys(await store.notes.entries("shared", "a/", 1)) == ["a/1"]


async def test_what_was_removed_is_listed_no_more(store: Store) -> None:
    await store.notes.put(a_note("a"), None)
    await store.notes.put(a_note("b"), None)
    assert keys(await store.notes.entries("shared")) == ["a", "b"]

    await store.notes.remove("shared", "a", None)

    assert keys(await store.notes.entries("shared")) == ["b"]


async def test_a_change_that_fails_leaves_the_list_as_it_stands_in_the_database(
    store: Store,
) -> None:
    await store.notes.put(a_note("a"), None)
    assert keys(await store.notes.entries("shared")) == ["a"]

    with pytest.raises(ConflictError):
        await store.notes.put(a_note("a", "other"), 99)
    with pytest.raises(NotFoundError):
        await store.notes.remove("shared", "none", None)

    assert [one.value for one in await store.notes.entries("shared")] == ["text"]


async def test_a_large_namespace_is_read_each_time(store: Store) -> None:
    for number in range(18):
        await store.notes.put(a_note(f"{number:02}", "x" * 65_000), None)

    assert len(await store.notes.entries("shared")) == 18
    assert store.notes._known.is_too_large("shared")
    assert keys(await store.notes.entries("shared", "1", 2)) == ["10", "11"]
    await store.notes.remove("shared", "00", None)
    await store.notes.remove("shared", "01", None)
    await store.notes.remove("shared", "02", None)
    assert len(await store.notes.entries("shared")) == 15
    assert store.notes._known.find("shared") is not None


async def test_lists_and_changes_at_once_agree_in_the_end(store: Store) -> None:
    async def write(number: int) -> None:
        await store.notes.put(a_note(f"k{number % 5}", str(number)), None)

    async def read() -> None:
        await store.notes.entries("shared")

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(write, number)
            group.start_soon(read)
    known = await store.notes.entries("shared")
    store.notes._known = KnownNotes()

    assert await store.notes.entries("shared") == known


def test_what_was_read_before_a_change_is_not_kept() -> None:
    known = KnownNotes()
    since = known.changes
    with known.changing("shared") as written:
        written.append(a_note("a", version=2))

    known.keep("shared", [a_note("a", version=1)], since)
    assert known.find("shared") is None

    known.keep("shared", [a_note("a", version=2)], known.changes)
    assert known.find("shared") is not None


def test_a_namespace_that_grows_too_large_is_kept_no_more() -> None:
    known = KnownNotes(most_characters=10)
    known.keep("shared", [a_note("a", "12345")], 0)
    with known.changing("shared") as written:
        written.append(a_note("b", "123456", version=1))

    assert known.find("shared") is None
    assert known.is_too_large("shared")


def test_namespaces_that_were_not_asked_for_lately_are_forgotten() -> None:
    known = KnownNotes(most_namespaces=2)
    for name in ("a", "b"):
        known.keep(name, [], 0)
    assert known.find("a") is not None
    known.keep("c", [], 0)

    assert known.find("b") is None
    assert known.find("a") is not None
    assert known.find("c") is not None


@given(st.permutations(range(1, 9)))
def test_versions_may_be_told_in_any_order(versions: list[int]) -> None:
    """The newest counts, and so does its length."""
    namespace = Namespace([a_note("a", "", version=0)])
    for one in versions:
        namespace.put(a_note("a", "x" * one, version=one))

    assert namespace.beginning("", 9) == [a_note("a", "x" * 8, version=8)]
    assert namespace.characters == 8


async def test_filters_are_read_once_until_one_changes(store: Store) -> None:
    one, other = SavedFilter("a", {"failed": True}, AT), SavedFilter("b", {}, AT)
    await store.saved_filters.put(one)
    assert await store.saved_filters.all() == (one,)
    assert await store.saved_filters.all() is await store.saved_filters.all()

    await store.saved_filters.put(other)
    assert await store.saved_filters.all() == (one, other)
    await store.saved_filters.remove("a")
    assert await store.saved_filters.all() == (other,)


async def test_what_is_read_while_it_changes_is_not_remembered() -> None:
    remembered: Remembered[str] = Remembered()
    reading, changed = anyio.Event(), anyio.Event()

    async def slow() -> str:
        reading.set()
        await changed.wait()
        return "old"

    async def new() -> str:
        return "new"

    async with anyio.create_task_group() as group:
        group.start_soon(remembered.get, slow)
        await reading.wait()
        with pytest.raises(ValueError, match="full"), remembered.changing():
            raise ValueError("full")
        changed.set()

    assert await remembered.get(new) == "new"
    assert await remembered.get(slow) == "new"
