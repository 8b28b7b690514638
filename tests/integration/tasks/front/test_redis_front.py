"""Machines with a file each share a backlog in Redis, and any of them, or Redis, may be gone."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.integration.tasks.engine.file_work import FileWork, job
from tests.integration.tasks.front.serving import serve
from tests.waiting import eventually

from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.tasks.codec import graph_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.tasks.engine.serving import Served
    from tests.integration.tasks.redis import Redis

SETTLE_SECONDS = 90.0


def machine(redis: Redis, folder: Path, name: str, **settings: object) -> Any:  # noqa: ANN401
    return serve(redis.url, folder / name, folder / f"work-{name}", name, **settings)


async def connected(*machines: Served) -> None:
    for one in machines:
        await eventually(
            lambda one=one: one.ask("front_statistics"),  # type: ignore[misc]
            lambda found: found["connected"],
            within_seconds=SETTLE_SECONDS,
        )


@asynccontextmanager
async def two(
    redis: Redis, folder: Path, **settings: object
) -> AsyncIterator[tuple[Served, Served]]:
    async with (
        machine(redis, folder, "one", **settings) as first,
        machine(redis, folder, "other", **settings) as second,
    ):
        await connected(first, second)
        yield first, second


async def put(served: Served, count: int, **fields: Any) -> list[str]:  # noqa: ANN401
    """Submit tasks, each as a message; return the messages' ids."""
    return [
        await served.ask(
            "front_submit",
            graph_json(GraphSpec(f"g{number}", (job(f"job-{number}", output=number, **fields),))),
        )
        for number in range(count)
    ]


async def results(served: Served, messages: list[str]) -> list[dict[str, Any]]:
    """Wait until every message is over."""

    async def found() -> list[Any]:
        return [await served.ask("front_result", one) for one in messages]

    return await eventually(
        found,
        lambda all_: all(one is not None and "error" not in one for one in all_),
        within_seconds=SETTLE_SECONDS,
    )


def outputs(found: list[dict[str, Any]]) -> list[object]:
    return [
        end["result"]["output"] for one in found for end in one["tasks"].values() if end["result"]
    ]


@pytest.mark.long
async def test_twenty_tasks_of_a_machine_that_is_killed_are_done_once_by_the_other(
    redis: Redis, folder: Path
) -> None:
    one, other = (FileWork(str(folder / f"work-{name}")) for name in ("one", "other"))
    async with two(redis, folder, at_once=5) as (first, second):
        messages = await put(second, 20, seconds=1.5)
        await eventually(one.starts, lambda found: len(found) >= 5, within_seconds=60)
        await first.kill()
        found = await results(second, messages)

    done = {end["result"]["output"] for one in found for end in one["tasks"].values()}
    by = {one["machine"] for one in found}
    assert done == set(range(20))
    assert "other" in by
    assert set(one.starts().values()) == set(other.starts().values()) == {1}
    settled_by_one = sum("succeeded" in said for said in one.cleaned().values())
    assert len(other.starts()) + settled_by_one == 20


@pytest.mark.long
async def test_a_machine_that_is_back_at_once_goes_on_with_what_it_had(
    redis: Redis, folder: Path
) -> None:
    one, other = (FileWork(str(folder / f"work-{name}")) for name in ("one", "other"))
    async with two(redis, folder, at_once=5, alive_seconds=60) as (first, second):
        messages = await put(second, 10, seconds=6.0)
        await eventually(one.starts, lambda found: len(found) == 5, within_seconds=60)
        await eventually(other.starts, lambda found: len(found) == 5, within_seconds=60)
        await first.kill()
        async with machine(redis, folder, "one", at_once=5, alive_seconds=60):
            found = await results(second, messages)

    assert sorted(outputs(found), key=str) == sorted(range(10), key=str)
    assert len(one.starts()) == len(other.starts()) == 5
    assert set(one.starts().values()) == set(other.starts().values()) == {1}


async def test_while_redis_is_away_work_goes_on_and_is_handed_over_when_it_is_back(
    redis: Redis, folder: Path
) -> None:
    one, other = (FileWork(str(folder / f"work-{name}")) for name in ("one", "other"))
    async with two(redis, folder, at_once=5) as (first, second):
        messages = await put(first, 10, seconds=3.0)
        await eventually(
            lambda: len(one.starts()) + len(other.starts()),
            lambda count: count == 10,
            within_seconds=60,
        )
        redis.stop()
        await eventually(
            lambda: first.ask("front_statistics"),
            lambda found: not found["connected"] and found["settled"] == found["taken"] > 0,
            within_seconds=60,
        )
        alone = await put(first, 1)
        assert await results(first, alone)
        redis.start()
        await connected(first, second)
        found = await results(second, [*messages, *alone])

    assert len(found) == 11
    assert len(one.starts()) + len(other.starts()) == 11
    assert set(one.starts().values()) == set(other.starts().values()) == {1}


@pytest.mark.long
async def test_results_are_handed_over_though_redis_has_lost_everything(
    redis: Redis, folder: Path
) -> None:
    work = FileWork(str(folder / "work-one"))
    async with machine(redis, folder, "one") as served:
        await connected(served)
        messages = await put(served, 3, seconds=2.0)
        await eventually(work.starts, lambda found: len(found) == 3, within_seconds=60)
        redis.stop()
        redis.forget()
        redis.start()
        found = await results(served, messages)
        await eventually(
            lambda: served.ask("front_statistics"),
            lambda found: found["connected"] and not found["taken"],
            within_seconds=60,
        )
        assert await results(served, messages) == found

    assert sorted(outputs(found), key=str) == [0, 1, 2]
    assert set(work.starts().values()) == {1}
    assert not list((folder / "one" / "front").glob("*.json"))


@pytest.mark.long
async def test_a_machine_that_slept_too_long_ends_what_another_has_taken_over(
    redis: Redis, folder: Path
) -> None:
    asleep, awake = (FileWork(str(folder / f"work-{name}")) for name in ("one", "other"))
    async with machine(redis, folder, "one") as first:
        await connected(first)
        messages = await put(first, 1, seconds=600)
        await eventually(asleep.starts, within_seconds=60)
        async with machine(redis, folder, "other") as second:
            await connected(second)
            first.freeze()
            await eventually(awake.starts, within_seconds=60)
            first.thaw()
            await eventually(asleep.cleaned, within_seconds=60)
            assert await second.ask("front_cancel", messages[0], "ann", "enough")
            found = await results(second, messages)

    assert [one["machine"] for one in found] == ["other"]
    assert [one["state"] for one in found[0]["tasks"].values()] == ["cancelled"]
    assert list(asleep.cleaned().values()) == [["cancelled"]]


@pytest.mark.long
async def test_what_was_taken_over_is_not_lost_when_that_machine_is_gone_as_well(
    redis: Redis, folder: Path
) -> None:
    asleep, awake = (FileWork(str(folder / f"work-{name}")) for name in ("one", "other"))
    async with machine(redis, folder, "one") as first:
        await connected(first)
        messages = await put(first, 1, seconds=20)
        await eventually(asleep.starts, within_seconds=60)
        async with machine(redis, folder, "other") as second:
            await connected(second)
            first.freeze()
            await eventually(awake.starts, within_seconds=60)
            first.thaw()
            await eventually(asleep.cleaned, within_seconds=60)
            await second.kill()
            found = await results(first, messages)

    assert [one["machine"] for one in found] == ["one"]
    assert outputs(found) == [0]
    assert len(asleep.starts()) == 2, "it was begun anew"


@pytest.mark.long
async def test_urgent_messages_go_first_and_the_same_key_is_the_same_message(
    redis: Redis, folder: Path
) -> None:
    work = FileWork(str(folder / "work-one"))
    async with machine(redis, folder, "one", at_once=1) as served:
        await connected(served)
        first = await put(served, 1, seconds=2.0)
        await eventually(work.starts, within_seconds=60)
        messages = list(first)
        for name, priority in (("low", -1), ("usual", 0), ("high", 1), ("high", 1)):
            graph = GraphSpec(name, (job(name, priority=priority),), key=f"key-{name}")
            messages.append(await served.ask("front_submit", graph_json(graph)))
        await results(served, messages)
        states = await served.states()
        machines = await served.ask("front_machines")

    assert messages[-1] == messages[-2]
    assert [name for name in reversed(states) if not name.startswith("job")] == [
        "high",
        "usual",
        "low",
    ]
    assert machines == ["one"]


@pytest.mark.long
async def test_a_machine_that_is_paused_leaves_messages_to_others(
    redis: Redis, folder: Path
) -> None:
    async with two(redis, folder) as (first, second):
        await first.ask("pause", "everything")
        messages = await put(first, 6)
        found = await results(second, messages)

    assert {one["machine"] for one in found} == {"other"}


async def test_what_is_cancelled_before_anybody_has_room_is_never_begun(
    redis: Redis, folder: Path
) -> None:
    async with machine(redis, folder, "one") as served:
        await connected(served)
        await served.ask("pause", "everything")
        messages = await put(served, 1)
        assert await served.ask("front_wait", messages[0], 0) == ["queued", ""]
        assert await served.ask("front_cancel", messages[0], "ann", "")
        await served.ask("resume", "everything")
        found = await results(served, messages)
        assert not await served.ask("front_cancel", messages[0], "ann", "")
        assert await served.ask("front_look", messages[0]) == ["settled", ""]
        assert await served.ask("front_look", "s-none") == {"error": "graph_not_found"}
        (fresh,) = await put(served, 1, seconds=1.0)
        states = await eventually(
            lambda: served.ask("front_look", fresh),
            lambda standing: standing[0] == "running",
            within_seconds=SETTLE_SECONDS,
        )
        assert states == ["running", "one"]
        assert await served.ask("front_wait", fresh, 60) == ["settled", "one"]

    assert found == [{"machine": "", "graph_id": "", "tasks": {}, "reason": "cancelled by ann"}]


async def test_without_redis_what_is_submitted_is_done_here(redis: Redis, folder: Path) -> None:
    redis.stop()
    async with machine(redis, folder, "one") as served:
        messages = await put(served, 2)
        found = await results(served, messages)
        assert await served.ask("front_result", "0" * 24) == {"error": "front_unavailable"}
        assert await served.ask("front_cancel", messages[0]) == {"error": "front_unavailable"}
        assert await served.ask("front_wait", "s-0", 0.1) == {"error": "front_unavailable"}
        assert await served.ask("front_look", messages[0]) == ["settled", "one"]
        with anyio.fail_after(SETTLE_SECONDS):
            redis.start()
            await connected(served)

    assert sorted(outputs(found), key=str) == [0, 1]
