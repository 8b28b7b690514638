"""What a real Gemini CLI tells of a whole job equals what the model and the disk know of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from iterm_mcp.agents.events.gemini_chat_events import GeminiChatEvents
from iterm_mcp.agents.events.gemini_hook_events import GeminiHookEvents
from iterm_mcp.models.accounts import Change, Outcome
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.accounts import in_order, make_account

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.models.accounts import Account
    from iterm_mcp.models.events import Event

FIXTURES = Path(__file__).parents[3] / "fixtures"
FOLDER = FIXTURES / "jobs" / "gemini"
NOTICED = datetime(2026, 11, 21, 19, tzinfo=UTC)


def from_chat() -> list[Event]:
    reader = GeminiChatEvents()
    told = reader.read((FOLDER / "chat.jsonl").read_bytes().splitlines()) + reader.finish()
    assert (reader.skipped, reader.holding) == (0, False)
    return told


def from_hooks() -> list[Event]:
    reader, told = GeminiHookEvents(), []
    for index, raw in enumerate((FOLDER / "hooks.jsonl").read_bytes().splitlines()):
        told += reader.read(json.loads(raw), NOTICED, str(index))
    return told


SOURCES: dict[str, Callable[[], list[Event]]] = {
    "chat": from_chat,
    "both": lambda: [*from_hooks(), *from_chat()],
}


@pytest.fixture(params=SOURCES, ids=list(SOURCES))
def account(request: pytest.FixtureRequest) -> Account:
    return make_account(SOURCES[request.param]())


def test_the_tools_are_those_that_the_model_asked_for(account: Account) -> None:
    assert [(one.call, one.outcome) for one in account.calls] == [
        ("write_file__job_0", Outcome.DONE),
        ("read_file__job_1", Outcome.DONE),
        ("replace__job_2", Outcome.DONE),
        ("run_shell_command__job_3", Outcome.FAILED),
        ("run_shell_command__job_4", Outcome.DONE),
        ("read_file__job_5", Outcome.FAILED),
    ]
    assert all(one.seconds is not None for one in account.calls)
    assert {one.error for one in account.failures} == {
        "Output: broken\nExit Code: 3",
        "File not found: /home/user/project/nowhere.txt",
    }


def test_the_files_are_those_on_the_disk(account: Account) -> None:
    told = {
        one.path.rpartition("/")[2]: (
            one.change, one.bytes_before, one.bytes_after, one.lines_added, one.lines_removed,
        )
        for one in account.files
    }  # fmt: skip
    left = json.loads((FOLDER / "files.json").read_bytes())
    assert told == {
        "new.txt": (Change.CREATED, 0, len(left["new.txt"]), 3, 0),
        "old.txt": (Change.MODIFIED, 11, len(left["old.txt"]), 2, 1),
    }


def test_the_tokens_are_those_in_the_models_books(account: Account) -> None:
    books: list[dict[str, Any]] = [
        one["usage"] for one in json.loads((FOLDER / "model.json").read_bytes())["answered"]
    ]
    usage = account.spent.usage
    assert account.spent.answers == len(books)
    assert usage.total == sum(one["totalTokenCount"] for one in books)
    assert usage.cache_read == sum(one["cachedContentTokenCount"] for one in books)
    assert usage.reasoning == sum(one["thoughtsTokenCount"] for one in books)
    assert usage.output - usage.reasoning == sum(one["candidatesTokenCount"] for one in books)


def test_there_is_one_turn(account: Account) -> None:
    (turn,) = account.turns
    assert (turn.prompt, turn.calls) == ("Do the whole job.", 6)


def test_hooks_tell_when_the_turn_and_the_conversation_ended() -> None:
    account = make_account([*from_hooks(), *from_chat()])
    assert account.turns[0].outcome is Outcome.DONE
    assert account.end_reason == "exit"
    assert len(from_hooks()) == 3


def test_hooks_tell_of_no_more_when_they_are_delivered_again() -> None:
    assert {one.key for one in from_hooks()} == {one.key for one in from_hooks() * 2}
    starts = [one.key for one in from_hooks() if one.kind is EventKind.CONVERSATION_STARTED]
    assert starts == [one.key for one in from_chat()][:1]


def test_reading_a_chat_twice_tells_nothing_new() -> None:
    assert in_order(from_chat() + from_chat()) == in_order(from_chat())


def test_what_stands_there_again_after_a_cancelled_request_is_told_once() -> None:
    path = FIXTURES / "gemini" / "chat.jsonl"
    told = GeminiChatEvents().read(path.read_bytes().splitlines())
    account = make_account(told)
    assert [turn.prompt.partition("\n")[0] for turn in account.turns] == [
        "[[work 5]] hello", "amid", "[[work 8]] long",
    ]  # fmt: skip
    assert [turn.outcome for turn in account.turns][1:] == [Outcome.INTERRUPTED] * 2
    (call,) = account.calls
    assert call.outcome is Outcome.INTERRUPTED
    assert account.spent.usage.total == 4
