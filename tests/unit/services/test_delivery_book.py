"""Where messages stand: every step is legal, on the disk, and told to who waits."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
)
from tests.unit.services.letters import letter

from iterm_mcp.errors import NotFoundError, StoreError
from iterm_mcp.models.deliveries import MOVES, DeliveryId, Stage
from iterm_mcp.services.deliveries.book import UNDER_WAY, DeliveryBook, IllegalMoveError
from iterm_mcp.store import open_store
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.store import Store

ONE = DeliveryId("d-1")
DAY = timedelta(days=1)


@pytest.fixture
def book(store: Store, clock: FakeClock) -> DeliveryBook:
    return DeliveryBook(store.deliveries, clock)


async def break_store(store: Store, *, on: bool = True) -> None:
    word = "ON" if on else "OFF"
    await store.deliveries._database.read(
        lambda connection: connection.execute(f"PRAGMA query_only = {word}")
    )


async def test_a_step_is_on_the_disk_when_it_was_taken(book: DeliveryBook, store: Store) -> None:
    await book.accept([letter()])
    await book.move(ONE, Stage.LEASED, details={"lease": 1})
    after = await book.move(ONE, Stage.WRITTEN, evidence="e")

    assert (await store.deliveries.find([ONE]))[ONE] == after
    assert after.details == {"lease": 1}


async def test_an_illegal_step_is_a_bug_and_changes_nothing(book: DeliveryBook) -> None:
    await book.accept([letter()])
    with pytest.raises(IllegalMoveError):
        await book.move(ONE, Stage.ENDED)
    found = book.get(ONE)
    assert found is not None
    assert found.stage is Stage.ACCEPTED


async def test_what_is_not_under_way_cannot_move(book: DeliveryBook) -> None:
    with pytest.raises(NotFoundError):
        await book.move(ONE, Stage.LEASED)


async def test_many_steps_at_once_share_a_transaction(book: DeliveryBook, store: Store) -> None:
    letters = [letter(f"d-{number}") for number in range(50)]
    await book.accept(letters)
    database = store.deliveries._database
    before = database._connection.total_changes
    written = 0
    record = store.deliveries.record

    async def counted(changes: Any) -> None:  # noqa: ANN401
        nonlocal written
        written += 1
        await record(changes)

    store.deliveries.record = counted  # type: ignore[method-assign]
    async with anyio.create_task_group() as group:
        for one in letters:
            group.start_soon(book.move, one.delivery_id, Stage.LEASED)

    assert written <= 3
    assert database._connection.total_changes > before
    found = await store.deliveries.at_stages({Stage.LEASED})
    assert len(found) == 50


async def test_a_lease_that_cannot_be_written_down_is_none(
    book: DeliveryBook, store: Store
) -> None:
    await book.accept([letter()])
    await break_store(store)
    with pytest.raises(StoreError):
        await book.move(ONE, Stage.LEASED)
    found = book.get(ONE)
    assert found is not None
    assert found.stage is Stage.ACCEPTED


async def test_a_later_step_that_cannot_be_written_down_is_true_all_the_same(
    book: DeliveryBook, store: Store
) -> None:
    await book.accept([letter()])
    await book.move(ONE, Stage.LEASED)
    await break_store(store)
    await book.move(ONE, Stage.WRITTEN)
    book.release(ONE)

    assert (await book.find([ONE]))[ONE].stage is Stage.WRITTEN
    await break_store(store, on=False)
    assert (await store.deliveries.find([ONE]))[ONE].stage is Stage.LEASED


async def test_who_waits_is_told_of_each_step_and_why_a_message_waits(
    book: DeliveryBook,
) -> None:
    await book.accept([letter()])
    told: list[str] = []

    def arrived(found: Any) -> bool:  # noqa: ANN401
        told.append(f"{found[ONE].stage} {book.why(ONE)}".strip())
        return found[ONE].stage is Stage.WRITTEN

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(book.wait, [ONE], arrived, 5.0)
            await anyio.wait_all_tasks_blocked()
            book.explain(ONE, "a dialog stands")
            book.explain(ONE, "a dialog stands")
            await anyio.wait_all_tasks_blocked()
            await book.move(ONE, Stage.LEASED)
            await anyio.wait_all_tasks_blocked()
            await book.move(ONE, Stage.WRITTEN)

    assert told == ["accepted", "accepted a dialog stands", "leased", "written"]
    assert book._waiters == {}


async def test_a_wait_that_is_over_returns_what_stands(book: DeliveryBook) -> None:
    await book.accept([letter()])
    found = await book.wait([ONE], lambda _found: False, 0.01)
    assert found[ONE].stage is Stage.ACCEPTED


async def test_a_message_that_is_released_is_still_found(book: DeliveryBook) -> None:
    await book.accept([letter()])
    await book.move(ONE, Stage.REFUSED, reason="no")
    book.release(ONE)
    assert book.get(ONE) is None
    assert (await book.find([ONE, DeliveryId("nobody")])).keys() == {ONE}


async def test_what_was_under_way_is_taken_up_by_the_next_process(
    book: DeliveryBook, store: Store, clock: FakeClock
) -> None:
    await book.accept([letter(f"d-{number}") for number in range(4)])
    for delivery_id in ("d-1", "d-2", "d-3"):
        await book.move(DeliveryId(delivery_id), Stage.LEASED)
    for delivery_id in ("d-2", "d-3"):
        await book.move(DeliveryId(delivery_id), Stage.WRITTEN)
    clock.advance(2 * DAY.total_seconds())
    await book.move(DeliveryId("d-3"), Stage.SUBMITTED)

    found = await DeliveryBook(store.deliveries, clock).load(DAY)

    assert {one.delivery_id for one in found} == {"d-0", "d-1", "d-3"}
    clock.advance(60 * DAY.total_seconds())
    assert await book.tidy(DAY) == 2


class Ways(RuleBasedStateMachine):
    """Messages move at random, the process ends at random: disk and memory never disagree."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.stack = AsyncExitStack()
        self.clock = FakeClock()
        path = str(Path(self.folder.name) / "state.db")
        self.store: Store = self.run(self.stack.enter_async_context(open_store(path, self.clock)))
        self.book = DeliveryBook(self.store.deliveries, self.clock)
        self.moves: dict[DeliveryId, list[Stage]] = {}

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        return self.runner.run(work)

    @rule(target=ids, number=st.integers(0, 10**9))
    def accept(self, number: int) -> DeliveryId:
        delivery_id = DeliveryId(f"d-{number}")
        if delivery_id not in self.moves:
            self.run(self.book.accept([letter(delivery_id)]))
            self.moves[delivery_id] = [Stage.ACCEPTED]
        return delivery_id

    @rule(delivery_id=ids, stage=st.sampled_from(Stage))
    def move(self, delivery_id: DeliveryId, stage: Stage) -> None:
        legal = stage in MOVES[self.moves[delivery_id][-1]]
        if self.book.get(delivery_id) is None:
            with pytest.raises(NotFoundError):
                self.run(self.book.move(delivery_id, stage))
        elif legal:
            self.run(self.book.move(delivery_id, stage))
            self.moves[delivery_id].append(stage)
        else:
            with pytest.raises(IllegalMoveError):
                self.run(self.book.move(delivery_id, stage))

    @rule(delivery_id=ids)
    def release(self, delivery_id: DeliveryId) -> None:
        if self.moves[delivery_id][-1] not in UNDER_WAY:
            self.book.release(delivery_id)

    @rule()
    def end_and_begin_anew(self) -> None:
        self.book = DeliveryBook(self.store.deliveries, self.clock)
        self.run(self.book.load(DAY))

    @invariant()
    def every_message_is_where_its_steps_lead(self) -> None:
        on_disk: dict[DeliveryId, Delivery] = self.run(self.store.deliveries.find(list(self.moves)))
        known: dict[DeliveryId, Delivery] = self.run(self.book.find(list(self.moves)))
        for delivery_id, stages in self.moves.items():
            assert [move.stage for move in on_disk[delivery_id].moves] == stages
            assert known[delivery_id] == on_disk[delivery_id]

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()


Ways.TestCase.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestWays = Ways.TestCase
