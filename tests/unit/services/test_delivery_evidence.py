"""What is seen of an agent's turns proves how far messages have come, and never too far."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.deliveries import MOVES, DeliveryId, Stage
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.observations import Fact, Observation, ObservationSource, Sighting
from iterm_mcp.services.deliveries.evidence import TurnTracker, same_text
from iterm_mcp.testing.fake_clock import START

ONE, TWO = DeliveryId("d-1"), DeliveryId("d-2")
HOOK, SCRIPT, FILE = (
    ObservationSource.HOOK,
    ObservationSource.TRANSCRIPT,
    ObservationSource.REGISTRY,
)


def turn(
    phase: str,
    source: ObservationSource = SCRIPT,
    seconds: float = 1.0,
    **value: str,
) -> Observation:
    sighting = Sighting(Fact.TURN, {"phase": phase, **value}, source)
    return Observation(AgentName("ada"), 1, sighting, START + timedelta(seconds=seconds))


def activity(what: str, seconds: float = 1.0, source: ObservationSource = FILE) -> Observation:
    sighting = Sighting(Fact.ACTIVITY, {"is": what}, source)
    return Observation(AgentName("ada"), 1, sighting, START + timedelta(seconds=seconds))


def tracking(*texts: str, stage: Stage = Stage.WRITTEN, behind: bool = False) -> TurnTracker:
    tracker = TurnTracker()
    for number, text in enumerate(texts, 1):
        tracker.follow(DeliveryId(f"d-{number}"), text, stage=stage, since=START, behind=behind)
    return tracker


def steps(tracker: TurnTracker, *observations: Observation) -> list[tuple[str, Stage]]:
    return [(step.delivery_id, step.stage) for one in observations for step in tracker.feed(one)]


def test_a_prompt_that_a_hook_tells_proves_that_it_was_submitted() -> None:
    tracker = tracking("do  this\nnow")
    (step,) = tracker.feed(turn("submitted", HOOK, prompt="do this now"))

    assert (step.delivery_id, step.stage) == (ONE, Stage.SUBMITTED)
    assert step.evidence == "hook turn submitted"


def test_another_prompt_proves_nothing() -> None:
    assert steps(tracking("do this"), turn("submitted", HOOK, prompt="do that")) == []


@pytest.mark.parametrize(
    ("prompt", "known"),
    [
        pytest.param("so I see what the tests say\nand mend it", True, id="before it"),
        pytest.param("see what the tests say\nand mend itthought", True, id="behind it"),
        pytest.param("see what the tests sayso I \nand mend itthought", True, id="amid it"),
        pytest.param("see what the other tests say\nand mend it", False, id="within a line"),
        pytest.param("see what the tests say so I thought", False, id="its beginning alone"),
        pytest.param("see what the tests say", False, id="its beginning, and nothing else"),
        pytest.param("and mend it see what the tests say", False, id="the other way round"),
        pytest.param("so I thought", False, id="theirs alone"),
    ],
)
def test_a_message_that_came_together_with_what_a_person_typed_is_known(
    prompt: str, *, known: bool
) -> None:
    tracker = tracking("see what the tests say\nand mend it")
    expected = [(ONE, Stage.QUEUED)] if known else []
    assert steps(tracker, turn("queued", prompt=prompt)) == expected


def test_one_that_another_message_quotes_did_not_come_with_that() -> None:
    text = "see what the tests say, and mend it"
    tracker = tracking(text, f"I have told you: {text}")
    assert steps(tracker, turn("queued", prompt=f"I have told you: {text}")) == [
        (TWO, Stage.QUEUED)
    ]
    assert steps(tracker, turn("queued", prompt=f"I have told you: {text}")) == []


def test_a_short_message_may_be_in_anybodys_prompt() -> None:
    assert steps(tracking("go on"), turn("queued", prompt="go on as you did")) == []


def test_what_was_seen_before_a_message_was_typed_proves_nothing_however_it_is_dated() -> None:
    """As when the ledger is read again after a crash, from before an earlier message on."""
    tracker = TurnTracker()
    tracker.follow(ONE, "do this", stage=Stage.WRITTEN, since=START, behind=False, after=7)
    earlier, later = (
        [replace(activity("busy"), number=n), replace(activity("idle"), number=n + 1)]
        for n in (6, 8)
    )

    assert steps(tracker, *earlier) == []
    assert steps(tracker, *later) == [(ONE, Stage.SUBMITTED), (ONE, Stage.ENDED)]


def test_an_id_of_ours_proves_more_than_a_text() -> None:
    tracker = tracking("same", "same")
    assert steps(tracker, turn("started", message=TWO)) == [(TWO, Stage.STARTED)]
    assert steps(tracker, turn("ended", message=TWO)) == [(TWO, Stage.ENDED)]
    assert tracker.ids == (ONE,)


def test_of_two_equal_messages_the_older_one_came_first() -> None:
    found = steps(
        tracking("same", "same"),
        turn("submitted", HOOK, prompt="same"),
        turn("submitted", HOOK, prompt="same"),
    )
    assert found == [(ONE, Stage.SUBMITTED), (TWO, Stage.SUBMITTED)]


def test_the_end_of_a_turn_is_the_end_of_its_messages() -> None:
    tracker = tracking("go")
    found = steps(tracker, turn("started", prompt="go"), turn("ended"))
    assert found == [(ONE, Stage.STARTED), (ONE, Stage.ENDED)]
    assert tracker.ids == ()


def test_a_message_amid_a_turn_does_not_end_with_that_turn() -> None:
    tracker = tracking("go", behind=True)
    found = steps(
        tracker,
        turn("submitted", HOOK, prompt="go"),  # hooks tell at once, also of what is queued
        turn("queued", prompt="go"),
        turn("ended"),
        turn("dequeued", prompt="go"),
        turn("ended"),
    )
    assert [stage for _, stage in found] == [
        Stage.SUBMITTED, Stage.QUEUED, Stage.STARTED, Stage.ENDED,
    ]  # fmt: skip


def test_without_a_word_of_the_queue_the_second_end_is_its_own() -> None:
    tracker = tracking("go", behind=True)
    found = steps(
        tracker, turn("submitted", HOOK, prompt="go"), turn("ended", HOOK), turn("ended", HOOK)
    )
    assert [stage for _, stage in found] == [Stage.SUBMITTED, Stage.ENDED]


def test_a_turn_that_does_not_name_its_prompt_is_that_of_the_next_message() -> None:
    tracker = tracking("go", stage=Stage.SUBMITTED)
    assert steps(tracker, turn("started")) == [(ONE, Stage.STARTED)]
    assert steps(tracking("go", stage=Stage.SUBMITTED), turn("started", prompt="other")) == []


@pytest.mark.parametrize(
    ("phase", "words"), [("interrupted", "was interrupted"), ("failed", "was given up")]
)
def test_a_turn_that_was_cut_short_has_ended_and_says_so(phase: str, words: str) -> None:
    tracker = tracking("go", stage=Stage.STARTED)
    (step,) = tracker.feed(turn(phase))
    assert step.stage is Stage.ENDED
    assert words in step.reason


def test_an_exact_source_that_gets_busy_and_idle_again_tells_of_a_whole_turn() -> None:
    tracker = tracking("go")
    found = steps(tracker, activity("idle"), activity("busy"), activity("idle"))
    assert found == [(ONE, Stage.SUBMITTED), (ONE, Stage.ENDED)]


def test_idle_before_busy_is_the_end_of_nothing() -> None:
    assert steps(tracking("go", stage=Stage.SUBMITTED), activity("idle")) == []


def test_a_screen_that_looks_busy_proves_nothing() -> None:
    assert steps(tracking("go"), activity("busy", source=ObservationSource.SCREEN)) == []


def test_busy_proves_nothing_of_what_was_seen_to_stand_in_the_composer() -> None:
    """Its Enter may have been eaten, while another that the agent had queued begins."""
    tracker = tracking("do this")
    tracker.moved(ONE, Stage.WRITTEN, visible=True)

    assert steps(tracker, activity("busy"), activity("idle"), turn("ended", HOOK)) == []
    assert steps(tracker, turn("submitted", HOOK, prompt="do this")) == [(ONE, Stage.SUBMITTED)]


def test_the_latest_message_is_the_one_that_was_typed_last() -> None:
    tracker = tracking("one")
    later = START + timedelta(seconds=1)
    tracker.follow(TWO, "two", stage=Stage.WRITTEN, since=later, behind=False)

    assert [tracker.latest(one) for one in (ONE, TWO, DeliveryId("d-3"))] == [False, True, False]


def test_busy_proves_nothing_of_what_came_amid_a_turn_and_idle_ends_that_turn_alone() -> None:
    tracker = tracking("go", behind=True)
    assert steps(tracker, activity("busy"), activity("idle")) == []
    assert steps(tracker, activity("busy")) == [(ONE, Stage.SUBMITTED)]


def test_what_is_dated_before_the_typing_is_of_another_message() -> None:
    early = -10.0
    tracker = tracking("go")
    assert steps(tracker, turn("submitted", seconds=early, prompt="go")) == []
    assert steps(tracker, activity("busy", seconds=early)) == []
    dated = (START - timedelta(seconds=10)).isoformat()
    assert steps(tracker, turn("submitted", prompt="go", at=dated)) == []
    assert steps(tracker, turn("ended", seconds=early)) == []
    assert steps(tracker, turn("submitted", prompt="go", at="no date")) == [(ONE, Stage.SUBMITTED)]


def test_late_evidence_makes_what_was_unknown_known() -> None:
    tracker = tracking("go", stage=Stage.UNKNOWN)
    assert steps(tracker, turn("submitted", HOOK, prompt="go")) == [(ONE, Stage.SUBMITTED)]


def test_with_the_agents_process_all_that_was_typed_is_unknown_but_what_may_not_have_been() -> None:
    tracker = tracking("one", "two")
    tracker.moved(TWO, Stage.LEASED)
    lost = tracker.lost("it has ended")
    assert [(step.delivery_id, step.stage, step.reason) for step in lost] == [
        (ONE, Stage.UNKNOWN, "it has ended")
    ]


def test_what_is_not_of_turns_or_work_is_passed_over() -> None:
    other = Observation(
        AgentName("ada"), 1, Sighting(Fact.GAP, {}, FILE),
        START,
    )  # fmt: skip
    assert tracking("go").feed(other) == []
    assert tracking("go").feed(turn("no such phase")) == []


def test_texts_are_compared_without_blanks() -> None:
    assert same_text(" a b\n c", "ab c\n")
    assert not same_text("ab", "ba")


PHASES = st.sampled_from(
    ["submitted", "queued", "dequeued", "started", "ended", "interrupted", "failed"]
)
PROMPTS = st.sampled_from(["one", "two", "one", "other"])
HEARD = st.one_of(
    st.builds(lambda phase, prompt: turn(phase, prompt=prompt), PHASES, PROMPTS),
    st.builds(turn, PHASES),
    st.builds(activity, st.sampled_from(["busy", "idle", "shell", "waiting"])),
)


@given(st.lists(HEARD, max_size=30), st.lists(st.booleans(), min_size=3, max_size=3))
def test_whatever_is_heard_every_step_is_legal(
    heard: list[Observation], behind: list[bool]
) -> None:
    tracker = TurnTracker()
    stages = {}
    for number, text in enumerate(["one", "two", "one"]):
        delivery_id = DeliveryId(f"d-{number}")
        stages[delivery_id] = Stage.WRITTEN
        tracker.follow(delivery_id, text, stage=Stage.WRITTEN, since=START, behind=behind[number])
    for one in heard:
        for step in tracker.feed(one):
            assert step.stage in MOVES[stages[step.delivery_id]]
            assert step.evidence
            stages[step.delivery_id] = step.stage
    for step in tracker.lost("gone"):
        assert step.stage in MOVES[stages[step.delivery_id]]


def test_a_protocol_that_names_a_turn_also_says_how_it_ended() -> None:
    protocol = ObservationSource.PROTOCOL
    tracker = tracking("work")
    steps(tracker, turn("started", protocol, message=ONE), activity("busy", 2, protocol))

    assert steps(tracker, activity("idle", 3, protocol)) == []
    (step,) = tracker.feed(turn("interrupted", protocol, 4, message=ONE))
    assert (step.stage, step.reason) == (Stage.ENDED, "its turn was interrupted")
