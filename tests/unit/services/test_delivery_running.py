"""Messages for an agent with a composer: typed once, seen to be taken, or said not to be."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from tests.unit.services.letters import letter
from tests.unit.services.tiny_agent import ADA, CLEAR, FakeStates, TinyAgent, TinyKind, settle_in
from tests.waiting import eventually

from iterm_mcp.agents.kinds import describing
from iterm_mcp.errors import (
    AgentGoneError,
    InvalidRequestError,
    NotFoundError,
    RefusedError,
    StoreError,
    TerminalUnavailableError,
)
from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.deliveries import Delivery, Move, Policy, Stage
from iterm_mcp.models.input import InputState
from iterm_mcp.services.deliveries import courier as delivery_courier
from iterm_mcp.services.deliveries import following as delivery_following
from iterm_mcp.services.deliveries import terminal as delivery_terminal
from iterm_mcp.services.deliveries import writing as delivery_writing
from iterm_mcp.services.deliveries.dead_letters import DeadLetters
from iterm_mcp.services.deliveries.queue import DEPTH_LIMIT
from iterm_mcp.services.deliveries.service import DeliveryService, Order, Urgency, make_deliveries
from iterm_mcp.services.holding import never_held
from iterm_mcp.services.sessions.writers import SessionWriters
from iterm_mcp.testing.fake_clock import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iterm_mcp.agents.driver import Conversation
    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.ids import AgentName, SessionId
    from iterm_mcp.services.deliveries.means import Conversations
    from iterm_mcp.services.holding import Held
    from iterm_mcp.services.states.asking import States
    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock, FakeTerminal


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as the real thing does, but shorter."""
    monkeypatch.setattr(delivery_writing, "SEEN_SECONDS", 0.1)
    monkeypatch.setattr(delivery_writing, "EMPTIED_SECONDS", 0.06)
    monkeypatch.setattr(delivery_writing, "STOPPED_SECONDS", 0.1)
    monkeypatch.setattr(delivery_writing, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(delivery_writing, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(delivery_terminal, "STRONG_SECONDS", 0.02)
    monkeypatch.setattr(delivery_following, "RECOVER_SECONDS", 0.2)
    monkeypatch.setattr(delivery_courier, "HOLD_SECONDS", 0.02)
    monkeypatch.setattr(delivery_courier, "DOUBT_SECONDS", 0.02)
    monkeypatch.setattr(delivery_courier, "FOLLOW_SECONDS", 0.02)
    defaults = delivery_terminal.TerminalRoute.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "confirm_seconds", 0.5)
    monkeypatch.setitem(defaults, "rescue_seconds", 0.05)


@dataclass
class Bench:
    """Everything a test may look at."""

    terminal: FakeTerminal
    store: Store
    clock: FakeClock
    tiny: TinyAgent
    session_id: SessionId
    states: FakeStates
    writers: SessionWriters
    service: DeliveryService
    letters: DeadLetters

    async def send(self, text: str = "hello", **urgency: Any) -> Delivery:  # noqa: ANN401
        agent = (await self.store.agents.load()).agents[0]
        order = Order(agent, text, Urgency(**urgency))
        (kept,) = await self.service.accept([self.service.draw_up(order)])
        return kept

    async def comes_to(self, delivery: Delivery, *stages: Stage) -> Delivery:
        async def standing() -> Delivery:
            return (await self.service.find([delivery.delivery_id]))[delivery.delivery_id]

        return await eventually(standing, lambda one: one.stage in stages)

    async def waits(self, delivery: Delivery, words: str) -> None:
        await eventually(lambda: words in self.service.why(delivery.delivery_id))


@asynccontextmanager
async def serving(
    terminal: FakeTerminal,
    store: Store,
    clock: FakeClock,
    tiny: TinyAgent,
    session_id: SessionId,
    conversations: Conversations | None = None,
    states: FakeStates | None = None,
    held: Held = never_held,
) -> AsyncIterator[Bench]:
    states, writers = states or FakeStates(tiny), SessionWriters(wait_seconds=0.05)
    service = make_deliveries(
        terminal, store, clock, writers, cast("States", states), conversations=conversations,
        held=held,
    )  # fmt: skip
    with describing([cast("AgentKind", TinyKind())]):
        async with service.running():
            letters = DeadLetters(store, service, clock)
            yield Bench(terminal, store, clock, tiny, session_id, states, writers, service, letters)


@pytest.fixture
async def bench(terminal: FakeTerminal, store: Store, clock: FakeClock) -> AsyncIterator[Bench]:
    tiny, session_id = await settle_in(terminal, store)
    async with serving(terminal, store, clock, tiny, session_id) as one:
        yield one


async def test_a_message_is_typed_seen_submitted_and_followed_to_the_end(bench: Bench) -> None:
    sent = await bench.send()
    await bench.comes_to(sent, Stage.SUBMITTED)
    bench.states.tell("started", prompt="hello")
    await bench.comes_to(sent, Stage.STARTED)
    bench.states.tell("ended")
    ended = await bench.comes_to(sent, Stage.ENDED)

    assert bench.tiny.received == ["hello"]
    assert [move.stage for move in ended.moves] == [
        Stage.ACCEPTED, Stage.LEASED, Stage.WRITTEN, Stage.SUBMITTED, Stage.STARTED, Stage.ENDED,
    ]  # fmt: skip
    assert ended.moves[3].evidence == "screen composer emptied"


async def test_a_turn_whose_end_nobody_told_is_over_when_the_next_is_typed_at_rest(
    bench: Bench,
) -> None:
    """As when its end came by a quick way before its start by a slow one."""
    first = await bench.send("first")
    await bench.comes_to(first, Stage.SUBMITTED)
    bench.states.tell("started", prompt="first")
    await bench.comes_to(first, Stage.STARTED)
    await bench.comes_to(await bench.send("second"), Stage.SUBMITTED)
    ended = await bench.comes_to(first, Stage.ENDED)
    assert ended.moves[-1].evidence == "it was at rest when the next one was typed"


async def test_an_enter_that_is_lost_is_pressed_again_only_while_the_message_stands_there(
    bench: Bench,
) -> None:
    bench.tiny.strand = 2
    await bench.comes_to(await bench.send(), Stage.SUBMITTED)
    assert bench.tiny.received == ["hello"]
    assert bench.tiny.typed == "hello\r\r\r"


async def test_a_composer_that_another_process_has_drawn_proves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = bench.states.view

    async def of_another_life(agent: AgentName) -> StateView:
        found = await view(agent)
        return replace(found, epoch=2) if "\r" in bench.tiny.typed else found

    monkeypatch.setattr(bench.states, "view", of_another_life)
    await bench.comes_to(await bench.send(), Stage.UNKNOWN)


async def test_a_message_that_no_enter_moves_is_taken_back_and_refused(bench: Bench) -> None:
    bench.tiny.strand = 99
    refused = await bench.comes_to(await bench.send(), Stage.REFUSED)
    assert "taken back" in refused.moves[-1].reason
    assert (bench.tiny.composer, bench.tiny.received) == ("", [])


async def test_a_message_whose_enter_waits_unread_is_no_refusal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unread(_session_id: SessionId) -> InputState:
        return InputState(queued=len(bench.tiny.composer))

    bench.tiny.strand = 99
    monkeypatch.setattr(bench.terminal, "read_input_state", unread)
    sent = await bench.send()
    unknown = await bench.comes_to(sent, Stage.UNKNOWN)
    assert "waits unread" in unknown.moves[-1].reason
    assert bench.tiny.composer == "hello", "nothing that takes back comes behind the Enter"
    assert bench.tiny.typed.count("\r") == 1
    bench.states.tell("submitted", prompt="hello")
    await bench.comes_to(sent, Stage.SUBMITTED)


async def test_a_message_that_was_taken_while_it_was_taken_back_is_no_refusal(
    bench: Bench,
) -> None:
    take = bench.tiny._take

    def late(text: str) -> None:
        take(text)
        if text == CLEAR:  # an Enter that it had kept came first
            bench.states.tell("submitted", prompt="hello")

    bench.tiny.strand, bench.tiny._take = 99, late  # type: ignore[method-assign]
    taken = await bench.comes_to(await bench.send(), Stage.SUBMITTED, Stage.REFUSED)
    assert taken.stage is Stage.SUBMITTED


async def test_an_agent_that_got_busy_while_a_message_was_taken_back_makes_it_unknown(
    bench: Bench,
) -> None:
    take = bench.tiny._take

    def late(text: str) -> None:
        take(text)
        bench.tiny.busy |= text == CLEAR

    bench.tiny.strand, bench.tiny._take = 99, late  # type: ignore[method-assign]
    await bench.comes_to(await bench.send(), Stage.UNKNOWN)


async def test_one_that_cannot_be_taken_back_either_is_unknown(bench: Bench) -> None:
    bench.tiny.strand, bench.tiny.stuck = 99, True
    unknown = await bench.comes_to(await bench.send(), Stage.UNKNOWN)
    assert "whatever Enter does" in unknown.moves[-1].reason


async def test_an_agent_that_takes_no_keys_gets_no_enter_and_the_message_when_it_does(
    bench: Bench,
) -> None:
    bench.tiny.deaf = True
    sent = await bench.send()
    await bench.waits(sent, "not seen in the composer")
    assert "\r" not in bench.tiny.typed
    bench.tiny.deaf = False
    await bench.comes_to(sent, Stage.SUBMITTED)
    assert bench.tiny.received == ["hello"]


async def test_a_text_that_its_composer_shows_otherwise_is_not_typed_for_ever(
    bench: Bench,
) -> None:
    take = bench.tiny._take

    def garbled(text: str) -> None:
        take("".join(reversed(text)))

    bench.tiny._take = garbled  # type: ignore[method-assign]
    refused = await bench.comes_to(await bench.send("hello"), Stage.REFUSED)
    assert "3 times" in refused.moves[-1].reason
    assert (bench.tiny.composer, bench.tiny.received) == ("", [])
    assert bench.tiny.typed.count("hello") == 3


async def test_half_a_long_message_that_a_crash_left_is_not_submitted(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    tiny, session_id = await settle_in(terminal, store)
    text = " ".join(f"word-{number}" for number in range(100))
    tiny.composer = text[:400]
    left = letter(text=text, session_id=session_id)
    leased = Move(Stage.LEASED, START)
    await store.deliveries.accept([Delivery(**{**_fields(left), "moves": (*left.moves, leased)})])

    async with serving(terminal, store, clock, tiny, session_id) as bench:
        await bench.comes_to(left, Stage.SUBMITTED)

    assert tiny.received == [text]


async def test_a_draft_is_put_aside_and_given_back(bench: Bench) -> None:
    bench.tiny.composer = "half a thought"
    await bench.comes_to(await bench.send(), Stage.SUBMITTED)
    await eventually(lambda: bench.tiny.composer == "half a thought")
    assert bench.tiny.received == ["hello"]


async def test_the_end_of_a_turn_that_is_told_while_the_next_message_is_typed_is_not_missed(
    bench: Bench,
) -> None:
    def ended() -> None:
        bench.states.tell("started", prompt="first")
        bench.states.tell("ended")

    first = await bench.send("first")
    await bench.comes_to(first, Stage.SUBMITTED)
    bench.tiny.composer, bench.tiny.meanwhile = "half a thought", ended
    await bench.comes_to(await bench.send("second"), Stage.SUBMITTED)

    assert (await bench.comes_to(first, Stage.ENDED)).stage is Stage.ENDED


async def test_a_paste_that_stands_there_is_left_alone(bench: Bench) -> None:
    bench.tiny.composer = "look at [Pasted text #1 +9 lines]"
    sent = await bench.send()
    await bench.waits(sent, "somebody's paste")
    assert bench.tiny.typed == ""


async def test_nobody_is_interrupted_while_typing(bench: Bench) -> None:
    bench.tiny.composer = "I am"
    read, count = bench.tiny.screen, 0

    def typing() -> Any:  # noqa: ANN401
        nonlocal count
        count += 1
        bench.tiny.composer = f"I am{'.' * count}"
        return read()

    bench.tiny.screen = typing  # type: ignore[method-assign]
    sent = await bench.send()
    await bench.waits(sent, "somebody is typing")
    assert bench.tiny.typed == ""


async def test_who_typed_at_the_same_moment_gets_the_text_back_and_the_message_follows(
    bench: Bench,
) -> None:
    def person() -> None:
        bench.tiny.composer = "mine "

    bench.tiny.meanwhile = person
    await bench.comes_to(await bench.send(), Stage.SUBMITTED)
    await eventually(lambda: bench.tiny.composer.strip() == "mine")
    assert bench.tiny.received == ["hello"]


async def test_a_dialog_that_comes_up_while_typing_is_not_answered(bench: Bench) -> None:
    def ask() -> None:
        bench.tiny.dialog = "may I?"

    bench.tiny.meanwhile = ask
    unknown = await bench.comes_to(await bench.send(), Stage.UNKNOWN)
    assert "Enter was not pressed" in unknown.moves[-1].reason
    assert "\r" not in bench.tiny.typed


async def test_a_composer_that_cannot_be_seen_is_typed_into_and_only_the_agent_can_tell(
    bench: Bench,
) -> None:
    bench.tiny.hidden = True
    sent = await bench.send()
    await bench.comes_to(sent, Stage.WRITTEN)
    bench.states.tell("submitted", prompt="hello")
    await bench.comes_to(sent, Stage.SUBMITTED)


async def test_a_composer_that_is_gone_while_the_agent_works_proves_that_it_was_taken(
    bench: Bench,
) -> None:
    def works() -> None:  # at its Enter
        bench.tiny.busy = bench.tiny.hidden = True

    bench.tiny.then = works
    sent = await bench.comes_to(await bench.send(), Stage.SUBMITTED)

    assert sent.moves[-1].evidence == "screen composer gone, and it works"


async def test_what_stands_before_a_message_that_was_typed_blindly_is_no_draft(
    bench: Bench,
) -> None:
    def shown() -> None:  # as of a line that was wiped in part, and that goes on now
        bench.tiny.hidden, bench.tiny.composer = False, "remains "

    bench.tiny.hidden, bench.tiny.meanwhile = True, shown
    await bench.comes_to(await bench.send(), Stage.WRITTEN)

    assert bench.tiny.received == ["remains hello"]


async def test_what_comes_back_by_our_interruption_is_no_draft(bench: Bench) -> None:
    bench.tiny.busy, bench.tiny.restores = True, "victim"
    await bench.comes_to(await bench.send(policy=Policy.INTERRUPT), Stage.SUBMITTED)
    assert bench.tiny.received == ["hello"]
    assert bench.tiny.composer == ""


async def test_a_prompt_that_came_back_as_a_stand_in_for_its_paste_is_known_as_ours(
    bench: Bench,
) -> None:
    """Nobody's paste is waited for then, for ever."""
    await bench.comes_to(await bench.send("see\nthis\nand that"), Stage.SUBMITTED)
    bench.tiny.composer = "see [Pasted text #1 +2 lines]"
    await bench.comes_to(await bench.send("next"), Stage.SUBMITTED)
    assert bench.tiny.received == ["see\nthis\nand that", "next"]


async def test_a_prompt_that_came_back_by_a_persons_interruption_is_known_as_ours(
    bench: Bench,
) -> None:
    await bench.comes_to(await bench.send("first"), Stage.SUBMITTED)
    bench.tiny.composer = "first"
    await bench.comes_to(await bench.send("second"), Stage.SUBMITTED)
    assert bench.tiny.received == ["first", "second"]
    assert bench.tiny.composer == ""


async def test_a_turn_that_cannot_be_stopped_is_waited_for(bench: Bench) -> None:
    bench.tiny.busy = bench.tiny.deaf = True
    sent = await bench.send(policy=Policy.INTERRUPT)
    await bench.waits(sent, "goes on")


async def test_a_message_that_is_cancelled_while_a_draft_is_put_aside_is_not_typed(
    bench: Bench,
) -> None:
    bench.tiny.composer = "half a thought"
    gate = bench.terminal.hold("send_text")
    sent = await bench.send()
    with anyio.fail_after(5):
        await gate.wait_arrived()  # the draft is about to be removed
    cancelled = await bench.service.cancel([sent.delivery_id])
    gate.open()
    await eventually(lambda: bench.tiny.typed)
    await eventually(lambda: bench.tiny.composer == "half a thought")

    assert cancelled == 1
    assert bench.tiny.received == []


async def test_while_a_dialog_stands_the_message_waits_and_says_so(bench: Bench) -> None:
    bench.tiny.dialog = "may I?"
    sent = await bench.send()
    await bench.waits(sent, "a dialog stands")
    found = await bench.service.typed([sent.delivery_id], 5)
    assert found[sent.delivery_id].stage is Stage.ACCEPTED
    bench.tiny.dialog = ""
    await bench.comes_to(sent, Stage.SUBMITTED)


async def test_a_message_of_a_kind_that_tells_nothing_ends_when_its_agent_is_ready_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_courier, "Silent", TinyKind)
    sent = await bench.send()
    await bench.comes_to(sent, Stage.SUBMITTED)
    bench.clock.advance(10)

    ended = await bench.comes_to(sent, Stage.ENDED)

    assert ended.moves[-1].evidence.endswith("ready since")


async def test_an_agent_that_has_ended_refuses_and_what_it_had_is_unknown(bench: Bench) -> None:
    sent = await bench.send()
    await bench.comes_to(sent, Stage.SUBMITTED)
    await bench.states.become(AgentState.EXITED)
    bench.clock.advance(60)

    refused = await bench.comes_to(await bench.send("again"), Stage.REFUSED)
    unknown = await bench.comes_to(sent, Stage.UNKNOWN)

    assert refused.moves[-1].reason == unknown.moves[-1].reason == "exited: so it is"


async def test_a_message_waits_for_an_agent_that_may_be_about_to_come_back(bench: Bench) -> None:
    await bench.states.become(AgentState.EXITED)
    sent = await bench.send()
    await bench.waits(sent, "exited")

    await bench.states.become(AgentState.READY)
    await bench.comes_to(sent, Stage.SUBMITTED)


async def test_a_session_that_ends_while_typing_is_a_refusal_and_no_doubt(bench: Bench) -> None:
    bench.terminal.fail_next("send_text", NotFoundError("session", "S"))
    refused = await bench.comes_to(await bench.send(), Stage.REFUSED)
    assert refused.moves[-1].reason == "session ended"


async def test_a_session_that_is_gone_before_is_refused(bench: Bench) -> None:
    await bench.terminal.close_session(bench.session_id)
    refused = await bench.comes_to(await bench.send(), Stage.REFUSED)
    assert refused.moves[-1].reason == "session ended"


async def test_an_agent_that_is_no_more_refuses(bench: Bench) -> None:
    bench.tiny.dialog = "may I?"
    sent = await bench.send()
    await bench.waits(sent, "dialog")
    await bench.store.agents.remove_agent(ADA)
    refused = await bench.comes_to(sent, Stage.REFUSED)
    assert "no such agent" in refused.moves[-1].reason


async def test_a_terminal_that_is_lost_before_the_enter_leaves_no_doubt_in_the_end(
    bench: Bench,
) -> None:
    def fail() -> None:
        bench.terminal.fail_next("send_text", TerminalUnavailableError("lost"))

    bench.tiny.meanwhile = fail
    sent = await bench.send()
    await bench.comes_to(sent, Stage.SUBMITTED)
    assert bench.tiny.received == ["hello"]


async def test_a_message_whose_enter_was_eaten_is_not_left_when_the_terminal_is_lost(
    bench: Bench,
) -> None:
    """Nor does the next one take its place, and leave it to be believed."""

    def fail() -> None:
        bench.terminal.fail_next("read_screen", TerminalUnavailableError("lost"))

    def at_its_enter() -> None:
        bench.tiny.meanwhile = fail

    bench.tiny.strand, bench.tiny.meanwhile = 1, at_its_enter
    first, second = await bench.send("first"), await bench.send("second")
    await bench.comes_to(first, Stage.SUBMITTED)
    await bench.comes_to(second, Stage.SUBMITTED)
    assert bench.tiny.received == ["first", "second"]


async def test_a_message_that_a_person_sent_before_it_was_seen_is_not_typed_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = bench.tiny._take

    def sent_with_theirs(typed: str) -> None:
        monkeypatch.setattr(bench.tiny, "_take", taken)
        bench.tiny.received.append(f"{typed}so I thought")
        bench.states.tell("queued", prompt=bench.tiny.received[-1])

    text = "see what the tests say, and mend it"
    monkeypatch.setattr(bench.tiny, "_take", sent_with_theirs)
    await bench.comes_to(await bench.send(text), Stage.QUEUED)
    assert bench.tiny.received == [f"{text}so I thought"]
    assert bench.tiny.typed.count(text) == 1


async def test_a_draft_is_given_back_though_somebody_else_sent_the_message(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, taken = "see what the tests say, and mend it", bench.tiny._take

    def sent_by_others(typed: str) -> None:
        if typed != text:
            taken(typed)
            return
        bench.tiny.received.append(typed)
        bench.states.tell("queued", prompt=typed)

    bench.tiny.composer = "half a thought"
    monkeypatch.setattr(bench.tiny, "_take", sent_by_others)
    await bench.comes_to(await bench.send(text), Stage.QUEUED)
    await eventually(lambda: bench.tiny.composer == "half a thought")
    assert bench.tiny.received == [text]


async def test_a_message_that_a_person_typed_on_behind_was_not_taken(bench: Bench) -> None:
    def type_on() -> None:
        bench.tiny.composer += " and so on"

    bench.tiny.strand = 9
    bench.tiny.meanwhile = lambda: setattr(bench.tiny, "meanwhile", type_on)
    unknown = await bench.comes_to(await bench.send(), Stage.UNKNOWN)
    assert bench.tiny.composer == "hello and so on"
    assert "nothing tells" in unknown.moves[-1].reason


async def test_a_session_that_another_types_into_all_the_time_refuses(bench: Bench) -> None:
    async with bench.writers.hold(bench.session_id):
        refused = await bench.comes_to(await bench.send(), Stage.REFUSED)
    assert "others were typing" in refused.moves[-1].reason


async def test_a_text_that_cannot_be_composed_any_more_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: object, _text: str) -> None:
        raise InvalidRequestError("cannot be typed")

    monkeypatch.setattr(TinyKind, "compose", refuse)
    refused = await bench.comes_to(await bench.send(), Stage.REFUSED)
    assert refused.moves[-1].reason == "cannot be typed"


async def test_a_store_that_fails_types_nothing_and_is_asked_again(bench: Bench) -> None:
    record, failures = bench.store.deliveries.record, 2

    async def failing(changes: Any) -> None:  # noqa: ANN401
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise StoreError("disk full")
        await record(changes)

    bench.store.deliveries.record = failing  # type: ignore[method-assign]
    sent = await bench.send()
    await bench.comes_to(sent, Stage.SUBMITTED)
    assert bench.tiny.received == ["hello"]


async def test_what_waits_too_long_expires_with_the_reason(bench: Bench) -> None:
    bench.tiny.gate = "trust"
    sent = await bench.send(lifetime_seconds=30)
    await bench.waits(sent, "before its composer")
    bench.clock.advance(31)
    expired = await bench.comes_to(sent, Stage.EXPIRED)
    assert "before its composer" in expired.moves[-1].reason


async def test_a_full_queue_refuses_clearly(bench: Bench) -> None:
    bench.tiny.dialog = "may I?"
    for number in range(DEPTH_LIMIT):
        await bench.send(f"message {number}")
    refused = await bench.send("one too many")
    assert refused.stage is Stage.REFUSED
    assert f"{DEPTH_LIMIT} messages wait" in refused.moves[-1].reason


async def test_higher_priority_is_typed_first(bench: Bench) -> None:
    bench.tiny.dialog = "may I?"
    last = await bench.send("usual")
    await bench.send("urgent", priority=5)
    bench.tiny.dialog = ""
    await bench.comes_to(last, Stage.SUBMITTED)
    assert bench.tiny.received == ["urgent", "usual"]


@pytest.mark.parametrize(
    "urgency", [{"lifetime_seconds": 0}, {"lifetime_seconds": 10**9}, {"priority": 1000}]
)
async def test_an_unfit_time_or_priority_is_refused(bench: Bench, urgency: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        await bench.send(**urgency)


# What an earlier process left.


@pytest.mark.parametrize(
    ("composer", "stage", "received"),
    [
        ("hello", Stage.SUBMITTED, ["hello"]),
        ("hel", Stage.SUBMITTED, ["hello"]),
        ("", Stage.UNKNOWN, []),
        ("something else", Stage.UNKNOWN, []),
    ],
)
async def test_what_may_have_been_typed_before_a_crash_is_looked_for_and_never_typed_twice(
    terminal: FakeTerminal,
    store: Store,
    clock: FakeClock,
    composer: str,
    stage: Stage,
    received: list[str],
) -> None:
    tiny, session_id = await settle_in(terminal, store)
    tiny.composer = composer
    left = letter(session_id=session_id)
    leased = Move(Stage.LEASED, START)
    await store.deliveries.accept([Delivery(**{**_fields(left), "moves": (*left.moves, leased)})])

    async with serving(terminal, store, clock, tiny, session_id) as bench:
        await bench.comes_to(left, stage)

    assert tiny.received == received


@pytest.mark.parametrize(
    ("epoch", "composer", "stage"),
    [
        (1, "", Stage.SUBMITTED),
        (0, "", Stage.UNKNOWN),
        (1, "something else", Stage.UNKNOWN),
    ],
)
async def test_a_message_that_was_seen_before_its_enter_and_no_more_after_a_crash_was_taken(
    terminal: FakeTerminal,
    store: Store,
    clock: FakeClock,
    epoch: int,
    composer: str,
    stage: Stage,
) -> None:
    tiny, session_id = await settle_in(terminal, store)
    tiny.composer = composer
    left = letter(session_id=session_id, details={"shown": True, "epoch": epoch})
    moves = (*left.moves, Move(Stage.LEASED, START), Move(Stage.WRITTEN, START))
    await store.deliveries.accept([Delivery(**{**_fields(left), "moves": moves})])

    async with serving(terminal, store, clock, tiny, session_id) as bench:
        await bench.comes_to(left, stage)

    assert tiny.typed == ""


async def test_a_composer_that_another_message_was_typed_into_proves_nothing_of_the_one_before(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    tiny, session_id = await settle_in(terminal, store)
    seen, leased = {"shown": True, "epoch": 1}, (Stage.LEASED, Stage.WRITTEN)
    former = letter("d-1", "former", session_id=session_id, details=seen)
    latter = letter("d-2", "latter", session_id=session_id, details=seen)
    for later, left in enumerate((former, latter)):
        at = START + timedelta(seconds=later)
        moves = (*left.moves, *(Move(stage, at) for stage in leased))
        await store.deliveries.accept([Delivery(**{**_fields(left), "moves": moves})])

    async with serving(terminal, store, clock, tiny, session_id) as bench:
        await bench.comes_to(latter, Stage.SUBMITTED)
        await bench.comes_to(former, Stage.UNKNOWN)


async def test_what_was_typed_blindly_before_a_crash_stays_what_it_was(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    """All of it was typed, and its Enter: only the agent's own word will tell more."""
    tiny, session_id = await settle_in(terminal, store)
    left = letter(session_id=session_id, details={"shown": False, "epoch": 1})
    moves = (*left.moves, Move(Stage.LEASED, START), Move(Stage.WRITTEN, START))
    await store.deliveries.accept([Delivery(**{**_fields(left), "moves": moves})])

    async with serving(terminal, store, clock, tiny, session_id) as bench:
        later = await bench.send("later")
        await bench.comes_to(later, Stage.SUBMITTED)
        await bench.comes_to(left, Stage.WRITTEN)
        bench.states.tell("submitted", prompt="hello")
        await bench.comes_to(left, Stage.SUBMITTED)

    assert tiny.received == ["later"]


async def test_no_enter_is_pressed_after_a_crash_while_the_one_before_it_may_be_unread(
    terminal: FakeTerminal, store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unread(_session_id: SessionId) -> InputState:
        return InputState(queued=1)

    tiny, session_id = await settle_in(terminal, store)
    tiny.composer = "hello"
    left = letter(session_id=session_id)
    moves = (*left.moves, Move(Stage.LEASED, START), Move(Stage.WRITTEN, START))
    await store.deliveries.accept([Delivery(**{**_fields(left), "moves": moves})])
    monkeypatch.setattr(terminal, "read_input_state", unread)

    async with serving(terminal, store, clock, tiny, session_id) as bench:
        await bench.comes_to(left, Stage.UNKNOWN)

    assert tiny.typed == ""


async def test_what_the_agent_tells_after_a_crash_is_believed(
    terminal: FakeTerminal, store: Store, clock: FakeClock
) -> None:
    tiny, session_id = await settle_in(terminal, store)
    left = letter(session_id=session_id)
    moves = (*left.moves, Move(Stage.LEASED, START), Move(Stage.WRITTEN, START))
    await store.deliveries.accept([Delivery(**{**_fields(left), "moves": moves})])

    async with serving(terminal, store, clock, tiny, session_id) as bench:
        await anyio.wait_all_tasks_blocked()
        bench.states.tell("submitted", prompt="hello")
        await bench.comes_to(left, Stage.SUBMITTED)


@pytest.mark.parametrize("stage", [Stage.WRITTEN, Stage.SUBMITTED, Stage.UNKNOWN])
async def test_what_was_told_before_anybody_listened_again_is_read_in_the_ledger(
    terminal: FakeTerminal, store: Store, clock: FakeClock, stage: Stage
) -> None:
    tiny, session_id = await settle_in(terminal, store)
    left = letter(session_id=session_id, details={"seen": 1})
    moves = (*left.moves, Move(Stage.LEASED, START), Move(stage, START))
    await store.deliveries.accept([Delivery(**{**_fields(left), "moves": moves})])

    states = FakeStates(tiny)
    states.tell("started", prompt="hello")  # of an earlier one
    states.tell("started", prompt="hello")
    states.tell("ended")
    async with serving(terminal, store, clock, tiny, session_id, states=states) as bench:
        ended = await bench.comes_to(left, Stage.ENDED)

    assert [move.stage for move in ended.moves][-2:] == [Stage.STARTED, Stage.ENDED]
    assert tiny.typed == ""


def _fields(delivery: Delivery) -> dict[str, Any]:
    return {name: getattr(delivery, name) for name in Delivery.__dataclass_fields__}


# Agents without a screen.


class FakeConversation:
    """Takes messages by its protocol."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.interrupted = 0
        self.gone = False

    def find(self, agent: AgentName) -> Conversation | None:
        del agent
        return cast("Conversation", self)

    async def tell(self, message_id: str, text: str) -> None:
        if self.gone:
            raise AgentGoneError("it has ended")
        self.told.append((message_id, text))

    async def interrupt(self) -> None:
        self.interrupted += 1


@pytest.mark.parametrize("policy", [Policy.MESSAGE, Policy.INTERRUPT])
async def test_an_agent_with_a_protocol_gets_messages_without_keys(
    terminal: FakeTerminal, store: Store, clock: FakeClock, policy: Policy
) -> None:
    tiny, session_id = await settle_in(terminal, store)
    talk = FakeConversation()
    async with serving(
        terminal, store, clock, tiny, session_id, cast("Conversations", talk)
    ) as bench:
        tiny.busy = policy is Policy.INTERRUPT
        sent = await bench.send(policy=policy)
        await bench.comes_to(sent, Stage.WRITTEN)
        bench.states.tell("started", message=sent.delivery_id)
        bench.states.tell("ended", message=sent.delivery_id)
        await bench.comes_to(sent, Stage.ENDED)
        talk.gone, tiny.busy = True, False
        await bench.comes_to(await bench.send("again"), Stage.UNKNOWN)

    assert talk.told == [(sent.delivery_id, "hello")]
    assert talk.interrupted == (policy is Policy.INTERRUPT)
    assert tiny.typed == ""


# Dead letters.


async def test_what_was_refused_can_be_sent_again_and_only_once(bench: Bench) -> None:
    bench.tiny.strand = 99
    refused = await bench.comes_to(await bench.send(), Stage.REFUSED)
    bench.tiny.strand = 0
    assert [one.delivery_id for one in await bench.letters.dead(ADA)] == [refused.delivery_id]

    (again,) = await bench.letters.retry([refused.delivery_id])
    (same,) = await bench.letters.retry([refused.delivery_id])
    await bench.comes_to(again, Stage.SUBMITTED)

    assert same.delivery_id == again.delivery_id
    assert bench.tiny.received == ["hello"]


async def test_what_may_have_arrived_is_sent_again_only_by_somebody_who_looked(
    bench: Bench,
) -> None:
    bench.tiny.strand, bench.tiny.stuck = 99, True
    unknown = await bench.comes_to(await bench.send(), Stage.UNKNOWN)
    bench.tiny.strand, bench.tiny.stuck, bench.tiny.composer = 0, False, ""

    with pytest.raises(RefusedError) as caught:
        await bench.letters.retry([unknown.delivery_id])
    (again,) = await bench.letters.retry([unknown.delivery_id], confirm_unknown=True)
    await bench.comes_to(again, Stage.SUBMITTED)

    assert caught.value.code == "perhaps_delivered"


async def test_only_dead_letters_are_sent_again_or_purged(bench: Bench) -> None:
    sent = await bench.comes_to(await bench.send(), Stage.SUBMITTED)
    with pytest.raises(RefusedError) as caught:
        await bench.letters.retry([sent.delivery_id])
    assert caught.value.code == "not_dead"
    assert await bench.letters.purge([sent.delivery_id]) == 0
    with pytest.raises(NotFoundError):
        await bench.letters.show([letter("nobody").delivery_id])


async def test_dead_letters_of_an_agent_that_is_no_more_can_only_be_purged(bench: Bench) -> None:
    bench.tiny.strand = 99
    refused = await bench.comes_to(await bench.send(), Stage.REFUSED)
    await bench.store.agents.remove_agent(ADA)
    with pytest.raises(NotFoundError):
        await bench.letters.retry([refused.delivery_id])
    bench.clock.advance(1)
    assert await bench.letters.purge() == 1
    assert await bench.letters.waiting() == ()


async def test_a_wait_for_what_is_not_known_says_so(bench: Bench) -> None:
    with pytest.raises(NotFoundError):
        await bench.service.wait([letter("nobody").delivery_id], Stage.ENDED, 1, every=True)


async def test_one_of_several_is_enough_if_asked_so(bench: Bench) -> None:
    bench.tiny.dialog = "may I?"
    first, second = [await bench.send(text) for text in ("one", "two")]
    assert await bench.service.cancel([first.delivery_id, first.delivery_id]) == 1
    ids = [first.delivery_id, second.delivery_id]
    found = await bench.service.wait(ids, Stage.WRITTEN, 5, every=False)
    assert [one.stage for one in found.values()] == [Stage.REFUSED, Stage.ACCEPTED]
    late = await bench.service.wait(ids, Stage.WRITTEN, 0.01, every=True)
    assert late[second.delivery_id].stage is Stage.ACCEPTED
