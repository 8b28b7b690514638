"""A key answers with what was stored under it, for as long as it lives."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.errors import ConflictError
from iterm_mcp.models.ids import AgentName, SessionId, TeamName
from iterm_mcp.models.messages import CascadeResult, Receipt, ReceiptState, Source
from iterm_mcp.store import Store, open_store
from iterm_mcp.store.cascades import _from_json, _to_json
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from iterm_mcp.testing import FakeClock

LIFE = timedelta(seconds=60)
ENDS = START + LIFE

UNKNOWN = Receipt(
    agent=AgentName("ada"),
    session_id=SessionId("s1"),
    text="deploy ✨\n",
    source=Source.TEAM,
    team=TeamName("backend"),
    state=ReceiptState.UNKNOWN,
    reason="the server ended",
    at=START + timedelta(microseconds=5),
)
CLAIMED = CascadeResult((UNKNOWN,), (AgentName("bob"),))
SETTLED = CascadeResult(
    (replace(UNKNOWN, state=ReceiptState.WRITTEN, reason=""),), CLAIMED.unreached
)


async def test_a_free_key_is_the_callers_to_use(store: Store) -> None:
    assert await store.cascades.find("k", "hash") is None
    assert await store.cascades.claim("k", "hash", CLAIMED, ENDS) is None


async def test_a_claimed_key_answers_with_what_was_stored_at_the_claim(store: Store) -> None:
    await store.cascades.claim("k", "hash", CLAIMED, ENDS)

    assert await store.cascades.claim("k", "hash", SETTLED, ENDS) == replace(CLAIMED, replayed=True)
    assert await store.cascades.find("k", "hash") == replace(CLAIMED, replayed=True)


async def test_a_settled_key_answers_with_the_result_also_after_a_restart(
    path: str, clock: FakeClock
) -> None:
    async with open_store(path, clock) as store:
        await store.cascades.claim("k", "hash", CLAIMED, ENDS)
        await store.cascades.settle("k", "hash", SETTLED, ENDS)

    async with open_store(path, clock) as store:
        assert await store.cascades.find("k", "hash") == replace(SETTLED, replayed=True)


async def test_a_key_used_for_another_request_is_a_conflict(store: Store) -> None:
    await store.cascades.claim("k", "hash", CLAIMED, ENDS)

    with pytest.raises(ConflictError) as caught:
        await store.cascades.find("k", "other")
    with pytest.raises(ConflictError):
        await store.cascades.claim("k", "other", CLAIMED, ENDS)

    assert caught.value.code == "idempotency_key_reused"


async def test_a_key_lives_until_its_expiry_and_is_then_forgotten(
    store: Store, clock: FakeClock
) -> None:
    await store.cascades.claim("k", "hash", CLAIMED, ENDS)
    clock.advance(59.999)
    assert await store.cascades.find("k", "hash") is not None

    clock.advance(0.001)

    assert await store.cascades.find("k", "hash") is None
    assert await store.cascades.claim("k", "other", CLAIMED, ENDS + LIFE) is None


async def test_expired_keys_are_purged_and_living_ones_stay(store: Store, clock: FakeClock) -> None:
    for number in range(3):
        await store.cascades.claim(f"old{number}", "hash", CLAIMED, ENDS)
    await store.cascades.claim("young", "hash", CLAIMED, ENDS + LIFE)
    assert await store.cascades.purge() == 0

    clock.advance(60)

    assert await store.cascades.purge() == 3
    assert await store.cascades.purge() == 0
    assert await store.cascades.find("young", "hash") is not None


async def test_a_claim_purges_on_its_way(store: Store, clock: FakeClock) -> None:
    await store.cascades.claim("old", "hash", CLAIMED, ENDS)
    clock.advance(60)

    await store.cascades.claim("new", "hash", CLAIMED, ENDS + LIFE)

    assert await store.cascades.purge() == 0


async def test_a_result_can_be_settled_after_its_claim_was_purged(
    store: Store, clock: FakeClock
) -> None:
    await store.cascades.claim("k", "hash", CLAIMED, ENDS)
    clock.advance(60)
    await store.cascades.purge()

    await store.cascades.settle("k", "hash", SETTLED, ENDS + LIFE)

    assert await store.cascades.find("k", "hash") == replace(SETTLED, replayed=True)


async def test_of_two_claims_at_the_same_time_one_wins(path: str, clock: FakeClock) -> None:
    """Also between two processes: here, two stores on one file."""
    answers: list[CascadeResult | None] = []

    async def claim(store: Store) -> None:
        answers.append(await store.cascades.claim("k", "hash", CLAIMED, ENDS))

    async with open_store(path, clock) as one, open_store(path, clock) as other:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for store in (one, other) * 5:
                    group.start_soon(claim, store)

    assert answers.count(None) == 1
    assert len(answers) == 10


receipts = st.lists(
    st.builds(
        Receipt,
        agent=st.text().map(AgentName),
        session_id=st.text().map(SessionId),
        text=st.text(),
        source=st.sampled_from(Source),
        team=st.none() | st.text().map(TeamName),
        state=st.sampled_from(ReceiptState),
        reason=st.text(),
        at=st.datetimes(timezones=st.just(START.tzinfo)),
    )
)


@given(receipts)
def test_receipts_come_back_as_they_were_stored(receipts: list[Receipt]) -> None:
    result = CascadeResult(tuple(receipts), tuple(receipt.agent for receipt in receipts))

    assert _from_json(_to_json(result)) == result


def test_a_text_that_many_share_is_stored_once() -> None:
    text = "a long story " * 100
    shared = CascadeResult((replace(UNKNOWN, text=text),) * 50)

    assert _to_json(shared).count(text) == 1
