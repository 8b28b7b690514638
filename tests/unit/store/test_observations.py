"""The ledger is only added to, whole, and survives a restart."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.errors import StoreError
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.observations import Fact, Observation, ObservationSource, Sighting
from iterm_mcp.store import Store, open_store
from iterm_mcp.store.observations import EVIDENCE_CHARACTERS, Epoch
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    import pytest

    from iterm_mcp.models.observations import Json
    from iterm_mcp.testing import FakeClock

ANN, BEN = AgentName("ann"), AgentName("ben")


def saw(
    agent: AgentName = ANN,
    seconds: float = 0,
    *,
    epoch: int = 1,
    fact: Fact = Fact.ACTIVITY,
    evidence: str = "",
    **value: Json,
) -> Observation:
    sighting = Sighting(fact, value, ObservationSource.HOOK, evidence)
    return Observation(agent, epoch, sighting, START + timedelta(seconds=seconds))


async def test_what_was_seen_comes_back_after_a_restart_in_its_order(
    path: str, clock: FakeClock
) -> None:
    seen = [saw(what={"a": [1, None, True]}), saw(seconds=1, text="ö\n\ud800"), saw(BEN)]
    async with open_store(path, clock) as store:
        stored = await store.observations.append(seen)
    async with open_store(path, clock) as store:
        found = await store.observations.after(ANN)
        others = await store.observations.after(BEN)

    assert [one.number for one in stored] == [1, 2, 3]
    assert found == stored[:2]
    assert found[1].sighting.value == {"text": "ö\n\ud800"}
    assert others == stored[2:]


async def test_a_ledger_is_read_page_by_page(store: Store) -> None:
    stored = await store.observations.append(saw(seconds=one) for one in range(5))

    assert await store.observations.after(ANN, limit=2) == stored[:2]
    assert await store.observations.after(ANN, 2, limit=2) == stored[2:4]
    assert await store.observations.after(ANN, 4) == stored[4:]


async def test_the_newest_of_one_life_come_oldest_first(store: Store) -> None:
    stored = await store.observations.append([saw(), saw(seconds=1), saw(epoch=2), saw(seconds=3)])

    assert await store.observations.newest(ANN, 1, limit=2) == (stored[1], stored[3])
    assert await store.observations.newest(ANN, 2) == (stored[2],)


async def test_evidence_is_cut_and_what_is_no_text_is_replaced(store: Store) -> None:
    (stored,) = await store.observations.append([saw(evidence="\udcff" + "x" * 3000)])

    assert stored.sighting.evidence == "?" + "x" * (EVIDENCE_CHARACTERS - 1)
    assert await store.observations.after(ANN) == (stored,)


async def test_nothing_to_add_is_no_matter(store: Store) -> None:
    assert await store.observations.append([]) == ()


async def test_many_callers_share_a_transaction_and_each_gets_its_own(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = 0
    database = store.observations._database
    write = database.write

    async def counted(work: object) -> object:
        nonlocal writes
        writes += 1
        return await write(work)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "write", counted)
    found: dict[int, tuple[Observation, ...]] = {}

    async def add(one: int) -> None:
        found[one] = await store.observations.append([saw(seconds=one), saw(seconds=one + 0.5)])

    async with anyio.create_task_group() as group:
        for one in range(20):
            group.start_soon(add, one)

    assert writes <= 3
    assert all(rows[0].at == START + timedelta(seconds=one) for one, rows in found.items())
    assert len(await store.observations.after(ANN)) == 40


async def test_a_failure_is_told_to_all_who_waited_and_nothing_is_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_work: object) -> None:
        await anyio.lowlevel.checkpoint()
        raise StoreError("the disk is full")

    failures = []

    async def add(one: int) -> None:
        try:
            await store.observations.append([saw(seconds=one)])
        except StoreError as error:
            failures.append(str(error))

    with monkeypatch.context() as patched:
        patched.setattr(store.observations._database, "write", full)
        async with anyio.create_task_group() as group:
            for one in range(3):
                group.start_soon(add, one)

    assert failures == ["the disk is full"] * 3
    assert await store.observations.after(ANN) == ()
    await store.observations.append([saw()])
    assert len(await store.observations.after(ANN)) == 1


async def test_who_is_cancelled_while_it_waits_has_added_nothing(store: Store) -> None:
    async def hold(held: anyio.Event, free: anyio.Event) -> None:
        async with store.observations._turn:
            held.set()
            await free.wait()

    held, free = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(hold, held, free)
        await held.wait()
        with anyio.move_on_after(0.01):
            await store.observations.append([saw(seconds=1)])
        free.set()
    await store.observations.append([saw(seconds=2)])

    assert [one.at for one in await store.observations.after(ANN)] == [START + timedelta(seconds=2)]


async def test_lives_are_counted_also_across_a_restart(path: str, clock: FakeClock) -> None:
    async with open_store(path, clock) as store:
        assert await store.observations.epochs() == {}
        assert await store.observations.begin_epoch(ANN, START) == Epoch(1, START)
    later = START + timedelta(hours=1)
    async with open_store(path, clock) as store:
        assert await store.observations.begin_epoch(ANN, later) == Epoch(2, later)
        assert await store.observations.begin_epoch(BEN, later) == Epoch(1, later)
        assert await store.observations.epochs() == {ANN: Epoch(2, later), BEN: Epoch(1, later)}


async def test_old_observations_go_but_the_newest_word_on_each_fact_stays(store: Store) -> None:
    stored = await store.observations.append(
        [
            saw(seconds=0),
            saw(seconds=1, fact=Fact.CONVERSATION, id="c1"),
            saw(seconds=2),
            saw(seconds=100),
            saw(seconds=101),
        ]
    )

    gone = await store.observations.forget(START + timedelta(seconds=50), 10)

    assert gone == 2
    assert await store.observations.after(ANN) == (stored[1], *stored[3:])


async def test_an_agent_keeps_so_many_observations_at_most(store: Store) -> None:
    mine = await store.observations.append(saw(seconds=one) for one in range(10))
    others = await store.observations.append(saw(BEN, one) for one in range(3))

    assert await store.observations.forget(START - timedelta(days=1), 4) == 6

    assert await store.observations.after(ANN) == mine[6:]
    assert await store.observations.after(BEN) == others
