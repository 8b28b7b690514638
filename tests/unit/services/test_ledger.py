"""A ledger keeps what a state can follow from, and no repetitions."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.observed import (
    ANN,
    HOOK,
    PROCESS,
    QUIET,
    REGISTRY,
    SCREEN,
    TITLE,
    TRANSCRIPT,
    does,
    moment,
    saw,
    sees,
)

from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.observations import Fact, Observation, ObservationSource, Sighting
from iterm_mcp.services.states.evidence import SETTLED_SECONDS, TWICE_SECONDS
from iterm_mcp.services.states.fusion import fuse
from iterm_mcp.services.states.ledger import LATE_OBSERVATIONS, Ledger

if TYPE_CHECKING:
    from random import Random


def look(ledger: Ledger, at: float, *sightings: Sighting) -> int:
    """Look, keep what is worth it, and return how many that were."""
    news = ledger.news(sightings, moment(at))
    ledger.add(news)
    return len(news)


def test_a_screen_that_stays_idle_is_kept_until_it_is_confirmed_and_no_longer() -> None:
    ledger = Ledger(ANN, 1)
    kept = [at for at in range(100) if look(ledger, at / 10, does(SCREEN, "idle"))]

    assert kept == [0, TWICE_SECONDS * 10, SETTLED_SECONDS * 10]


def test_two_kinds_of_looks_do_not_keep_each_other_alive() -> None:
    ledger = Ledger(ANN, 1)
    kept = sum(look(ledger, at / 5, does(SCREEN, "idle"), does(TITLE, "idle")) for at in range(500))

    assert kept == 6


def test_another_look_counts_once_somebody_else_has_said_something() -> None:
    ledger = Ledger(ANN, 1)
    for at in range(5):
        look(ledger, at, does(SCREEN, "idle"), sees(SCREEN, Fact.DIALOG))
    look(ledger, 5, sees(HOOK, Fact.DIALOG, asks="permission"))

    assert look(ledger, 5.1, does(SCREEN, "idle"), sees(SCREEN, Fact.DIALOG)) == 2
    assert look(ledger, 5.2 + SETTLED_SECONDS, sees(SCREEN, Fact.DIALOG)) == 1
    assert look(ledger, 9, sees(SCREEN, Fact.DIALOG)) == 0
    assert not ledger.view(moment(9)).details.get("asks")


@pytest.mark.parametrize("source", [HOOK, TRANSCRIPT])
def test_what_happens_twice_is_kept_twice(source: ObservationSource) -> None:
    ledger = Ledger(ANN, 1)

    assert look(ledger, 1, does(source, "idle")) == 1
    assert look(ledger, 1, does(source, "idle")) == 1
    assert look(ledger, 2, sees(PROCESS, Fact.EXIT)) == 1
    assert look(ledger, 2, sees(PROCESS, Fact.EXIT)) == 1


def test_a_queued_message_that_stays_on_the_screen_is_one() -> None:
    ledger = Ledger(ANN, 1)
    kept = [look(ledger, at, sees(SCREEN, Fact.TURN, phase="queued")) for at in range(9)]

    assert sum(kept) < 4


def test_after_a_gap_the_same_word_is_news() -> None:
    ledger = Ledger(ANN, 1)
    look(ledger, 1, does(REGISTRY, "idle"))
    look(ledger, 2, sees(REGISTRY, Fact.GAP, why="away"))

    assert ledger.view(moment(3)).state == AgentState.UNKNOWN
    assert "could not be asked" in ledger.view(moment(3)).losing[0][1]
    assert look(ledger, 4, does(REGISTRY, "idle")) == 1
    assert ledger.view(moment(5)).state == AgentState.READY


def test_a_glimpse_before_a_gap_confirms_none_after_it() -> None:
    ledger = Ledger(ANN, 1)
    look(ledger, 1, does(SCREEN, "idle"))
    look(ledger, 2, sees(SCREEN, Fact.GAP))
    look(ledger, 3, does(SCREEN, "idle"))

    assert ledger.view(moment(3.1)).state == AgentState.UNKNOWN
    assert ledger.view(moment(3 + SETTLED_SECONDS)).state == AgentState.READY


def test_a_ledger_tells_when_its_state_may_change_by_itself() -> None:
    ledger = Ledger(ANN, 1)
    assert ledger.next_change(moment(0)) is None
    look(ledger, 1, does(SCREEN, "idle"))

    assert ledger.next_change(moment(1.5)) == moment(1 + SETTLED_SECONDS)
    assert ledger.view(moment(2)).state == AgentState.UNKNOWN
    assert ledger.view(moment(1 + SETTLED_SECONDS)).state == AgentState.READY


FACTS = [Fact.ACTIVITY, Fact.DIALOG, Fact.TURN, Fact.OCCUPANT, Fact.TROUBLE, Fact.GAP]


def sightings() -> st.SearchStrategy[list[tuple[float, Sighting]]]:
    activity = st.builds(
        does,
        st.sampled_from(list(ObservationSource)),
        st.sampled_from(["idle", "busy", "waiting", "shell"]),
    )
    dialog = st.builds(
        lambda source, asks: sees(source, Fact.DIALOG, {"asks": asks} if asks else {}),
        st.sampled_from([HOOK, SCREEN, REGISTRY]),
        st.sampled_from(["permission", ""]),
    )
    gap = st.builds(lambda source: sees(source, Fact.GAP), st.sampled_from([SCREEN, REGISTRY]))
    turn = st.builds(
        lambda phase: sees(HOOK, Fact.TURN, phase=phase), st.sampled_from(["submitted", "ended"])
    )
    steps = st.tuples(st.sampled_from([0.05, 0.2, 1.0, 5.0]), activity | dialog | gap | turn)
    return st.lists(steps, max_size=25)


@given(sightings())
def test_letting_go_of_what_counts_no_more_changes_no_state(
    steps: list[tuple[float, Sighting]],
) -> None:
    ledger, all_seen, at = Ledger(ANN, 1), list[Observation](), 0.0
    for pause, sighting in steps:
        at += pause
        one = saw(at, sighting)
        all_seen.append(one)
        ledger.add([one])
        later = moment(at + 0.1)
        assert ledger.view(later) == fuse(ANN, 1, all_seen, later)
    assert len(ledger.observations) <= 3 * len(ObservationSource) * len(FACTS)


@given(sightings())
def test_a_ledger_read_anew_gives_the_same_state(steps: list[tuple[float, Sighting]]) -> None:
    ledger, kept, at = Ledger(ANN, 1), list[Observation](), 0.0
    for pause, sighting in steps:
        at += pause
        news = ledger.news([sighting], moment(at))
        kept += news
        ledger.add(news)

    assert Ledger(ANN, 1, kept).view(moment(at + 1)) == ledger.view(moment(at + 1))


@given(sightings())
def test_repetitions_left_out_never_make_an_agent_look_ready(
    steps: list[tuple[float, Sighting]],
) -> None:
    """What is left out could only have confirmed; so without it less is believed, not more."""
    ledger, all_seen, at = Ledger(ANN, 1), list[Observation](), 0.0
    for pause, sighting in steps:
        at += pause
        all_seen.append(saw(at, sighting))
        ledger.add(ledger.news([sighting], moment(at)))
        now = moment(at + QUIET_AFTER)
        if ledger.view(now).state == AgentState.READY:
            assert fuse(ANN, 1, all_seen, now).state == AgentState.READY


@given(sightings())
def test_time_alone_changes_a_state_only_when_the_ledger_said_it_may(
    steps: list[tuple[float, Sighting]],
) -> None:
    ledger, at = Ledger(ANN, 1), 0.0
    for pause, sighting in steps:
        at += pause
        ledger.add([saw(at, sighting)])
        before, due = ledger.view(moment(at)), ledger.next_change(moment(at))
        for later in (0.5, 1.2, 1.6, 4.0, 6.0, 19.0, 21.0, 59.0, 61.0, 119.0, 121.0, 300.0):
            if due is None or moment(at + later) < due:
                after = ledger.view(moment(at + later))
                assert (after.state, after.reason) == (before.state, before.reason)


@given(sightings())
def test_what_is_taken_in_one_go_is_what_is_taken_one_after_the_other(
    steps: list[tuple[float, Sighting]],
) -> None:
    ledger, other, at = Ledger(ANN, 1), Ledger(ANN, 1), 0.0
    seen, kept = list[tuple[datetime, Sighting]](), list[Observation]()
    for pause, sighting in steps:
        at += pause
        seen.append((moment(at), sighting))
        news = other.news([sighting], moment(at))
        kept += news
        other.add(news)

    assert ledger.all_news(seen) == kept
    assert ledger.observations == ()


@given(sightings(), st.randoms(use_true_random=False))
def test_what_arrives_late_gives_the_state_that_it_would_have_given_in_time(
    steps: list[tuple[float, Sighting]], chance: Random
) -> None:
    seen, at = list[Observation](), 0.0
    for number, (pause, sighting) in enumerate(steps, 1):
        at += pause
        seen.append(replace(saw(at, sighting), number=number))
    arriving = chance.sample(seen, len(seen))

    ledger = Ledger(ANN, 1)
    for one in arriving:
        ledger.add([one])

    later = moment(at + 0.1)
    assert ledger.view(later) == fuse(ANN, 1, seen, later)
    assert ledger.next_change(later) == Ledger(ANN, 1, seen).next_change(later)


def test_a_late_word_parts_what_was_taken_for_one() -> None:
    seen = [
        replace(saw(at, does(HOOK, what)), number=number)
        for number, (at, what) in enumerate([(1, "idle"), (3, "idle"), (4, "idle"), (2, "busy")], 1)
    ]
    ledger = Ledger(ANN, 1)
    for one in seen:
        ledger.add([one])

    assert ledger.view(moment(5)).since == moment(3)
    assert ledger.view(moment(5)) == fuse(ANN, 1, seen, moment(5))


def test_of_words_of_the_same_time_the_one_that_was_kept_last_holds() -> None:
    first, second = (
        replace(saw(1, does(REGISTRY, what)), number=number)
        for number, what in enumerate(("idle", "busy"), 1)
    )
    ledger, other = Ledger(ANN, 1, [first]), Ledger(ANN, 1, [second])
    ledger.add([second])
    other.add([first])

    assert ledger.view(moment(2)) == other.view(moment(2))
    assert ledger.view(moment(2)).state == AgentState.WORKING
    assert look(ledger, 1, does(REGISTRY, "idle")) == 1
    assert ledger.view(moment(9)).state == AgentState.READY


def test_a_long_life_keeps_a_bounded_ledger() -> None:
    seen = [
        replace(saw(at, does(REGISTRY, "busy" if at % 2 else "idle")), number=at)
        for at in range(1, 5 * LATE_OBSERVATIONS)
    ]
    ledger, copied = Ledger(ANN, 1), 0
    for one in seen:
        ledger.add([one])
        copied += len(ledger.all_news([(one.at, does(SCREEN, "idle"))]))
    late = replace(
        saw(len(seen) - LATE_OBSERVATIONS + 0.5, does(HOOK, "busy")), number=len(seen) + 1
    )
    ledger.add([late])

    later = moment(len(seen) + 1)
    assert ledger.view(later) == fuse(ANN, 1, [*seen, late], later)
    assert copied == len(seen)
    assert len(ledger.observations) <= 6


QUIET_AFTER = 30.0
del QUIET
