"""Tokens, money and turns as metrics tell them, by events that a real store keeps."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from tests.made_events import START
from tests.unit.services.events.test_intake import Crew, agent
from tests.waiting import eventually

from iterm_mcp.errors import InvalidRequestError, StoreError
from iterm_mcp.models.event_queries import EventQuery
from iterm_mcp.models.events import Cost, CostBasis, Event, EventKind, Links, TokenUsage
from iterm_mcp.services.background import beside
from iterm_mcp.services.events.counting import EventCounter
from iterm_mcp.services.events.intake import EventIntake
from iterm_mcp.services.events.prices import PriceSource
from iterm_mcp.services.events.spending import spent_on
from iterm_mcp.store.events import open_event_store
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from iterm_mcp.models.events import KeptEvent
    from iterm_mcp.store.events import EventStore

NUMBERS = count()
FREE = Cost(0, CostBasis.REPORTED)
SONNET = "claude-sonnet-4-5"
USAGE = TokenUsage(
    input=100, cache_read=2000, cache_write=30, cache_write_1h=4, output=50, reasoning=20
)
TYPES = ("input", "output", "cache_read", "cache_write", "reasoning")


@dataclass
class Daemon:
    """What one daemon keeps and counts."""

    store: EventStore
    intake: EventIntake
    metrics: Metrics
    kept: int = 0

    def read(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"iterm_mcp_{name}", labels)

    async def keep(self, *events: Event) -> None:
        """Keep events, and wait until they are counted, by one that is kept behind them."""
        self.kept += 1
        last = answer(f"last{next(NUMBERS)}", "last", TokenUsage(input=1), FREE)
        await self.intake.take([*events, last])
        await eventually(
            lambda: self.read("tokens_total", model="last", type="input"),
            lambda told: told == self.kept,
        )

    def tokens(self, model: str) -> dict[str, float | None]:
        return {one: self.read("tokens_total", model=model, type=one) for one in TYPES}

    def total(self, name: str) -> float:
        return sum(
            sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == f"iterm_mcp_{name}"
        )


@asynccontextmanager
async def daemon(folder: Path) -> AsyncIterator[Daemon]:
    """Run what keeps and counts events, as a daemon does from its start to its end."""
    clock = FakeClock(START)
    async with open_event_store(str(folder), clock) as store:
        metrics = Metrics()
        crew = Crew(agent("ada", "S1", "web"))
        intake = EventIntake(store, PriceSource(), crew)
        counter = EventCounter(metrics.costs, metrics.lives)
        async with beside(counter.follow, store, store.newest):
            yield Daemon(store, intake, metrics)


def answer(key: str, model: str = SONNET, usage: TokenUsage = USAGE, cost: Cost | None = None,
           **links: str) -> Event:  # fmt: skip
    return Event(
        key, START, EventKind.MODEL_ANSWERED, "claude.transcript",
        links=Links(kind="claude", model=model, conversation="c1", **links), usage=usage, cost=cost,
    )  # fmt: skip


def moment(
    kind: EventKind, seconds: float, key: str = "", seconds_told: float | None = None, **links: str
) -> Event:
    given = {"kind": "claude", "conversation": "c1", "agent": "ada", **links}
    return Event(
        key or f"{kind}{seconds}{links}", START + timedelta(seconds=seconds), kind, "claude.hook",
        links=Links(**given), duration_seconds=seconds_told,
    )  # fmt: skip


async def test_each_token_is_of_one_type_and_costs_what_the_store_has_priced(
    tmp_path: Path,
) -> None:
    async with daemon(tmp_path) as one:
        await one.keep(answer("a"))
        assert one.tokens(SONNET) == {
            "input": 100, "output": 30, "cache_read": 2000, "cache_write": 34, "reasoning": 20,
        }  # fmt: skip
        assert sum(filter(None, one.tokens(SONNET).values())) == USAGE.total
        page = await one.store.query(EventQuery(limit=10))
        (kept,) = (found.event for found in page.events if found.event.key == "a")
        assert kept.cost is not None
        assert kept.cost.basis is CostBasis.COMPUTED
        assert one.read("cost_usd_total", model=SONNET) == pytest.approx(kept.cost.dollars)
        assert one.read("unpriced_tokens_total", model=SONNET) == 0


async def test_what_is_told_again_counts_once_and_so_does_what_an_earlier_daemon_kept(
    tmp_path: Path,
) -> None:
    async with daemon(tmp_path) as one:
        await one.keep(answer("a"), answer("b"))
        await one.keep(answer("a"), answer("b"), answer("c"))
        assert one.read("tokens_total", model=SONNET, type="input") == 300
    async with daemon(tmp_path) as later:
        assert later.read("tokens_total", model=SONNET, type="input") is None
        await later.keep(replace(answer("a"), key="d"), answer("c"))
        assert later.read("tokens_total", model=SONNET, type="input") == 100


async def test_the_counters_are_what_the_store_holds(tmp_path: Path) -> None:
    models = (SONNET, "claude-opus-4-5", "gpt-5-codex", "nobodys-model")
    events = [
        answer(f"e{at}", models[at % 4], TokenUsage(input=at, output=at // 2, cache_read=7 * at))
        for at in range(200)
    ]
    async with daemon(tmp_path) as one:
        await one.keep(*events)
        await one.keep(*events[::2])
        page = await one.store.query(EventQuery(limit=1000))
        held = spent_on(found.event for found in page.events)
        assert one.total("tokens_total") == held.usage.total
        assert one.total("cost_usd_total") == pytest.approx(held.dollars)
        assert one.total("unpriced_tokens_total") == held.unpriced > 0


async def test_what_nobody_has_priced_costs_nothing_and_says_so(tmp_path: Path) -> None:
    async with daemon(tmp_path) as one:
        await one.keep(answer("a", "nobodys-model"), answer("b", ""))
        assert one.read("unpriced_tokens_total", model="nobodys-model") == USAGE.total
        assert one.read("cost_usd_total", model="nobodys-model") == 0
        assert one.read("unpriced_tokens_total", model="none") == USAGE.total


async def test_no_more_of_an_answer_is_reasoning_than_there_is(tmp_path: Path) -> None:
    async with daemon(tmp_path) as one:
        await one.keep(answer("a", usage=TokenUsage(output=3, reasoning=5)))
        assert one.read("tokens_total", model=SONNET, type="output") == 0
        assert one.read("tokens_total", model=SONNET, type="reasoning") == 3


async def test_what_no_counter_could_take_is_not_kept(tmp_path: Path) -> None:
    async with daemon(tmp_path) as one:
        with pytest.raises(InvalidRequestError, match="out of range"):
            await one.intake.take([answer("a", usage=TokenUsage(input=-5), cost=FREE)])
        with pytest.raises(InvalidRequestError, match="out of range"):
            await one.intake.take([answer("b", cost=Cost(-1, CostBasis.REPORTED))])


async def test_models_that_come_too_late_are_counted_together(tmp_path: Path) -> None:
    cost = Cost(10**9, CostBasis.REPORTED)
    async with daemon(tmp_path) as one:
        await one.keep(answer("last0", "last", TokenUsage(), cost))
        await one.keep(*(answer(f"m{at}", f"model-{at}", cost=cost) for at in range(60)))
        assert one.total("cost_usd_total") == pytest.approx(61)
        assert one.read("cost_usd_total", model="other") == pytest.approx(31)


async def test_a_turn_is_timed_from_its_prompt_to_its_end(tmp_path: Path) -> None:
    async with daemon(tmp_path) as one:
        await one.keep(
            moment(EventKind.PROMPT_SUBMITTED, 0, turn="t1"),
            moment(EventKind.PROMPT_SUBMITTED, 1, turn="t1"),  # the same, by another source
            moment(EventKind.TURN_ENDED, 10, turn="t1"),
            moment(EventKind.PROMPT_SUBMITTED, 20, turn="t2"),
            moment(EventKind.TURN_FAILED, 23, turn="t2"),
            moment(EventKind.PROMPT_SUBMITTED, 30),
            moment(EventKind.PROMPT_SUBMITTED, 40),  # the one before was never heard of again
            moment(EventKind.TURN_INTERRUPTED, 45),
        )
        read = one.read
        for outcome in ("done", "failed", "interrupted"):
            assert read("agent_turns_total", kind="claude", outcome=outcome) == 1
        assert read("agent_turn_duration_seconds_sum", kind="claude") == 10 + 3 + 5
        assert read("agent_turn_duration_seconds_count", kind="claude") == 3


async def test_the_end_of_a_turn_counts_once_in_whatever_words_it_is_told(tmp_path: Path) -> None:
    async with daemon(tmp_path) as one:
        await one.keep(
            moment(EventKind.PROMPT_SUBMITTED, 0, turn="t1"),
            moment(EventKind.TURN_ENDED, 10, "hook", turn="t1"),
            moment(EventKind.TURN_ENDED, 10, "transcript", turn="t1"),
            moment(EventKind.TURN_ENDED, 10, "hook", turn="t1"),
        )
        assert one.read("agent_turns_total", kind="claude", outcome="done") == 1


async def test_who_says_how_long_a_turn_took_is_believed(tmp_path: Path) -> None:
    async with daemon(tmp_path) as one:
        await one.keep(
            moment(EventKind.PROMPT_SUBMITTED, 0, turn="t1"),
            moment(EventKind.TURN_ENDED, 10, seconds_told=9.5, turn="t1"),
        )
        assert one.read("agent_turn_duration_seconds_sum", kind="claude") == 9.5


async def test_a_turn_whose_begin_nobody_saw_counts_without_a_time(tmp_path: Path) -> None:
    async with daemon(tmp_path) as one:
        await one.keep(moment(EventKind.TURN_ENDED, 10, turn="t1"))
        assert one.read("agent_turns_total", kind="claude", outcome="done") == 1
        assert one.read("agent_turn_duration_seconds_count", kind="claude") is None


async def test_turns_of_subagents_and_of_nobodys_conversations_are_none(tmp_path: Path) -> None:
    async with daemon(tmp_path) as one:
        await one.keep(
            moment(EventKind.TURN_ENDED, 1, turn="t1", subagent="s1"),
            moment(EventKind.TURN_ENDED, 2, turn="t2", agent="", conversation="c2"),
        )
        assert one.total("agent_turns_total") == 0


async def test_many_turns_that_never_end_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iterm_mcp.services.events.counting.MOST_TURNS", 2)
    async with daemon(tmp_path) as one:
        begun = [moment(EventKind.PROMPT_SUBMITTED, at, turn=f"t{at}") for at in range(3)]
        await one.keep(*begun, *(moment(EventKind.TURN_ENDED, 9, turn=f"t{at}") for at in range(3)))
        assert one.read("agent_turns_total", kind="claude", outcome="done") == 3
        assert one.read("agent_turn_duration_seconds_count", kind="claude") == 2


async def test_events_that_could_not_be_read_are_counted_when_they_can(tmp_path: Path) -> None:
    class Troubled:
        """A store that cannot be read twice, the second time amid the events."""

        def __init__(self, store: EventStore) -> None:
            self.store, self.left, self.asked = store, 2, list[int]()

        async def after(self, number: int) -> AsyncGenerator[tuple[KeptEvent, ...], None]:
            self.asked.append(number)
            self.left -= 1
            if self.left == 1:
                raise StoreError("the disk is away")
            async for kept in self.store.after(number):
                yield kept
                if self.left == 0:
                    self.left -= 1
                    raise StoreError("the disk is away again")

    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async with daemon(tmp_path) as one:
        metrics = Metrics()
        troubled = Troubled(one.store)
        counter = EventCounter(metrics.costs, metrics.lives, pause)
        async with beside(counter.follow, troubled, one.store.newest):
            await one.keep(answer("a"))
            await one.keep(answer("b"))
            await eventually(
                lambda: metrics.registry.get_sample_value(
                    "iterm_mcp_tokens_total", {"model": SONNET, "type": "input"}
                ),
                lambda tokens: tokens == 200,
            )
        assert len(pauses) == 2
        assert troubled.asked[0] == troubled.asked[1] < troubled.asked[2]


async def test_counting_ends_with_the_store(tmp_path: Path) -> None:
    async with open_event_store(str(tmp_path), FakeClock(START)) as store:
        metrics = Metrics()
        await store.aclose()
        await EventCounter(metrics.costs, metrics.lives).follow(store, store.newest)
