"""States that follow from what was seen of agents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.agent_states import AgentState, StateView
from iterm_mcp.models.ids import AgentName
from iterm_mcp.models.observations import Fact, Observation, ObservationSource, Sighting
from iterm_mcp.services.states.evidence import (
    BUSY_SECONDS,
    DRAWN_SECONDS,
    EARLY_SECONDS,
    QUIET_SECONDS,
    SETTLED_SECONDS,
    STARTING_SECONDS,
)
from iterm_mcp.services.states.fusion import fuse

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json

START = datetime(2026, 11, 1, tzinfo=UTC)
ANN = AgentName("ann")

PROTOCOL, REGISTRY, HOOK, TRANSCRIPT, TITLE, SCREEN, QUIET, PROCESS = ObservationSource


def saw(
    at: float,
    source: ObservationSource,
    fact: Fact,
    told: dict[str, Json] | None = None,
    /,
    **value: Json,
) -> Observation:
    """Return what a source saw so many seconds after the start."""
    sighting = Sighting(fact, {**(told or {}), **value}, source)
    return Observation(ANN, 1, sighting, START + timedelta(seconds=at))


def acts(at: float, source: ObservationSource, what: str, /, **more: Json) -> Observation:
    return saw(at, source, Fact.ACTIVITY, {"is": what}, **more)


def view(at: float, *observations: Observation, epoch: int = 1) -> StateView:
    return fuse(ANN, epoch, observations, START + timedelta(seconds=at))


def state(at: float, *observations: Observation) -> AgentState:
    return view(at, *observations).state


def test_of_an_agent_that_nobody_saw_nothing_is_known() -> None:
    nothing = view(5)

    assert (nothing.state, nothing.since, nothing.winning) == (AgentState.UNKNOWN, None, ())
    assert nothing.reason


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("busy", AgentState.WORKING),
        ("compacting", AgentState.COMPACTING),
        ("starting", AgentState.STARTING),
        ("idle", AgentState.READY),
        ("shell", AgentState.BACKGROUND),
        ("waiting", AgentState.WAITING_PERMISSION),
        ("dreaming", AgentState.UNKNOWN),
    ],
)
def test_the_registry_tells_what_an_agent_does(what: str, expected: AgentState) -> None:
    told = view(3, acts(1, REGISTRY, what))

    assert told.state == expected
    assert told.since == START + timedelta(seconds=1)
    assert [one.sighting.source for one in told.winning] == [REGISTRY]


def test_what_an_agent_waits_for_tells_a_question_from_a_permission() -> None:
    told = view(3, acts(1, REGISTRY, "waiting", **{"for": "input needed"}))

    assert told.state == AgentState.WAITING_QUESTION
    assert "input needed" in told.reason


def test_a_permission_wait_is_not_shown_as_running() -> None:
    told = view(
        4,
        acts(1, HOOK, "busy"),
        acts(2, HOOK, "waiting"),
        saw(2, HOOK, Fact.DIALOG, asks="permission", tool="Bash", input={"command": "rm -r x"}),
    )

    assert told.state == AgentState.WAITING_PERMISSION
    assert "Bash" in told.reason
    assert told.details["input"] == {"command": "rm -r x"}


@pytest.mark.parametrize("level", [REGISTRY, SCREEN])
def test_a_wait_ends_when_a_person_answered_at_the_terminal(level: ObservationSource) -> None:
    asked = [
        acts(2, HOOK, "waiting"),
        saw(2, HOOK, Fact.DIALOG, asks="permission", tool="Bash"),
    ]
    answered = [acts(5, level, "idle"), saw(5, level, Fact.DIALOG)]

    assert state(4, *asked) == AgentState.WAITING_PERMISSION
    assert state(5 + SETTLED_SECONDS, *asked, *answered) == AgentState.READY


def test_a_person_s_answer_lets_the_agent_work_on() -> None:
    told = view(
        9,
        saw(2, HOOK, Fact.DIALOG, asks="question"),
        acts(2, REGISTRY, "waiting"),
        acts(5, REGISTRY, "busy"),
    )

    assert told.state == AgentState.WORKING
    assert ("the agent went on since") in [why for _, why in told.losing]


def test_a_less_trusted_source_does_not_overrule_a_busy_agent() -> None:
    told = view(9, acts(1, REGISTRY, "busy"), acts(2, SCREEN, "idle"), acts(4, SCREEN, "idle"))

    assert told.state == AgentState.WORKING
    assert [one.sighting.source for one, _ in told.losing] == [SCREEN]


@pytest.mark.parametrize("what", ["busy", "waiting", "compacting"])
def test_an_idle_agent_that_is_seen_at_work_later_is_not_called_ready(what: str) -> None:
    told = view(9, acts(1, REGISTRY, "idle"), acts(2, SCREEN, what))

    assert told.state == AgentState.UNKNOWN
    assert what in told.reason


def test_a_screen_that_is_yet_to_be_drawn_casts_no_doubt_on_an_agent_that_has_finished() -> None:
    finished = [acts(1, REGISTRY, "idle"), acts(1.05, SCREEN, "busy"), acts(1.05, TITLE, "busy")]

    assert state(1.1, *finished) == AgentState.READY
    assert state(1 + DRAWN_SECONDS, *finished) == AgentState.READY
    assert state(1.1 + DRAWN_SECONDS, *finished) == AgentState.UNKNOWN
    assert state(1.1, acts(1, REGISTRY, "idle"), acts(1.05, TRANSCRIPT, "busy")) == (
        AgentState.UNKNOWN
    )


def test_an_agent_that_was_at_work_before_it_became_idle_is_ready() -> None:
    assert state(9, acts(1, SCREEN, "busy"), acts(2, REGISTRY, "idle")) == AgentState.READY


def test_one_look_at_an_idle_screen_is_none() -> None:
    looks = [acts(1, SCREEN, "busy"), acts(2, SCREEN, "idle")]

    assert state(2.1, *looks) == AgentState.WORKING
    assert state(2 + SETTLED_SECONDS, *looks) == AgentState.READY
    assert state(2.4, *looks, acts(2.3, SCREEN, "idle")) == AgentState.READY
    assert state(2.2, *looks, acts(2.1, SCREEN, "idle")) == AgentState.WORKING


def test_an_idle_screen_as_the_first_thing_seen_is_not_believed_at_once() -> None:
    assert state(1.2, acts(1, SCREEN, "idle")) == AgentState.UNKNOWN


def test_a_hook_that_told_of_a_start_is_believed_for_a_while_only() -> None:
    assert state(BUSY_SECONDS, acts(1, HOOK, "busy")) == AgentState.WORKING
    told = view(BUSY_SECONDS + 2, acts(1, HOOK, "busy"))
    assert told.state == AgentState.UNKNOWN
    assert told.losing
    assert state(STARTING_SECONDS + 2, acts(1, HOOK, "starting")) == AgentState.UNKNOWN
    assert state(QUIET_SECONDS + 2, acts(1, QUIET, "idle")) == AgentState.UNKNOWN


@pytest.mark.parametrize("source", [PROTOCOL, REGISTRY])
def test_a_level_may_say_busy_for_hours(source: ObservationSource) -> None:
    assert state(7200, acts(1, source, "busy")) == AgentState.WORKING


def test_the_newest_of_hooks_and_transcript_holds() -> None:
    told = view(9, acts(2, HOOK, "busy"), acts(3, TRANSCRIPT, "idle"))

    assert told.state == AgentState.READY
    assert "something newer happened since" in [why for _, why in told.losing]


def test_a_hook_that_comes_late_does_not_begin_a_turn_again_that_has_failed() -> None:
    """Codex tells of a failed turn in its rollout alone."""
    ended = (
        acts(1, TRANSCRIPT, "idle"),
        saw(1, TRANSCRIPT, Fact.TURN, phase="failed", prompt_id="p-1"),
    )
    late = acts(1.2, HOOK, "busy"), saw(1.2, HOOK, Fact.TURN, phase="submitted", prompt_id="p-1")
    following = acts(2, HOOK, "busy"), saw(2, HOOK, Fact.TURN, phase="submitted", prompt_id="p-2")

    assert state(1.5, *ended, *late) is AgentState.READY
    assert any("has ended" in why for _, why in view(1.5, *ended, *late).losing)
    assert state(2.5, *ended, *late, *following) is AgentState.WORKING


def test_an_interrupted_turn_is_seen_in_the_transcript_though_no_hook_tells() -> None:
    told = view(
        9,
        acts(2, HOOK, "busy"),
        saw(2, HOOK, Fact.TURN, phase="submitted"),
        acts(3, TRANSCRIPT, "idle"),
        saw(3, TRANSCRIPT, Fact.TURN, phase="interrupted"),
    )

    assert told.state == AgentState.INTERRUPTED


def test_a_turn_that_ended_while_a_background_shell_runs_is_not_ready() -> None:
    ended = [
        saw(1, HOOK, Fact.TURN, phase="submitted"),
        acts(3, HOOK, "idle"),
        saw(3, HOOK, Fact.BACKGROUND, count=2),
        saw(3, HOOK, Fact.TURN, phase="ended"),
    ]

    told = view(9, *ended)

    assert told.state == AgentState.BACKGROUND
    assert "2" in told.reason
    over = [saw(8, HOOK, Fact.BACKGROUND, count=0), saw(8, HOOK, Fact.TURN, phase="ended")]
    assert state(9, *ended, *over) == AgentState.READY


def test_quiet_is_never_done() -> None:
    assert state(19, acts(1, QUIET, "idle"), acts(9, QUIET, "idle")) == AgentState.READY


@pytest.mark.parametrize("how", ["done", "failed"])
def test_done_and_failed_hold_from_their_assertion_to_the_next_turn(how: str) -> None:
    asserted = [
        acts(3, REGISTRY, "idle"),
        saw(3, HOOK, Fact.TURN, phase="ended"),
        saw(4, PROCESS, Fact.OUTCOME, {"is": how}, by="its exit code"),
    ]

    told = view(9, *asserted)

    assert told.state == how
    assert "its exit code" in told.reason
    assert state(9, *asserted, saw(5, HOOK, Fact.TURN, phase="submitted")) == AgentState.READY


def test_somebody_s_text_in_the_composer_is_told_from_a_suggestion() -> None:
    idle = acts(1, REGISTRY, "idle")

    assert state(3, idle, saw(2, SCREEN, Fact.COMPOSER, holds="draft")) == AgentState.DRAFT
    assert state(3, idle, saw(2, SCREEN, Fact.COMPOSER, holds="ghost")) == AgentState.READY


def test_a_gate_stands_before_everything_the_agent_says() -> None:
    told = view(3, acts(1, REGISTRY, "idle"), saw(2, SCREEN, Fact.GATE, name="trust"))

    assert told.state == AgentState.GATE
    assert "trust" in told.reason
    assert state(9, acts(1, REGISTRY, "idle"), saw(2, SCREEN, Fact.GATE, name="trust"),
                 saw(5, SCREEN, Fact.GATE)) == AgentState.READY  # fmt: skip


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("rate_limited", AgentState.RATE_LIMITED),
        ("auth_failed", AgentState.AUTH_FAILED),
        ("overloaded", AgentState.API_RETRY),
    ],
)
def test_a_limit_or_a_broken_login_does_not_look_like_work(what: str, expected: AgentState) -> None:
    busy = acts(1, REGISTRY, "busy")

    told = view(9, busy, saw(2, SCREEN, Fact.TROUBLE, what=what, attempt=5, of=10, until="soon"))

    assert told.state == expected
    assert "attempt 5 of 10" in told.reason
    gone = saw(5, SCREEN, Fact.TROUBLE)
    assert state(9, busy, saw(2, SCREEN, Fact.TROUBLE, what=what), gone) == AgentState.WORKING


def test_a_failed_turn_s_trouble_is_over_with_the_next_turn() -> None:
    failed = saw(2, HOOK, Fact.TROUBLE, what="rate_limited")

    assert state(3, acts(1, REGISTRY, "busy"), failed) == AgentState.RATE_LIMITED
    assert state(9, acts(4, REGISTRY, "busy"), failed) == AgentState.WORKING
    assert state(9, acts(4, REGISTRY, "idle"), failed) == AgentState.READY


def test_trouble_that_ended_a_turn_is_over_though_its_hook_comes_after_the_registry() -> None:
    quick = acts(1, REGISTRY, "idle"), acts(1, TRANSCRIPT, "idle")
    late = acts(1.5, HOOK, "idle"), saw(1.5, HOOK, Fact.TROUBLE, what="overloaded")

    ready = view(5, *quick, *late)
    assert ready.state is AgentState.READY
    assert "overloaded" in ready.reason
    assert state(5, *quick, late[1]) is AgentState.API_RETRY


def test_trouble_that_is_not_understood_is_none() -> None:
    assert state(3, acts(1, REGISTRY, "busy"), saw(2, SCREEN, Fact.TROUBLE, what="hiccups")) == (
        AgentState.WORKING
    )


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("nobody", AgentState.LOST),
        ("other", AgentState.REPLACED),
        ("shell", AgentState.EXITED),
        ("agent", AgentState.READY),
    ],
)
def test_an_agent_that_died_inside_a_live_shell_does_not_look_alive(
    who: str, expected: AgentState
) -> None:
    told = view(9, acts(1, REGISTRY, "idle"), saw(2, PROCESS, Fact.OCCUPANT, who=who))

    assert told.state == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [({"code": 3}, "code 3"), ({"signal": 9}, "signal 9"), ({}, "has ended")],
)
def test_an_ended_process_is_told_with_how_it_ended(value: dict[str, Json], words: str) -> None:
    told = view(9, acts(1, REGISTRY, "idle"), saw(2, PROCESS, Fact.EXIT, value))

    assert told.state == AgentState.EXITED
    assert words in told.reason


def test_of_an_agent_that_may_be_in_a_multiplexer_the_screen_tells() -> None:
    ended = saw(1, PROCESS, Fact.EXIT, code=0)
    inside = saw(2, PROCESS, Fact.OCCUPANT, who="multiplexer", pid=5)

    assert state(9, ended, inside) == AgentState.UNKNOWN
    assert state(9, ended, inside, acts(3, SCREEN, "idle"), acts(4, SCREEN, "idle")) == (
        AgentState.READY
    )


def test_an_agent_that_is_seen_alive_after_an_end_is_alive() -> None:
    ended = saw(2, PROCESS, Fact.EXIT, code=0)
    alive = saw(3, PROCESS, Fact.OCCUPANT, who="agent", pid=5)

    assert state(9, acts(4, REGISTRY, "idle"), ended, alive) == AgentState.READY


def test_an_earlier_life_counts_for_nothing() -> None:
    done = saw(1, PROCESS, Fact.OUTCOME, {"is": "done"})

    told = view(9, acts(1, REGISTRY, "idle"), done, epoch=2)

    assert (told.state, told.epoch) == (AgentState.UNKNOWN, 2)


def observations() -> st.SearchStrategy[list[Observation]]:
    activity = st.builds(
        acts,
        st.floats(0, 100),
        st.sampled_from(list(ObservationSource)),
        st.sampled_from(["idle", "busy", "waiting", "shell", "starting", "compacting"]),
    )
    dialog = st.builds(
        lambda at, source, asks: saw(at, source, Fact.DIALOG, {"asks": asks} if asks else {}),
        st.floats(0, 100),
        st.sampled_from([HOOK, SCREEN, PROTOCOL]),
        st.sampled_from(["permission", "question", ""]),
    )
    turn = st.builds(
        lambda at, source, phase: saw(at, source, Fact.TURN, phase=phase),
        st.floats(0, 100),
        st.sampled_from([HOOK, TRANSCRIPT]),
        st.sampled_from(["submitted", "ended", "interrupted"]),
    )
    occupant = st.builds(
        lambda at, who: saw(at, PROCESS, Fact.OCCUPANT, who=who),
        st.floats(0, 100),
        st.sampled_from(["agent", "shell", "other", "nobody"]),
    )
    return st.lists(activity | dialog | turn | occupant, max_size=12)


@given(observations(), st.floats(100, 400), st.randoms(use_true_random=False))
def test_the_order_of_arrival_makes_no_difference(
    seen: list[Observation], at: float, random: object
) -> None:
    by_time = {one.at: one for one in seen}  # what is of one moment has an order of its own
    shuffled = sorted(by_time.values(), key=lambda _: random.random())  # type: ignore[attr-defined]

    assert view(at, *shuffled) == view(at, *by_time.values())


@given(observations(), st.floats(100, 400))
def test_nothing_is_done_without_somebody_s_word(seen: list[Observation], at: float) -> None:
    assert state(at, *seen) not in {AgentState.DONE, AgentState.FAILED}


@given(observations(), st.floats(100, 400))
def test_every_state_has_a_reason(seen: list[Observation], at: float) -> None:
    assert view(at, *seen).reason


@given(observations(), st.floats(100, 400), st.sampled_from(["busy", "waiting", "compacting"]))
def test_what_the_most_trusted_says_of_work_is_never_called_ready(
    seen: list[Observation], at: float, what: str
) -> None:
    ready = {AgentState.READY, AgentState.DRAFT, AgentState.INTERRUPTED, AgentState.BACKGROUND}

    assert state(at, *seen, acts(100, PROTOCOL, what)) not in ready


@given(observations(), st.floats(100, 400))
def test_all_that_was_seen_last_is_either_believed_or_told_why_not(
    seen: list[Observation], at: float
) -> None:
    told = view(at, *seen)

    assert not {id(one) for one in told.winning} & {id(one) for one, _ in told.losing}
    assert all(why for _, why in told.losing)


@given(observations(), st.floats(102, 400))
def test_a_newer_doubt_never_leaves_an_agent_ready(seen: list[Observation], at: float) -> None:
    trusted = [one for one in seen if one.sighting.source is not PROTOCOL]

    told = state(at, *trusted, acts(100, REGISTRY, "idle"), acts(101, SCREEN, "busy"))

    assert told != AgentState.READY


def test_a_status_between_two_looks_is_missed_but_not_that_it_is_another_since() -> None:
    idle = acts(1, REGISTRY, "idle", at="2026-11-01T00:00:01+00:00")
    prompted = acts(3, TRANSCRIPT, "busy")
    again = acts(6, REGISTRY, "idle", at="2026-11-01T00:00:05+00:00")

    assert state(4, idle, prompted) == AgentState.UNKNOWN
    assert state(7, idle, prompted, again) == AgentState.READY


@pytest.mark.parametrize("at", ["yesterday", "2026-11-01T00:00:05", 5])
def test_a_time_that_is_none_dates_nothing(at: Json) -> None:
    seen = [acts(1, REGISTRY, "idle"), acts(3, TRANSCRIPT, "busy")]

    assert state(7, *seen, acts(6, REGISTRY, "idle", at=at)) == AgentState.UNKNOWN
    assert state(7, *seen, acts(6, PROTOCOL, "idle", at="2026-11-01T09:00:00Z")) == (
        AgentState.READY
    )


def test_what_we_do_with_an_agent_ourselves_is_told_before_all_else() -> None:
    idle = acts(1, REGISTRY, "idle")
    gone = saw(1, PROCESS, Fact.OCCUPANT, who="shell")
    there = saw(4, PROCESS, Fact.OCCUPANT, who="agent")
    for what, expected in {
        "creating": AgentState.CREATING,
        "restarting": AgentState.RESTARTING,
        "quarantined": AgentState.QUARANTINED,
    }.items():
        told = view(3, idle, gone, saw(2, PROCESS, Fact.LIFE, {"is": what}, why="5 crashes"))
        assert told.state == expected
        assert "5 crashes" in told.reason
    creating = saw(2, PROCESS, Fact.LIFE, {"is": "creating"})
    assert state(5, idle, creating, there) == AgentState.READY
    assert state(5, idle, creating, there, saw(4, PROCESS, Fact.LIFE)) == AgentState.READY


def test_a_suspended_agent_takes_no_message() -> None:
    stopped = saw(2, PROCESS, Fact.OCCUPANT, who="agent", pid=5, stopped=True)

    assert state(3, acts(1, REGISTRY, "idle"), stopped) == AgentState.SUSPENDED


def test_a_ready_agent_whose_last_turn_failed_says_so() -> None:
    failed = saw(2, HOOK, Fact.TROUBLE, what="auth_failed")
    idle = acts(3, REGISTRY, "idle")

    told = view(4, failed, idle)

    assert told.state == AgentState.READY
    assert "auth failed" in told.reason
    asked = saw(5, HOOK, Fact.TURN, phase="submitted")
    assert "auth" not in view(9, failed, idle, asked, acts(8, REGISTRY, "idle")).reason


def test_a_screen_that_is_yet_to_be_drawn_ends_no_dialog() -> None:
    looks = [saw(at, SCREEN, Fact.DIALOG) for at in (1, 2, 3)]
    asked = saw(3, HOOK, Fact.DIALOG, asks="permission", tool="Bash")
    waits = acts(3, HOOK, "waiting")
    early = [saw(3.2, SCREEN, Fact.DIALOG), acts(3.2, SCREEN, "idle")]

    assert state(3.4, *looks, asked, waits, *early) == AgentState.WAITING_PERMISSION


def test_a_shell_s_mark_needs_no_second_look() -> None:
    assert state(1, acts(1, TITLE, "idle", marked=True)) == AgentState.READY
    assert state(1, acts(1, TITLE, "idle")) == AgentState.UNKNOWN


def test_a_composer_that_is_drawn_before_its_gates_is_believed_late_or_by_another_look() -> None:
    early = [acts(at, SCREEN, "idle", early=True) for at in (0, 1, 2)]
    gate = saw(2.5, SCREEN, Fact.GATE, name="trust")

    assert state(EARLY_SECONDS - 0.1, *early) is AgentState.UNKNOWN
    assert state(2.6, *early, gate) is AgentState.GATE
    assert state(EARLY_SECONDS, *early) is AgentState.READY
    assert state(2.5, *early, acts(2.4, SCREEN, "idle")) is AgentState.READY
