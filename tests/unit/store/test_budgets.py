from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from iterm_mcp.models.budgets import Crossing, Scope, Span, Spending, SpendingKey

if TYPE_CHECKING:
    from iterm_mcp.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
SLOT = int(START.timestamp())
DAY = Span(START, START + timedelta(days=1))


def key(
    slot: int = 0, agent: str = "ada", team: str = "dev", conversation: str = "c1"
) -> SpendingKey:
    return SpendingKey(SLOT + slot * 900, agent, team, conversation, "S1")


async def test_what_is_spent_is_added_up_by_scope_and_time(store: Store) -> None:
    one, two = Spending(5, 10, 1, 1), Spending(7, 20, 0, 1)
    assert await store.budgets.position() == 0
    assert await store.budgets.add(0, 4, {key(): one, key(95, "bob"): two, key(96): two})
    assert await store.budgets.add(4, 9, {key(): one, key(-1, "", "", ""): two})
    assert await store.budgets.position() == 9
    spent = store.budgets.spent
    assert await spent(Scope.ALL, (), DAY) == {"": one + one + two}
    assert await spent(Scope.AGENT, (), DAY) == {"ada": one + one, "bob": two}
    assert await spent(Scope.AGENT, ("ada",), DAY) == {"": one + one}
    assert await spent(Scope.TEAM, ("dev", "ops"), DAY) == {"": one + one + two}
    ever = Span(datetime(1970, 1, 1, tzinfo=UTC), None)
    assert await spent(Scope.CONVERSATION, (), ever) == {"c1": one + one + two + two}
    assert await spent(Scope.SESSION, ("nobody",), ever) == {}
    assert await spent(Scope.ALL, (), Span(START - timedelta(days=9), START)) == {"": two}
    assert await store.budgets.spenders(Scope.ALL, (), DAY) == ("ada", "bob")
    assert await store.budgets.spenders(Scope.AGENT, ("bob",), DAY) == ("bob",)


async def test_events_that_were_counted_are_not_counted_again(store: Store) -> None:
    assert await store.budgets.add(0, 4, {key(): Spending(5, 10)})
    assert not await store.budgets.add(0, 4, {key(): Spending(5, 10)})
    assert await store.budgets.spent(Scope.ALL, (), DAY) == {"": Spending(5, 10)}


async def test_a_step_is_crossed_once_and_acted_on_once_for_an_agent(store: Store) -> None:
    crossing = Crossing("daily", "", START, "20/0", 80, START)
    assert await store.budgets.cross(crossing)
    assert not await store.budgets.cross(crossing)
    assert await store.budgets.crossings(START) == (crossing,)
    assert await store.budgets.crossings(START + timedelta(seconds=1)) == ()
    assert await store.budgets.acted(crossing) == frozenset()
    for _ in range(2):
        await store.budgets.note_act(crossing, "ada")
    assert await store.budgets.acted(crossing) == {"ada"}
    raised = replace(crossing, limits="30/0")
    assert await store.budgets.acted(raised) == frozenset()
    assert await store.budgets.cross(raised)


async def test_what_is_old_is_forgotten(store: Store) -> None:
    await store.budgets.add(0, 1, {key(): Spending(5, 10)})
    await store.budgets.tidy(START + timedelta(days=400))
    assert await store.budgets.spent(Scope.ALL, (), DAY)
    await store.budgets.tidy(START + timedelta(days=401))
    assert not await store.budgets.spent(Scope.ALL, (), DAY)
