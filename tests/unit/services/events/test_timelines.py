from __future__ import annotations

from dataclasses import replace

from tests.unit.services.events.story import story
from tests.unit.services.events.told import at, call, prompt, told

from iterm_mcp.models.account_views import BarKind
from iterm_mcp.models.accounts import Outcome
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.accounts import make_account
from iterm_mcp.services.events.timelines import make_timeline


def test_bars_stand_in_the_order_of_time_and_know_where_they_belong() -> None:
    timeline = make_timeline(make_account(story()))
    assert timeline.left_out == 0
    assert [(bar.kind, bar.name, bar.lane, bar.parent) for bar in timeline.bars] == [
        (BarKind.CONVERSATION, "conversation", "conversation", ""),
        (BarKind.TURN, "turn 0", "conversation", "conversation"),
        (BarKind.CALL, "b1", "conversation", "turn 0"),
        (BarKind.CALL, "b2", "conversation", "turn 0"),
        (BarKind.CALL, "b3", "conversation", "turn 0"),
        (BarKind.CALL, "s1", "conversation", "turn 0"),
        (BarKind.SUBAGENT, "x", "x", "conversation"),
        (BarKind.CALL, "r1", "x", "x"),
        (BarKind.TURN, "turn 1", "conversation", "conversation"),
        (BarKind.CALL, "b4", "conversation", "turn 1"),
    ]
    first = timeline.bars[2]
    assert (first.started_at, first.ended_at, first.waited_seconds) == (at(3), at(13), 5)
    assert timeline.bars[0].outcome is Outcome.UNFINISHED
    assert timeline.bars[-1].ended_at is None


def test_of_too_many_calls_the_longest_stay() -> None:
    calls = [one for index in range(10) for one in call(f"c{index}", index, index * 2)]
    timeline = make_timeline(make_account([prompt(0), *calls, *call("open", 5, None)]), most=5)
    assert timeline.left_out == 8
    assert {bar.name for bar in timeline.bars if bar.kind is BarKind.CALL} == {"open", "c9", "c8"}


def test_a_call_before_the_first_prompt_belongs_to_the_conversation() -> None:
    timeline = make_timeline(make_account(call("c", 1, 2)[1:]))
    assert [(bar.name, bar.parent) for bar in timeline.bars[1:]] == [("c", "conversation")]


def test_a_conversation_that_ended_is_done() -> None:
    ended = make_account([prompt(0), told(EventKind.CONVERSATION_ENDED, 4)])
    bar = make_timeline(ended).bars[0]
    assert (bar.outcome, bar.ended_at) == (Outcome.DONE, at(4))


def test_what_nobody_knows_the_time_of_has_no_bar() -> None:
    account = make_account(story())
    timeless = replace(account.calls[0], started_at=None, ended_at=None)
    never = replace(account.subagents[0], started_at=None)
    bars = make_timeline(replace(account, calls=(timeless,), subagents=(never,))).bars
    assert {bar.kind for bar in bars} == {BarKind.CONVERSATION, BarKind.TURN}
