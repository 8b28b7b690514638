from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from iterm_mcp.models.backlog import Baseline, KnownMark, MarkId
from iterm_mcp.models.tasks import TaskId

if TYPE_CHECKING:
    from iterm_mcp.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)


def mark(name: str, key: str = "k1", repository: str = "/r") -> KnownMark:
    return KnownMark(
        repository, MarkId(name), "c", "p", "a.py", "TODO", "say it", key, "f00", START, TaskId("")
    )


async def test_marks_of_a_task_are_noted_before_it_is_accepted(store: Store) -> None:
    await store.backlogs.note([mark("a"), mark("b"), mark("c", "k2"), mark("a", "k9", "/other")])
    await store.backlogs.accepted("/r", {"k1": TaskId("t-1")})
    found = await store.backlogs.marks("/r")
    assert [(one.mark_id, one.task_id) for one in found] == [("a", "t-1"), ("b", "t-1"), ("c", "")]
    assert [one.task_id for one in await store.backlogs.marks("/other")] == [""]


async def test_a_mark_keeps_its_task_when_another_is_noted(store: Store) -> None:
    await store.backlogs.note([mark("a")])
    await store.backlogs.accepted("/r", {"k1": TaskId("t-1")})
    await store.backlogs.note([mark("a", "k2")])
    (found,) = await store.backlogs.marks("/r")
    assert (found.key, found.task_id) == ("k1", "t-1")
    await store.backlogs.renew("/r", {TaskId("t-1"): "k1:2", TaskId("t-9"): "k9:2"})
    (found,) = await store.backlogs.marks("/r")
    assert (found.key, found.task_id) == ("k1:2", "")


async def test_where_a_mark_was_seen_last_is_known(store: Store) -> None:
    await store.backlogs.note([mark("a")])
    await store.backlogs.seen("/r", {MarkId("a"): ("q", "b.py")})
    assert await store.backlogs.marks("/r") == (replace(mark("a"), place="q", path="b.py"),)


async def test_how_tests_went_is_known_by_commit_and_command(store: Store) -> None:
    one = Baseline("/r", "f00", ("make test",), "", 2.5, START)
    await store.backlogs.keep_baseline(replace(one, problem="boom"))
    await store.backlogs.keep_baseline(one)
    assert await store.backlogs.baseline("/r", "f00", ("make test",)) == one
    assert await store.backlogs.baseline("/r", "f00", ("make",)) is None
    assert one.passed
    assert not replace(one, problem="boom").passed
