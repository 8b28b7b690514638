"""What is written down of messages is what was meant."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from iterm_mcp.errors import InvalidRequestError, StoreError
from iterm_mcp.models.task_graphs import GraphSpec
from iterm_mcp.models.tasks import TaskResult, TaskSpec, TaskState
from iterm_mcp.tasks.front.ledger import Entry, Ledger
from iterm_mcp.tasks.front.options import FrontOptions
from iterm_mcp.tasks.front.redis_front import load_carrier
from iterm_mcp.tasks.front.results import (
    FrontResult,
    Level,
    TaskEnd,
    front_json,
    level_of,
    message_id,
    read_front,
)

if TYPE_CHECKING:
    from pathlib import Path


def graph(*priorities: int) -> GraphSpec:
    tasks = [
        TaskSpec(f"t{number}", "shell", "true", "/", priority=priority)
        for number, priority in enumerate(priorities)
    ]
    return GraphSpec("g", tuple(tasks))


def test_a_result_is_read_as_it_was_written() -> None:
    result = FrontResult(
        "one",
        "g-1",
        {
            "a": TaskEnd(TaskState.SUCCEEDED, "", 2, TaskResult({"n": 1}, 0, problems=("none",))),
            "b": TaskEnd(TaskState.SKIPPED, "not needed"),
        },
    )
    assert read_front(front_json(result)) == result
    assert result.succeeded


def test_what_was_never_begun_did_not_succeed() -> None:
    assert not FrontResult("", "", reason="cancelled by ann").succeeded


def test_the_same_key_is_the_same_message() -> None:
    assert message_id("a") == message_id("a") != message_id("b")
    assert message_id("") != message_id("")


@pytest.mark.parametrize(
    ("priorities", "level"),
    [
        pytest.param((), Level.NORMAL, id="none"),
        pytest.param((-1, -5), Level.LOW, id="low"),
        pytest.param((-1, 0), Level.NORMAL, id="normal"),
        pytest.param((-1, 3), Level.HIGH, id="high"),
    ],
)
def test_a_message_is_as_urgent_as_its_most_urgent_task(
    priorities: tuple[int, ...], level: Level
) -> None:
    assert level_of(graph(*priorities)) is level


@pytest.mark.parametrize("url", ["", "http://db", "redis://", "redis:///0"])
def test_a_url_of_no_redis_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequestError, match="URL of a Redis"):
        FrontOptions(url, "/", "one")


@pytest.mark.parametrize("name", ["", "a b", "a:b", "-a", "a" * 81])
def test_a_name_that_could_be_mistaken_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be the name"):
        FrontOptions("redis://db", "/", name)


def test_entries_are_kept_until_they_are_removed(tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path / "front"))
    entries = [Entry(f"m{number}", number, {"name": "g"}, "ann") for number in range(3)]
    assert ledger.entries() == []
    for one in entries:
        ledger.write(one)
    assert ledger.entries() == entries

    ledger.remove("m1")
    ledger.remove("m1")
    assert ledger.entries() == [entries[0], entries[2]]
    assert entries[2].key == "front:m2:2"


def test_an_entry_that_cannot_be_read_is_left_and_the_others_go_on(tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path))
    ledger.write(Entry("good", 1, {}))
    (tmp_path / "bad.json").write_text("{", "utf-8")
    (tmp_path / "other.json").write_text("[]", "utf-8")
    (tmp_path / "half.json").write_text('{"message": "half"}', "utf-8")
    assert [one.message for one in ledger.entries()] == ["good"]
    assert (tmp_path / "bad.json").exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    ledger = Ledger(str(tmp_path / "file"))
    with pytest.raises(StoreError, match="file"):
        ledger.write(Entry("m", 1, {}))
    with pytest.raises(StoreError, match="file"):
        ledger.remove("m")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "streaq", None)
    monkeypatch.delitem(sys.modules, "iterm_mcp.tasks.front.carrier", raising=False)
    with pytest.raises(StoreError, match="optional part") as caught:
        load_carrier()
    assert "iterm-mcp[redis]" in caught.value.hint
