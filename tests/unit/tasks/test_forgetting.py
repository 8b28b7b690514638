"""What machines keep of purged tasks is removed, each machine's by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import anyio
import sqlalchemy as sa
from tests.unit.tasks.desks import open_bench, spec

from iterm_mcp.errors import RefusedError, StoreError
from iterm_mcp.models.tasks import Outcome
from iterm_mcp.tasks.forgetting import Forgetter
from iterm_mcp.tasks.settling import End, settle
from iterm_mcp.tasks.tables import ATTEMPTS, FORGOTTEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pytest
    from tests.unit.tasks.desks import Bench

    from iterm_mcp.errors import ItermMcpError
    from iterm_mcp.tasks.durable import Durable
    from iterm_mcp.tasks.work import Order, Place, Work


class Kept:
    """What is kept here: as much of the work and of its steps as is asked when it is forgotten."""

    def __init__(self) -> None:
        self.working: set[str] = set()
        self.removed: list[str] = []
        self.steps: list[str] = []
        self.closed: list[tuple[str, Outcome]] = []
        self.raises: list[ItermMcpError] = []
        self.is_removed = anyio.Event()

    async def busy(self, attempt_ids: Sequence[str]) -> set[str]:
        return self.working & {*attempt_ids}

    async def clean(self, order: Order, place: Place | None, *, outcome: Outcome) -> str:
        assert place is None
        self.closed.append((f"{order.spec.name} {order.number}", outcome))
        return ""

    async def forget(self, attempt_ids: Iterable[str]) -> None:
        if self.raises:
            raise self.raises.pop()
        self.removed += attempt_ids
        self.is_removed.set()


class Steps:
    """The steps' own forgetting."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.busy = kept.busy

    async def forget(self, attempt_ids: Sequence[str]) -> None:
        self._kept.steps += attempt_ids


def forgetter_of(bench: Bench, kept: Kept) -> Forgetter:
    found = Forgetter(bench.desk, cast("Work", kept), cast("Durable", Steps(kept)), "here")
    bench.desk.forget = found.forget
    return found


async def purged(bench: Bench, *names: str) -> dict[str, str]:
    ids = await bench.submit(*map(spec, names))
    for one in ids.values():
        await bench.run(one)
    await bench.desk.purge(list(ids.values()))
    return ids


async def left(bench: Bench) -> list[Any]:
    return list(await bench.desk.read(lambda at: at.execute(sa.select(FORGOTTEN)).all()))


async def test_a_purge_removes_what_is_kept_of_every_attempt(folder: Path) -> None:
    async with open_bench(folder) as bench:
        kept = Kept()
        forgetter_of(bench, kept)
        ids = await purged(bench, "a", "b")

        assert sorted(kept.removed) == sorted(f"{one}~1" for one in ids.values())
        assert sorted(kept.steps) == sorted(kept.removed)
        assert not kept.closed
        assert not await left(bench)


async def test_a_purge_that_is_cut_off_is_made_up_for_by_the_next_life(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await purged(bench, "a")
        kept = Kept()
        assert await forgetter_of(bench, kept).forget()

        assert kept.removed == [f"{ids['a']}~1"]
        assert not await left(bench)


async def test_what_is_worked_on_or_cannot_be_removed_waits(folder: Path) -> None:
    async with open_bench(folder) as bench:
        ids = await purged(bench, "a", "b")
        kept = Kept()
        forgetter = forgetter_of(bench, kept)
        kept.working = {f"{ids['a']}~1"}
        kept.raises = [StoreError("the disk is read-only")]
        assert not await forgetter.forget()
        assert not kept.removed
        assert len(await left(bench)) == 2

        kept.working.clear()
        assert await forgetter.forget()
        assert sorted(kept.removed) == sorted(f"{one}~1" for one in ids.values())


async def test_what_was_open_on_a_machine_that_lost_it_is_closed_before_it_is_forgotten(
    folder: Path,
) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"))
        await bench.claim()
        await bench.desk.write(
            lambda at: settle(
                at, bench.lease.holder, ids["a"], 1, End(Outcome.LOST, "not heard of")
            )
        )
        await bench.run(ids["a"])
        await bench.desk.purge([ids["a"]])
        kept = Kept()
        await forgetter_of(bench, kept).forget()

    assert kept.closed == [("a 1", Outcome.CANCELLED)]
    assert sorted(kept.removed) == [f"{ids['a']}~1", f"{ids['a']}~2"]


async def test_an_attempt_that_went_on_with_another_leaves_that_ones_folder_to_its_machine(
    folder: Path,
) -> None:
    async with open_bench(folder) as bench:
        ids = await bench.submit(spec("a"))
        await bench.run(ids["a"])
        await bench.desk.write(
            lambda at: at.connection.execute(sa.update(ATTEMPTS).values(number=3, origin=2))
        )
        await bench.desk.purge([ids["a"]])

        noted = [(one.number, one.machine) for one in await left(bench)]
        assert sorted(noted) == [(2, "here"), (3, "here")]


async def test_many_are_removed_part_by_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iterm_mcp.tasks.forgetting.MOST_AT_ONCE", 2)
    async with open_bench(folder) as bench:
        kept = Kept()
        kept.raises = [RefusedError("not now")]
        forgetter = forgetter_of(bench, kept)
        ids = await purged(bench, *"abcde")
        assert len(kept.removed) == 4
        assert await forgetter.forget()
        assert len(set(kept.removed)) == len(ids)


async def test_it_goes_on_though_the_database_or_the_disk_is_away_for_a_while(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iterm_mcp.tasks.forgetting.AGAIN_SECONDS", 0.001)
    async with open_bench(folder) as bench:
        ids = await purged(bench, "a")
        kept = Kept()
        kept.raises = [StoreError("the disk is read-only")]
        forgetter = forgetter_of(bench, kept)
        read, refused = bench.desk.read, [StoreError("the database is away")]

        async def failing(work: Any) -> Any:  # noqa: ANN401
            if refused:
                raise refused.pop()
            return await read(work)

        monkeypatch.setattr(bench.desk, "read", failing)
        async with anyio.create_task_group() as group:
            group.start_soon(forgetter.run)
            with anyio.fail_after(20):
                await kept.is_removed.wait()
            group.cancel_scope.cancel()

    assert kept.removed == [f"{ids['a']}~1"]
