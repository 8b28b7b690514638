from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.events.story import story
from tests.unit.services.events.told import (
    answer,
    at,
    call,
    changed,
    prompt,
    told,
    turn_end,
)

from iterm_mcp.models.accounts import Change, Outcome, Spent
from iterm_mcp.models.events import CostBasis, EventKind, TokenUsage
from iterm_mcp.services.events.accounts import make_account, slim
from iterm_mcp.services.events.graphs import make_graph
from iterm_mcp.services.events.spending import FIELDS, spent_on

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from iterm_mcp.models.observations import Json


def add_spent(parts: Iterable[Spent]) -> Spent:
    """Return the sum."""
    listed = tuple(parts)
    usage = {name: sum(getattr(one.usage, name) for one in listed) for name in FIELDS}
    names = ("reported", "computed", "unpriced", "answers")
    return Spent(TokenUsage(**usage), *(sum(getattr(one, of) for one in listed) for of in names))


def test_a_story_comes_to_this() -> None:
    account = make_account(story())
    assert (account.conversation, account.kind, account.agent) == ("c1", "claude", "ada")
    assert (account.directory, account.title) == ("/w", "first")
    assert (account.started_at, account.last_at, account.seconds) == (at(0), at(46), 46)
    assert account.ended_at is None
    assert account.compactions == 1
    assert account.events == len(story())
    assert [(one.what, one.name, one.text) for one in account.commits] == [
        ("commit", "abc123", "Build it")
    ]


def test_turns_have_their_times_calls_and_money() -> None:
    first, second = make_account(story()).turns
    assert (first.prompt, first.outcome, first.seconds, first.waited_seconds) == (
        "build it", Outcome.DONE, 30, 5,
    )  # fmt: skip
    assert (first.calls, first.spent.computed, first.spent.answers) == (5, 107, 2)
    assert (second.outcome, second.seconds, second.ended_at) == (Outcome.UNFINISHED, None, None)
    assert (second.calls, second.spent.unpriced, second.spent.nanodollars) == (1, 20, 0)
    assert make_account(story()).busy_seconds == 25


def test_calls_are_paired_and_waiting_is_not_counted_as_work() -> None:
    account = make_account(story())
    told_of = {one.call: (one.outcome, one.seconds, one.turn) for one in account.calls}
    assert told_of == {
        "b1": (Outcome.DONE, 5, 0),
        "b2": (Outcome.FAILED, 1, 0),
        "b3": (Outcome.FAILED, 0.25, 0),
        "s1": (Outcome.DONE, 13, 0),
        "r1": (Outcome.DONE, 1, 0),
        "b4": (Outcome.UNFINISHED, None, 1),
    }
    bash = account.tools[0]
    assert (bash.tool, bash.calls, bash.failed, bash.seconds, bash.waited_seconds) == (
        "Bash", 4, 2, 6.25, 5,
    )  # fmt: skip
    assert [(one.error, one.times, one.last_at) for one in account.failures] == [
        ("exit code 1", 2, at(16))
    ]


def test_subagents_have_their_own_account() -> None:
    (subagent,) = make_account(story()).subagents
    assert (subagent.type, subagent.calls, subagent.spent.computed) == ("reviewer", 1, 7)
    assert (subagent.started_at, subagent.ended_at) == (at(17.5), at(29))
    assert subagent.outcome is Outcome.DONE


def test_files_are_told_by_their_first_and_last_state() -> None:
    made, gone = make_account(story()).files
    assert (made.path, made.change, made.changes) == ("/w/new.py", Change.CREATED, 2)
    assert (made.lines_added, made.lines_removed) == (6, 2)
    assert (made.bytes_before, made.bytes_after) == (0, 40)
    assert (gone.change, gone.bytes_before, gone.bytes_after) == (Change.DELETED, 9, None)
    assert gone.lines_added is None


def test_models_stand_by_how_much_they_wrote() -> None:
    account = make_account(story())
    assert account.models == ("m", "small")
    assert [one.computed for one in account.by_model] == [100, 7]
    assert add_spent(account.by_model) == account.spent


@given(st.randoms(use_true_random=False), st.integers(min_value=0, max_value=10))
def test_neither_order_nor_repetition_changes_an_account(
    chance: random.Random, repeated: int
) -> None:
    events = story()
    mixed = events + chance.sample(events, repeated)
    chance.shuffle(mixed)
    assert make_account(mixed) == make_account(events)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1000), st.sampled_from(["a", "b", "c"]), st.integers(0, 50),
            st.sampled_from(CostBasis), st.sampled_from(["", "x", "y"]),
        )
    )
)  # fmt: skip
def test_no_token_and_no_cent_is_lost_or_counted_twice(
    answers: list[tuple[int, str, int, CostBasis, str]],
) -> None:
    events = [
        replace(
            answer(when, model=model, tokens=tokens, nano=tokens * 3, basis=basis, subagent=who),
            key=str(index),
        )
        for index, (when, model, tokens, basis, who) in enumerate(answers)
    ]
    account = make_account([prompt(-1), prompt(500), *events])
    assert account.spent == spent_on(events)
    assert add_spent(account.by_model) == account.spent
    assert add_spent(one.spent for one in account.turns) == account.spent
    known = sum(one[2] * 3 for one in answers if one[3] is not CostBasis.UNPRICED)
    assert account.spent.nanodollars == known
    assert account.spent.usage.total == sum(one[2] * 2 for one in answers)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (EventKind.TURN_FAILED, Outcome.FAILED),
        (EventKind.TURN_INTERRUPTED, Outcome.INTERRUPTED),
        (EventKind.TURN_ENDED, Outcome.DONE),
    ],
)
def test_how_a_turn_ends(kind: EventKind, outcome: Outcome) -> None:
    (turn,) = make_account([prompt(0), turn_end(5, kind, error="rate_limit")]).turns
    assert (turn.outcome, turn.seconds) == (outcome, 5)
    assert turn.error == ("rate_limit" if outcome is Outcome.FAILED else "")


def test_a_turn_that_goes_on_after_its_end_ends_later() -> None:
    (turn,) = make_account([prompt(0), turn_end(5), turn_end(9)]).turns
    assert turn.seconds == 9


def test_the_agents_own_id_says_more_than_the_time() -> None:
    events = [prompt(0, turn="t1"), prompt(10, turn="t2"), answer(11, turn="t1", nano=5)]
    first, second = make_account(events).turns
    assert (first.spent.computed, second.spent.computed) == (5, 0)


def test_what_comes_before_the_first_prompt_belongs_to_no_turn() -> None:
    account = make_account([*call("b1", 0, 1), answer(1), prompt(5)])
    assert account.calls[0].turn == -1
    assert account.turns[0].calls == 0
    assert account.spent.answers == 1


def test_a_call_of_which_only_the_end_was_told_is_a_call() -> None:
    (found,) = make_account(call("b1", 0, 3)[1:]).calls
    assert (found.started_at, found.ended_at, found.seconds) == (None, at(3), None)


def test_an_interrupted_call_is_no_failure() -> None:
    account = make_account(call("b1", 0, 3, interrupted=True))
    assert account.calls[0].outcome is Outcome.INTERRUPTED
    assert account.failures == ()


def test_a_question_without_an_answer_waits_to_the_end_of_its_call() -> None:
    asked = told(EventKind.PERMISSION_REQUESTED, 2, call="b1", tool="Bash")
    (found,) = make_account([*call("b1", 1, 6), asked]).calls
    assert (found.waited_seconds, found.seconds) == (4, 1)
    (found,) = make_account([*call("b1", 1, None), asked]).calls
    assert found.waited_seconds == 0


def test_each_question_has_its_own_answer() -> None:
    asked = [told(EventKind.PERMISSION_REQUESTED, one, call="b1") for one in (1, 5)]
    answers = [told(EventKind.PERMISSION_ANSWERED, one, call="b1") for one in (2, 8)]
    (found,) = make_account([*call("b1", 0, 10), *asked, *answers]).calls
    assert found.waited_seconds == 4


def test_a_file_made_and_removed_again_was_passing() -> None:
    events = [changed(0, "/t", "created", bytes_after=3), changed(1, "/t", "deleted")]
    (found,) = make_account(events).files
    assert (found.change, found.bytes_before, found.bytes_after) == (Change.PASSING, 0, None)


def test_a_conversation_that_ended_and_was_resumed_goes_on() -> None:
    started = told(EventKind.CONVERSATION_STARTED, 0)
    ended = told(EventKind.CONVERSATION_ENDED, 5, reason="logout")
    account = make_account([started, ended])
    assert (account.ended_at, account.end_reason) == (at(5), "logout")
    again = told(EventKind.CONVERSATION_STARTED, 9, source="resume")
    assert make_account([started, ended, again]).ended_at is None


def test_a_file_event_without_a_path_and_a_number_that_is_none_tell_nothing() -> None:
    events = [
        told(EventKind.FILE_CHANGED, 0, change="created"),
        changed(1, "/a", "modified", lines_added="many", bytes_after=True),
    ]
    (found,) = make_account(events).files
    assert (found.lines_added, found.bytes_after) == (None, None)


def test_no_events_have_no_account() -> None:
    with pytest.raises(ValueError, match="no events"):
        make_account([])


def test_money_is_told_by_where_it_comes_from() -> None:
    spent = spent_on(
        [
            answer(0, nano=5, basis=CostBasis.REPORTED),
            answer(1, nano=7),
            answer(2, nano=None, tokens=2),
        ]
    )
    assert (spent.reported, spent.computed, spent.unpriced) == (5, 7, 4)
    assert spent.dollars == 12e-9
    assert spent.usage == TokenUsage(input=22, output=22)
    assert spent_on([]) == Spent()


def test_what_fails_again_and_again_is_told_as_such() -> None:
    events = [
        *call("a", 1, 2, failed="no"),
        *call("b", 3, 4, failed="no"),
        *call("c", 5, 6, tool="Read"),
        *call("d", 7, 8, failed="no"),
        *call("e", 9, 10),
        *call("f", 11, 12, failed="no"),
        *call("g", 13, 14, failed="other"),
        *call("h", 15, 16, failed="no"),
    ]
    often, once = make_account(events).failures
    assert (often.error, often.times, often.in_a_row, often.repeated) == ("no", 5, 3, True)
    assert (once.error, once.times, once.in_a_row, once.repeated) == ("other", 1, 1, False)


def test_questions_that_name_no_call_are_of_the_one_under_way() -> None:
    first: Json = {"command": "ls"}
    second: Json = {"command": "rm"}
    events = [
        told(EventKind.TOOL_STARTED, 1, call="a", tool="Bash", input=first),
        told(EventKind.TOOL_STARTED, 2, call="b", tool="Bash", input=second),
        told(EventKind.TOOL_STARTED, 2, call="c", tool="Read", input=first),
        told(EventKind.PERMISSION_REQUESTED, 3, tool="Bash", input=first),
        told(EventKind.PERMISSION_REQUESTED, 3.5, call="a", tool="Bash", input=first),
        told(EventKind.PERMISSION_ANSWERED, 7, tool="Bash", input=first),
        told(EventKind.PERMISSION_REQUESTED, 8, tool="Bash", input={"command": "l…"}),
        told(EventKind.TOOL_ENDED, 9, call="a", tool="Bash"),
        told(EventKind.TOOL_ENDED, 12, call="b", tool="Bash"),
        told(EventKind.PERMISSION_REQUESTED, 13, tool="Bash", input=first),
        told(EventKind.PERMISSION_REQUESTED, 13, call="z"),
    ]
    waited = {one.call: one.waited_seconds for one in make_account(events).calls}
    assert waited == {"a": 4.0, "b": 4.0, "c": 0.0}


def test_without_outputs_the_account_is_the_same() -> None:
    asked: Json = {"command": "x" * 1000}
    events = [
        *story(),
        told(EventKind.TOOL_STARTED, 50, call="z", tool="Bash", input=asked),
        told(EventKind.PERMISSION_REQUESTED, 51, tool="Bash", input=asked),
        told(EventKind.PERMISSION_ANSWERED, 53, tool="Bash", input=asked),
        told(
            EventKind.TOOL_FAILED, 60, call="z", tool="Bash", output="o" * 9999, error="e" * 9999,
            text="t" * 9999,
        ),
        told(EventKind.HANDOFF_MADE, 61, text="h" * 999, to="bob", means="note", context_tokens=3),
        told(EventKind.CONTEXT_COMPACTED, 62, tokens_after=4),
        told(EventKind.CONVERSATION_ENDED, 63, reason="logout"),
        turn_end(64, EventKind.TURN_FAILED, error="overloaded"),
    ]  # fmt: skip
    thin = [slim(one) for one in events]
    assert make_account(thin) == make_account(events)
    for expanded in (False, True):
        assert make_graph(thin, expanded=expanded) == make_graph(events, expanded=expanded)
    assert max(len(str(one)) for one in thin) < 2000
