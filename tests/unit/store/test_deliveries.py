"""Messages are on the disk before they are typed, and so is every step."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.services.letters import letter

from iterm_mcp.errors import ConflictError
from iterm_mcp.models.deliveries import Delivery, DeliveryId, Move, Policy, Stage
from iterm_mcp.models.ids import AgentName
from iterm_mcp.store import Store, open_store
from iterm_mcp.store.deliveries import Change
from iterm_mcp.testing import FakeClock
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LATER = START + timedelta(seconds=5)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(str(tmp_path / "state.db"), FakeClock()) as opened:
        yield opened


async def one(store: Store, delivery_id: str) -> Delivery | None:
    wanted = DeliveryId(delivery_id)
    return (await store.deliveries.find([wanted])).get(wanted)


async def test_a_message_is_kept_with_all_that_belongs_to_it(store: Store) -> None:
    full = letter(
        policy=Policy.STEER, priority=-3, key="k", sender="ann", epoch=2,
        details={"team": "crew", "lock_id": None},
    )  # fmt: skip
    assert await store.deliveries.accept([full, letter("d-2")]) == (full, letter("d-2"))
    assert await one(store, "d-1") == full
    assert await one(store, "nobody") is None


async def test_steps_are_added_to_its_history_and_details_to_its_details(store: Store) -> None:
    await store.deliveries.accept([letter(details={"draft": "x", "team": "crew"})])
    leased = Move(Stage.LEASED, LATER, evidence="e")
    written = Move(Stage.WRITTEN, LATER, reason="r")
    await store.deliveries.record(
        [
            Change(DeliveryId("d-1"), leased, {"lease": 4, "draft": None}),
            Change(DeliveryId("d-1"), written),
            Change(DeliveryId("gone"), written),
        ]
    )
    found = await one(store, "d-1")
    assert found is not None
    assert found.moves == (Move(Stage.ACCEPTED, START), leased, written)
    assert found.details == {"lease": 4, "team": "crew"}
    assert await one(store, "gone") is None


async def test_the_same_key_with_the_same_message_is_the_same_message(store: Store) -> None:
    first = letter(key="k")
    await store.deliveries.accept([first])
    await store.deliveries.record([Change(DeliveryId("d-1"), Move(Stage.LEASED, LATER))])

    (again,) = await store.deliveries.accept([letter("d-2", key="k")])
    (other,) = await store.deliveries.accept([letter("d-3", key="k", agent=AgentName("bob"))])

    assert (again.delivery_id, again.stage) == ("d-1", Stage.LEASED)
    assert other.delivery_id == "d-3"
    assert await one(store, "d-2") is None


@pytest.mark.parametrize("other", [{"text": "other"}, {"policy": Policy.NUDGE}])
async def test_the_same_key_with_another_message_is_a_conflict_and_nothing_is_kept(
    store: Store, other: dict[str, Any]
) -> None:
    await store.deliveries.accept([letter(key="k")])
    with pytest.raises(ConflictError) as caught:
        await store.deliveries.accept([letter("d-9"), letter("d-2", key="k", **other)])
    assert caught.value.code == "idempotency_key_reused"
    assert await one(store, "d-9") is None


async def test_messages_are_found_by_where_they_stand_those_that_moved_last_first(
    store: Store,
) -> None:
    bob = AgentName("bob")
    await store.deliveries.accept([letter("d-1"), letter("d-2"), letter("d-3", agent=bob)])
    await store.deliveries.record([Change(DeliveryId("d-1"), Move(Stage.REFUSED, LATER, "no"))])
    await store.deliveries.record(
        [Change(DeliveryId("d-3"), Move(Stage.EXPIRED, LATER + timedelta(1)))]
    )
    dead = {Stage.REFUSED, Stage.EXPIRED}

    async def ids(*stages: Stage, **how: object) -> list[str]:
        found = await store.deliveries.at_stages(set(stages), **how)  # type: ignore[arg-type]
        return [one.delivery_id for one in found]

    assert await ids(*dead) == ["d-3", "d-1"]
    assert await ids(*dead, agent=bob) == ["d-3"]
    assert await ids(*dead, limit=1) == ["d-3"]
    assert await ids(*dead, since=LATER + timedelta(hours=1)) == ["d-3"]
    assert await ids(Stage.ACCEPTED) == ["d-2"]


async def test_what_is_purged_is_gone_with_its_history(store: Store) -> None:
    await store.deliveries.accept([letter(f"d-{number}") for number in range(4)])
    changes = [
        Change(DeliveryId(f"d-{number}"), Move(Stage.ENDED, START + timedelta(hours=number)))
        for number in range(3)
    ]
    await store.deliveries.record(changes)

    before = START + timedelta(hours=1, seconds=1)
    assert await store.deliveries.purge({Stage.ENDED}, before, AgentName("bob")) == 0
    assert await store.deliveries.purge({Stage.ENDED}, before) == 2
    assert await store.deliveries.forget([DeliveryId("d-2"), DeliveryId("gone")]) == 1
    left = await store.deliveries.at_stages(set(Stage))
    assert [one.delivery_id for one in left] == ["d-3"]
    moves = await store.deliveries._database.read(
        lambda connection: connection.execute("SELECT count(*) FROM delivery_moves").fetchone()
    )
    assert moves == (1,)


async def test_an_epoch_of_none_stays_none(store: Store) -> None:
    await store.deliveries.accept([replace(letter(), epoch=None)])
    found = await one(store, "d-1")
    assert found is not None
    assert found.epoch is None
