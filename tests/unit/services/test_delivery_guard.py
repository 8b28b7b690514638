"""A message is typed only where the agent is known to take it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.agents.kind import WhileBusy
from iterm_mcp.models.agent_states import ENDED, AgentState
from iterm_mcp.models.deliveries import Policy
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting
from iterm_mcp.services.deliveries.guard import AT_REST, Seen, Verdict, judge, read

EMPTY = Seen({"holds": "nothing"}, activity="idle")
DIALOG = Seen({"holds": "nothing"}, dialog="May I?")
GATE = Seen(gate="trust")

STATES, POLICIES, BUSY = (
    st.sampled_from(AgentState),
    st.sampled_from(Policy),
    st.sampled_from(WhileBusy),
)


def verdict(
    state: AgentState,
    policy: Policy = Policy.MESSAGE,
    seen: Seen = EMPTY,
    while_busy: WhileBusy = WhileBusy.KEEPS,
) -> Verdict:
    return judge(state, "why", seen, policy, while_busy).verdict


@given(STATES, POLICIES, BUSY, st.sampled_from([DIALOG, GATE]))
def test_nothing_is_ever_typed_into_a_dialog_or_a_gate(
    state: AgentState, policy: Policy, while_busy: WhileBusy, seen: Seen
) -> None:
    judgement = judge(state, "why", seen, policy, while_busy)
    assert judgement.verdict in {Verdict.HOLD, Verdict.REFUSE}
    assert judgement.reason


@given(st.sampled_from(sorted(ENDED)), POLICIES, BUSY)
def test_what_has_ended_is_refused_at_once(
    state: AgentState, policy: Policy, while_busy: WhileBusy
) -> None:
    assert verdict(state, policy, while_busy=while_busy) is Verdict.REFUSE


@given(STATES, POLICIES, BUSY)
def test_only_agents_at_rest_or_amid_a_turn_are_typed_into(
    state: AgentState, policy: Policy, while_busy: WhileBusy
) -> None:
    judgement = judge(state, "why", Seen(), policy, while_busy)
    if judgement.verdict is Verdict.TYPE:
        assert state in AT_REST | {AgentState.WORKING}
        assert judgement.amid_turn is (state is AgentState.WORKING)
    if judgement.verdict in {Verdict.HOLD, Verdict.REFUSE}:
        assert judgement.reason


@pytest.mark.parametrize(
    ("policy", "while_busy", "expected"),
    [
        (Policy.MESSAGE, WhileBusy.KEEPS, Verdict.TYPE),
        (Policy.MESSAGE, WhileBusy.STEERS, Verdict.HOLD),
        (Policy.MESSAGE, WhileBusy.REFUSES, Verdict.HOLD),
        (Policy.NUDGE, WhileBusy.KEEPS, Verdict.HOLD),
        (Policy.STEER, WhileBusy.KEEPS, Verdict.TYPE),
        (Policy.STEER, WhileBusy.STEERS, Verdict.TYPE),
        (Policy.STEER, WhileBusy.REFUSES, Verdict.REFUSE),
        (Policy.INTERRUPT, WhileBusy.REFUSES, Verdict.INTERRUPT),
    ],
)
def test_what_a_working_agent_is_told_depends_on_its_kind(
    policy: Policy, while_busy: WhileBusy, expected: Verdict
) -> None:
    assert verdict(AgentState.WORKING, policy, while_busy=while_busy) is expected


def test_an_idle_agent_takes_everything_but_steering() -> None:
    assert [verdict(AgentState.READY, policy) for policy in Policy] == [
        Verdict.TYPE, Verdict.TYPE, Verdict.REFUSE, Verdict.TYPE,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "state", [AgentState.RATE_LIMITED, AgentState.AUTH_FAILED, AgentState.COMPACTING]
)
def test_one_that_cannot_work_is_left_alone(state: AgentState) -> None:
    assert verdict(state) is Verdict.HOLD
    assert verdict(state, Policy.NUDGE) is Verdict.HOLD


def test_where_nothing_is_known_the_screen_decides_and_without_a_composer_nobody_types() -> None:
    assert verdict(AgentState.UNKNOWN) is Verdict.TYPE
    assert verdict(AgentState.UNKNOWN, seen=Seen()) is Verdict.HOLD
    assert verdict(AgentState.UNKNOWN, seen=Seen({"holds": "nothing"})) is Verdict.HOLD
    busy = Seen({"holds": "nothing"}, activity="busy")
    assert verdict(AgentState.UNKNOWN, Policy.NUDGE, busy) is Verdict.HOLD


def test_a_look_at_the_screen_is_read() -> None:
    screen = ObservationSource.SCREEN
    seen = read(
        [
            Sighting(Fact.COMPOSER, {"holds": "draft", "text": "half"}, screen),
            Sighting(Fact.DIALOG, {"asks": "permission"}, screen),
            Sighting(Fact.GATE, {}, screen),
            Sighting(Fact.ACTIVITY, {"is": "waiting"}, screen),
        ]
    )
    assert (seen.holds, seen.text, seen.activity) == ("draft", "half", "waiting")
    assert "permission" in seen.in_the_way
    assert "trust" in read([Sighting(Fact.GATE, {"name": "trust"}, screen)]).in_the_way
    nothing = read([])
    assert (nothing.holds, nothing.text, nothing.in_the_way) == ("", "", "")


def test_nothing_is_typed_while_somebody_scrolls() -> None:
    scrolled = read(EMPTY.sightings, scrolled=True)
    for state in (AgentState.READY, AgentState.WORKING, AgentState.UNKNOWN):
        for policy in Policy:
            judged = judge(state, "why", scrolled, policy, WhileBusy.KEEPS)
            assert judged.verdict is Verdict.HOLD
            assert "scrolls" in judged.reason
