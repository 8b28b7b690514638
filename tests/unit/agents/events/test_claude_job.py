"""What hooks and transcripts tell of a whole job equals what the model and the disk know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.agents.events.recorded import answered, from_hooks, from_transcripts

from iterm_mcp.models.accounts import Change, Outcome
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.accounts import in_order, make_account
from iterm_mcp.services.events.prices import Prices, _load_listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.models.accounts import Account
    from iterm_mcp.models.events import Event

SOURCES: dict[str, Callable[[], list[Event]]] = {
    "transcripts": from_transcripts,
    "hooks": from_hooks,
    "both": lambda: [*from_hooks(), *from_transcripts()],
}


@pytest.fixture(params=SOURCES, ids=list(SOURCES))
def account(request: pytest.FixtureRequest) -> Account:
    return make_account(SOURCES[request.param]())


def test_the_tools_are_those_that_the_model_asked_for(account: Account) -> None:
    assert {(one.call, one.tool, one.outcome, one.subagent != "") for one in account.calls} == {
        ("toolu_agent_0", "Write", Outcome.DONE, False),
        ("toolu_agent_1", "Read", Outcome.DONE, False),
        ("toolu_agent_2", "Edit", Outcome.DONE, False),
        ("toolu_agent_3", "Bash", Outcome.FAILED, False),
        ("toolu_agent_4", "Agent", Outcome.DONE, False),
        ("toolu_agent_5", "Bash", Outcome.DONE, False),
        ("toolu_subagent_0", "Write", Outcome.DONE, True),
    }
    assert all(one.seconds is not None for one in account.calls)
    assert [one.error.strip() for one in account.failures] == ["Exit code 3\nbroken"]


def test_the_files_are_those_on_the_disk(account: Account) -> None:
    told = {
        one.path.rpartition("/")[2]: (
            one.change, one.bytes_before, one.bytes_after, one.lines_added, one.lines_removed,
        )
        for one in account.files
    }  # fmt: skip
    assert told == {
        "new.txt": (Change.CREATED, 0, 14, 3, 0),
        "old.txt": (Change.MODIFIED, 11, 18, 2, 1),
        "helper.txt": (Change.CREATED, 0, 5, 1, 0),
    }


def test_there_is_one_turn_that_ended_with_the_last_words(account: Account) -> None:
    (turn,) = account.turns
    assert (turn.prompt, turn.calls) == ("Do the whole job.", 7)


def test_the_subagent_has_its_type_and_its_end(account: Account) -> None:
    (subagent,) = account.subagents
    assert (subagent.type, subagent.calls) == ("general-purpose", 1)
    assert subagent.outcome is Outcome.DONE


@pytest.mark.parametrize("source", ["transcripts", "both"])
def test_the_tokens_are_those_in_the_models_books(source: str) -> None:
    account = make_account(SOURCES[source]())
    books = answered()
    usage = account.spent.usage
    assert account.spent.answers == len(books)
    assert usage.input == sum(one["usage"]["input_tokens"] for one in books)
    assert usage.output == sum(one["usage"]["output_tokens"] for one in books)
    assert usage.cache_read == sum(one["usage"]["cache_read_input_tokens"] for one in books)
    for name, field in (("5m", "cache_write"), ("1h", "cache_write_1h")):
        written = sum(
            one["usage"]["cache_creation"][f"ephemeral_{name}_input_tokens"] for one in books
        )
        assert getattr(usage, field) == written
    (subagent,) = account.subagents
    theirs = [one for one in books if one["who"] == "subagent"]
    assert subagent.spent.usage.output == sum(one["usage"]["output_tokens"] for one in theirs)


def test_the_price_is_to_the_cent_what_claude_code_itself_says() -> None:
    prices = Prices(_load_listed())
    priced = sum(
        prices.cost(one.usage, one.links.model, "claude", one.at).nanodollars
        for one in from_transcripts()
        if one.usage is not None
    )
    (said,) = [one for one in from_transcripts() if one.kind is EventKind.METRIC_REPORTED]
    assert said.payload["name"] == "cost.total"
    assert said.payload["value"] == pytest.approx(priced / 1e9, abs=1e-9)


def test_hooks_alone_tell_when_the_turn_ended() -> None:
    (turn,) = make_account(from_hooks()).turns
    assert turn.outcome is Outcome.DONE
    assert make_account(from_hooks()).end_reason == "other"


def test_what_both_tell_is_one_fact() -> None:
    hooks = {one.key for one in from_hooks()}
    transcripts = {one.key for one in from_transcripts()}
    alone = {one.kind for one in from_hooks() if one.key not in transcripts}
    assert alone == {EventKind.CONVERSATION_ENDED, EventKind.TURN_ENDED}
    only = {one.kind for one in from_transcripts() if one.key not in hooks}
    assert only == {EventKind.MODEL_ANSWERED, EventKind.METRIC_REPORTED}


def test_reading_a_transcript_twice_tells_nothing_new() -> None:
    assert in_order(from_transcripts() + from_transcripts()) == in_order(from_transcripts())
