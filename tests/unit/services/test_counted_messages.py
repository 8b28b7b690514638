"""Messages as metrics tell them, delivered by the real service to an agent with a composer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.services.test_delivery_running import Bench, serving
from tests.unit.services.tiny_agent import ADA, settle_in
from tests.waiting import eventually

from iterm_mcp.app.counting import waiting_of
from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.deliveries import END_REASONS, FINAL, EndReason, Move, Policy, Stage
from iterm_mcp.services.deliveries import courier as delivery_courier
from iterm_mcp.services.deliveries import terminal as delivery_terminal
from iterm_mcp.services.deliveries import writing as delivery_writing
from iterm_mcp.services.deliveries.courier import NO_AGENT
from iterm_mcp.services.deliveries.end_words import tell_end, word_of
from iterm_mcp.services.deliveries.following import STARTED_ANEW
from iterm_mcp.services.deliveries.means import SERVER_ENDED
from iterm_mcp.services.deliveries.queue import DEPTH_LIMIT
from iterm_mcp.services.deliveries.service import Order
from iterm_mcp.services.deliveries.shell import TERMINAL_AWAY
from iterm_mcp.telemetry.message_metrics import DeliveryMetrics
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.models.deliveries import Delivery
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal


@dataclass
class Counted:
    """A bench whose messages are counted."""

    bench: Bench
    registry: CollectorRegistry

    def __post_init__(self) -> None:
        self.metrics = DeliveryMetrics(self.registry)
        self.bench.service.tell(self.moved)
        self.dead: int | None = None
        now = self.bench.clock.now
        self.metrics.waiting.begin(
            lambda: waiting_of(self.bench.service.waiting(), (), self.dead, now())
        )

    def moved(self, delivery: Delivery) -> None:
        tell_end(delivery, self.metrics)

    def read(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"iterm_mcp_{name}")

    def ended(self) -> dict[tuple[str, str], float]:
        """Return how many messages ended how, by outcome and reason; pairs without any not."""
        return {
            (sample.labels["outcome"], sample.labels["reason"]): sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == "iterm_mcp_receipts_ended_total" and sample.value
        }

    async def ends(self, stage: Stage, reason: str) -> None:
        """Wait until a message has ended so, and no other has."""
        await eventually(self.ended, lambda told: told == {(stage.value, reason): 1})


@pytest.fixture
async def counted(
    terminal: FakeTerminal, store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Counted]:
    monkeypatch.setattr(delivery_writing, "SEEN_SECONDS", 0.1)
    monkeypatch.setattr(delivery_terminal, "STRONG_SECONDS", 0.02)
    monkeypatch.setattr(delivery_courier, "HOLD_SECONDS", 0.02)
    tiny, session_id = await settle_in(terminal, store)
    async with serving(terminal, store, clock, tiny, session_id) as bench:
        yield Counted(bench, CollectorRegistry())


async def test_all_ends_are_there_from_the_start(counted: Counted) -> None:
    told = {
        (sample.labels["outcome"], sample.labels["reason"])
        for family in counted.registry.collect()
        for sample in family.samples
        if sample.name == "iterm_mcp_receipts_ended_total"
    }
    assert told == {(stage.value, one.value) for stage in END_REASONS for one in END_REASONS[stage]}
    assert set(END_REASONS) == FINAL


async def test_a_message_whose_turn_ended_is_counted_then_and_once(counted: Counted) -> None:
    bench = counted.bench
    sent = await bench.send()
    await bench.comes_to(sent, Stage.SUBMITTED)
    bench.states.tell("started", prompt="hello")
    await bench.comes_to(sent, Stage.STARTED)
    assert counted.ended() == {}
    bench.states.tell("ended")
    await counted.ends(Stage.ENDED, "none")


async def test_what_waits_is_counted_with_the_age_of_the_oldest(counted: Counted) -> None:
    bench = counted.bench
    assert (counted.read("messages_waiting"), counted.read("messages_oldest_waiting_seconds")) == (
        0,
        0,
    )
    bench.tiny.dialog = "may I?"
    first = await bench.send()
    await bench.waits(first, "dialog")
    bench.clock.advance(30)
    second = await bench.send("second")
    bench.clock.advance(5)
    assert counted.read("messages_waiting") == 2
    assert counted.read("messages_oldest_waiting_seconds") == 35
    await bench.service.cancel([first.delivery_id])
    assert counted.read("messages_oldest_waiting_seconds") == 5
    await bench.service.cancel([second.delivery_id])
    assert counted.read("messages_waiting") == 0
    assert counted.ended() == {("refused", "cancelled"): 2}


async def test_what_waited_when_a_daemon_ended_waits_in_the_next(
    counted: Counted, terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    counted.bench.tiny.dialog = "may I?"
    await counted.bench.waits(await counted.bench.send(), "dialog")
    clock.advance(60)
    tiny, session = counted.bench.tiny, counted.bench.session_id
    async with serving(terminal, store, clock, tiny, session) as later:
        assert [clock.now() - at for at in later.service.waiting()]
        assert waiting_of(later.service.waiting(), (), None, clock.now()).oldest_seconds == 60


async def test_a_key_that_is_repeated_ends_nothing_again(counted: Counted) -> None:
    bench = counted.bench
    bench.tiny.dialog = "may I?"
    agent = (await bench.store.agents.load()).agents[0]
    order = Order(agent, "hello", key="k")
    (sent,) = await bench.service.accept([bench.service.draw_up(order)])
    await bench.waits(sent, "dialog")
    await bench.service.cancel([sent.delivery_id])
    (same,) = await bench.service.accept([bench.service.draw_up(order)])
    assert same.delivery_id == sent.delivery_id
    assert counted.ended() == {("refused", "cancelled"): 1}


async def test_one_that_is_refused_at_once_for_want_of_room_is_counted(counted: Counted) -> None:
    counted.bench.tiny.dialog = "may I?"
    for number in range(DEPTH_LIMIT + 1):
        await counted.bench.send(f"message {number}")
    assert counted.ended() == {("refused", "no_room"): 1}
    assert counted.read("messages_waiting") == DEPTH_LIMIT


async def test_one_whose_time_is_over_has_expired(counted: Counted) -> None:
    counted.bench.tiny.gate = "trust"
    sent = await counted.bench.send(lifetime_seconds=30)
    await counted.bench.waits(sent, "before its composer")
    counted.bench.clock.advance(31)
    await counted.ends(Stage.EXPIRED, "none")


async def test_an_agent_that_has_ended_is_the_reason(counted: Counted) -> None:
    await counted.bench.states.become(AgentState.EXITED)
    await counted.bench.waits(await counted.bench.send(), "exited")
    counted.bench.clock.advance(60)
    await counted.ends(Stage.REFUSED, "agent_ended")


async def test_a_session_that_is_gone_is_the_reason(counted: Counted) -> None:
    counted.bench.terminal.fail_next("send_text", NotFoundError("session", "S"))
    await counted.bench.send()
    await counted.ends(Stage.REFUSED, "session_ended")


async def test_an_agent_that_is_no_more_is_the_reason(counted: Counted) -> None:
    counted.bench.tiny.dialog = "may I?"
    await counted.bench.waits(await counted.bench.send(), "dialog")
    await counted.bench.store.agents.remove_agent(ADA)
    await counted.ends(Stage.REFUSED, "no_agent")


async def test_what_cannot_be_steered_now_is_refused_for_that(counted: Counted) -> None:
    await counted.bench.send(policy=Policy.STEER)
    await counted.ends(Stage.REFUSED, "not_now")


async def test_a_message_that_may_stand_in_a_composer_is_unknown_for_that(
    counted: Counted,
) -> None:
    def ask() -> None:
        counted.bench.tiny.dialog = "may I?"

    counted.bench.tiny.meanwhile = ask
    await counted.bench.send()
    await counted.ends(Stage.UNKNOWN, "not_taken")


async def test_who_types_all_the_time_is_another_reason(counted: Counted) -> None:
    async with counted.bench.writers.hold(counted.bench.session_id):
        await counted.bench.send()
        await counted.ends(Stage.REFUSED, "other")


async def test_dead_letters_are_counted_until_they_are_purged(counted: Counted) -> None:
    bench = counted.bench
    assert counted.read("dead_letters") is None, "nobody has counted them"
    for number in range(DEPTH_LIMIT + 3):
        bench.tiny.dialog = "may I?"
        await bench.send(f"message {number}")
    counted.dead = await bench.letters.count()
    assert counted.read("dead_letters") == 3
    bench.clock.advance(1)
    await bench.letters.purge()
    assert await bench.letters.count() == 0


@pytest.mark.parametrize(
    ("stage", "reason", "word"),
    [
        (Stage.ENDED, "", EndReason.NONE),
        (Stage.ENDED, "its turn was interrupted", EndReason.INTERRUPTED),
        (Stage.ENDED, "its turn was given up", EndReason.GIVEN_UP),
        (Stage.ENDED, "for whatever reason", EndReason.NONE),
        (Stage.UNKNOWN, STARTED_ANEW, EndReason.GIVEN_UP),
        (Stage.UNKNOWN, SERVER_ENDED, EndReason.SERVER_ENDED),
        (Stage.UNKNOWN, NO_AGENT, EndReason.NO_AGENT),
        (Stage.UNKNOWN, "exited: its composer is gone", EndReason.AGENT_ENDED),
        (Stage.UNKNOWN, "it stands in the composer, whatever Enter does", EndReason.NOT_TAKEN),
        (Stage.UNKNOWN, "the terminal broke", EndReason.OTHER),
        (Stage.REFUSED, TERMINAL_AWAY, EndReason.TERMINAL_AWAY),
        (Stage.REFUSED, SERVER_ENDED, EndReason.OTHER),
        (Stage.EXPIRED, "its time was over: ready: it is", EndReason.NONE),
    ],
)
def test_every_sentence_has_a_word(stage: Stage, reason: str, word: EndReason) -> None:
    assert word_of(Move(stage, START, reason)) is word
    assert word in END_REASONS[stage]
