"""What agents asked is kept as it was, and answered once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.models.approvals import Answer, Approval, ApprovalId, Asks, Channel
from iterm_mcp.models.ids import AgentName
from iterm_mcp.store import Store, open_store
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from iterm_mcp.testing import FakeClock

FIRST = Approval(
    ApprovalId("a1"), AgentName("ann"), 3, Asks.PERMISSION, "Bash", {"command": "ls ✨", "n": [1]},
    "May it?", ("Yes", "No"), START, None, "d1", exact=True,
)  # fmt: skip
LATER = replace(
    FIRST, approval_id=ApprovalId("a2"), agent=AgentName("ben"), asks=Asks.QUESTION, tool="",
    input={}, exact=False, asked_at=START + timedelta(seconds=1),
)  # fmt: skip
ALLOWED = Answer("allow", "desk", Channel.HOOK, START + timedelta(seconds=9), "well then")
DENIED = replace(ALLOWED, choice="deny", at=ALLOWED.at + timedelta(seconds=1))


async def add(store: Store, *approvals: Approval) -> None:
    for one in approvals:
        await store.approvals.add(one, forget_before=START)


async def test_approvals_come_back_after_a_restart(path: str, clock: FakeClock) -> None:
    async with open_store(path, clock) as store:
        await add(store, LATER, FIRST)
    async with open_store(path, clock) as store:
        assert await store.approvals.standing() == (FIRST, LATER)
        assert await store.approvals.find(LATER.approval_id) == LATER
        assert await store.approvals.find(ApprovalId("none")) is None


async def test_the_first_answer_holds_also_if_two_come_at_once(store: Store) -> None:
    await add(store, FIRST, LATER)
    won: list[Answer] = []

    async def settle(answer: Answer) -> None:
        if await store.approvals.settle(FIRST.approval_id, answer):
            won.append(answer)

    async with anyio.create_task_group() as group:
        for answer in (ALLOWED, DENIED):
            group.start_soon(settle, answer)
    assert len(won) == 1
    assert await store.approvals.find(FIRST.approval_id) == replace(FIRST, answer=won[0])
    assert await store.approvals.standing() == (LATER,)


async def test_what_was_answered_is_listed_with_the_newest_first(store: Store) -> None:
    await add(store, FIRST, LATER)
    await store.approvals.settle(FIRST.approval_id, ALLOWED)
    await store.approvals.settle(LATER.approval_id, DENIED)
    found = await store.approvals.answered(10)
    assert [one.approval_id for one in found] == ["a2", "a1"]
    assert [one.agent for one in await store.approvals.answered(10, "ann")] == ["ann"]
    assert len(await store.approvals.answered(1)) == 1


async def test_more_is_learned_only_of_what_is_open(store: Store) -> None:
    await add(store, FIRST)
    better = replace(FIRST, tool="Write", input={"file_path": "/x"}, options=("Go",))
    await store.approvals.enrich(better)
    assert await store.approvals.standing() == (better,)
    await store.approvals.settle(FIRST.approval_id, ALLOWED)
    await store.approvals.enrich(FIRST)
    assert await store.approvals.find(FIRST.approval_id) == replace(better, answer=ALLOWED)


async def test_an_answer_that_did_not_come_through_gives_way_and_an_open_one_has_none(
    store: Store,
) -> None:
    await add(store, FIRST)
    await store.approvals.amend(FIRST.approval_id, DENIED)
    assert await store.approvals.standing() == (FIRST,)
    await store.approvals.settle(FIRST.approval_id, ALLOWED)
    await store.approvals.amend(FIRST.approval_id, DENIED)
    assert await store.approvals.find(FIRST.approval_id) == replace(FIRST, answer=DENIED)


async def test_what_was_answered_long_ago_is_forgotten_and_what_is_open_never(
    store: Store,
) -> None:
    await add(store, FIRST, LATER)
    await store.approvals.settle(FIRST.approval_id, ALLOWED)
    newest = replace(FIRST, approval_id=ApprovalId("a3"), asked_at=START + timedelta(days=99))
    await store.approvals.add(newest, forget_before=START + timedelta(days=69))
    assert [one.approval_id for one in await store.approvals.standing()] == ["a2", "a3"]
    assert await store.approvals.find(FIRST.approval_id) is None
