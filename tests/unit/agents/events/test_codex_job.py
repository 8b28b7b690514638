"""What a real Codex tells of a whole job equals what the model and the disk know of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from iterm_mcp.agents.events.codex_hook_events import CodexHookEvents
from iterm_mcp.agents.events.codex_rollout_events import CodexRolloutEvents
from iterm_mcp.models.accounts import Change, Outcome
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.accounts import in_order, make_account

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.models.accounts import Account
    from iterm_mcp.models.events import Event

FOLDER = Path(__file__).parents[3] / "fixtures" / "jobs" / "codex"


def lines(name: str) -> list[bytes]:
    return (FOLDER / name).read_bytes().splitlines()


def answered() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "model.json").read_bytes())
    return found


def from_rollouts() -> list[Event]:
    told: list[Event] = []
    for name in ("rollout.jsonl", "subagent.jsonl"):
        reader = CodexRolloutEvents()
        told += reader.read(lines(name)) + reader.finish()
        assert (reader.skipped, reader.holding) == (0, False)
    return told


def from_hooks() -> list[Event]:
    """Read the hooks, and then the notifications, at times between those of the rollout."""
    reader, told = CodexHookEvents(), []
    at = next(one.at for one in from_rollouts() if one.kind is EventKind.CONVERSATION_STARTED)
    for index, raw in enumerate([*lines("hooks.jsonl"), *lines("notify.jsonl")]):
        told += reader.read(json.loads(raw), at + timedelta(milliseconds=50 * index), str(index))
    return told


SOURCES: dict[str, Callable[[], list[Event]]] = {
    "rollouts": from_rollouts,
    "both": lambda: [*from_hooks(), *from_rollouts()],
}


@pytest.fixture(params=SOURCES, ids=list(SOURCES))
def account(request: pytest.FixtureRequest) -> Account:
    return make_account(SOURCES[request.param]())


def test_the_tools_are_those_that_the_model_asked_for(account: Account) -> None:
    assert {(one.call, one.tool, one.outcome, one.subagent != "") for one in account.calls} == {
        ("call_agent_0", "Bash", Outcome.DONE, False),
        ("call_agent_1", "Bash", Outcome.DONE, False),
        ("call_agent_2", "Bash", Outcome.FAILED, False),
        ("call_agent_3", "spawn_agent", Outcome.DONE, False),
        ("call_agent_4", "wait_agent", Outcome.DONE, False),
        ("call_agent_5", "Bash", Outcome.DONE, False),
        ("call_subagent_0", "Bash", Outcome.DONE, True),
    }
    assert all(one.seconds is not None for one in account.calls)
    assert [one.error.strip() for one in account.failures] == ["broken"]


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
        "old.txt": (Change.MODIFIED, None, None, 2, 1),
        "gone.txt": (Change.DELETED, len("nobody needs this\n"), None, 0, 1),
        "helper.txt": (Change.CREATED, 0, len(left["helper.txt"]), 1, 0),
    }


def test_the_tokens_are_those_in_the_models_books(account: Account) -> None:
    books = [one["usage"] for one in answered()]
    usage = account.spent.usage
    assert account.spent.answers == len(books)
    assert usage.total == sum(one["total_tokens"] for one in books)
    assert usage.output == sum(one["output_tokens"] for one in books)
    assert usage.cache_read == sum(one["input_tokens_details"]["cached_tokens"] for one in books)
    assert usage.cache_write == 5 * len(books)
    assert usage.reasoning == sum(one["output_tokens_details"]["reasoning_tokens"] for one in books)
    (subagent,) = account.subagents
    theirs = [one["usage"] for one in answered() if one["who"] == "subagent"]
    assert subagent.spent.usage.total == sum(one["total_tokens"] for one in theirs)


def test_there_is_one_turn_that_ended(account: Account) -> None:
    (turn,) = account.turns
    assert (turn.prompt, turn.calls, turn.outcome) == ("Do the whole job.", 7, Outcome.DONE)


def test_the_subagent_has_its_end(account: Account) -> None:
    (subagent,) = account.subagents
    assert (subagent.type, subagent.calls, subagent.outcome) == ("default", 1, Outcome.DONE)
    assert account.models == ("gpt-5",)


def test_what_both_tell_is_one_fact() -> None:
    rollouts = {one.key for one in from_rollouts()}
    alone = {one.kind for one in from_hooks() if one.key not in rollouts}
    assert alone == {EventKind.CONVERSATION_ENDED}


def test_every_token_is_counted_once_by_what_older_versions_write() -> None:
    old = [one for one in lines("rollout.jsonl") if b'"token_usage_record"' not in one]
    told = CodexRolloutEvents().read(old + old)
    assert (
        make_account(told).spent.usage
        == make_account(CodexRolloutEvents().read(lines("rollout.jsonl"))).spent.usage
    )


def test_reading_a_rollout_twice_tells_nothing_new() -> None:
    assert in_order(from_rollouts() + from_rollouts()) == in_order(from_rollouts())


def test_a_hook_alone_tells_of_a_turn() -> None:
    (end,) = [one for one in from_hooks() if one.kind is EventKind.CONVERSATION_ENDED]
    assert end.payload["reason"] == "other"
    assert datetime(2026, 1, 1, tzinfo=UTC) < end.at
