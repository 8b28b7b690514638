"""Which file an agent's process writes: found for sure, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.waiting import eventually

from iterm_mcp.agents.codex_following import find_rollout
from iterm_mcp.agents.gemini_chats import Chat, find_chat, follow_gemini
from iterm_mcp.agents.kind import Occupant
from iterm_mcp.agents.located_files import arguments_of, following, open_files, started_at
from iterm_mcp.models.observations import Fact, Sighting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

THREAD = "01a1fef4-a7d6-79d2-b41a-1144a3897c81"
NOBODY = 2**22 + 1


@pytest.fixture
def born() -> datetime:
    """When this process was started."""
    return datetime.fromtimestamp(psutil.Process().create_time(), UTC)


def rollout(home: Path, born: datetime, cwd: str, thread: str = THREAD) -> Path:
    folder = home / "sessions" / f"{born:%Y/%m/%d}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"rollout-{born:%Y-%m-%dT%H-%M-%S}-{thread}.jsonl"
    meta = {"type": "session_meta", "payload": {"timestamp": born.isoformat(), "cwd": cwd}}
    path.write_text(json.dumps(meta) + "\n")
    return path


def this(home: Path, cwd: str = "/p") -> Occupant:
    return Occupant(os.getpid(), 0.0, cwd, {"CODEX_HOME": str(home), "HOME": str(home)})


def test_the_rollout_that_a_process_has_open_is_its_own(tmp_path: Path, born: datetime) -> None:
    path = rollout(tmp_path, born, "/elsewhere")

    with path.open():
        assert find_rollout(this(tmp_path)) == path
    assert find_rollout(this(tmp_path)) is None
    assert find_rollout(this(tmp_path), path) == path  # what was known stays


def test_else_it_is_the_only_one_of_its_directory_since_its_start(
    tmp_path: Path, born: datetime
) -> None:
    path = rollout(tmp_path, born, "/p")
    rollout(tmp_path, born, "/other", THREAD.replace("0", "1"))
    old = rollout(tmp_path, born, "/p", THREAD.replace("0", "2"))
    os.utime(old, (0, 0))
    torn = old.with_name(f"rollout-x-{THREAD.replace('0', '3')}.jsonl")
    torn.write_text('{"payload": {"timest')

    assert find_rollout(this(tmp_path)) == path
    rollout(tmp_path, born, "/p", THREAD.replace("0", "4"))
    assert find_rollout(this(tmp_path)) is None


def test_of_a_process_that_is_no_more_nothing_is_known(tmp_path: Path, born: datetime) -> None:
    rollout(tmp_path, born, "/p")
    gone = Occupant(NOBODY, 0.0, "/p", {"CODEX_HOME": str(tmp_path), "HOME": str(tmp_path)})

    assert find_rollout(gone) is None
    assert find_rollout(Occupant(NOBODY, 0.0, "/p", {})) is None
    assert find_chat(gone) is None
    assert (open_files(NOBODY), arguments_of(NOBODY), started_at(NOBODY)) == ((), (), None)


def test_a_rollout_that_was_told_to_be_resumed_is_found_by_its_id(
    tmp_path: Path, born: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rollout(tmp_path, born, "/elsewhere")
    words = ("codex", "resume", THREAD)
    monkeypatch.setattr("iterm_mcp.agents.codex_following.arguments_of", lambda _pid: words)

    assert find_rollout(this(tmp_path)) == path


def chat(home: Path, name: str, cwd: str) -> Path:
    folder = home / ".gemini" / "tmp" / "p" / "chats"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    project = hashlib.sha256(cwd.encode()).hexdigest()
    path.write_text(json.dumps({"sessionId": "s", "projectHash": project}) + "\n")
    return path


def test_a_chat_is_known_by_its_project_and_another_one_later_takes_its_place(
    tmp_path: Path,
) -> None:
    path = chat(tmp_path, "session-1.jsonl", "/p")
    chat(tmp_path, "session-2.jsonl", "/other")

    assert find_chat(this(tmp_path)) == path
    later = chat(tmp_path, "session-3.jsonl", "/p")
    os.utime(later, (2**31, 2**31))
    assert find_chat(this(tmp_path)) is None  # two were begun: whose is whose?
    assert find_chat(this(tmp_path), path) == later


class Given:
    """`Files` that hand on what the test says."""

    def __init__(self) -> None:
        self.takes: dict[Path, Callable[[object], None]] = {}

    def follow_lines(
        self, path: Path, take: Callable[[list[bytes]], None], *, tail_bytes: int | None = None
    ) -> Given:
        del tail_bytes
        self.takes[path] = take  # type: ignore[assignment]
        return self

    def follow_content(self, path: Path, take: Callable[[bytes | None], None]) -> Given:
        self.takes[path] = take  # type: ignore[assignment]
        return self

    def close(self) -> None:
        self.takes.clear()

    def followed(self) -> bool:
        return bool(self.takes)


async def test_chats_are_followed_by_lines_and_older_ones_as_a_whole(tmp_path: Path) -> None:
    message = {"id": "1", "type": "user", "content": "hello"}
    whole = {"sessionId": "s", "messages": [message]}
    told: list[Sighting] = []
    for name, given in (
        ("session-1.jsonl", [b"torn {", json.dumps(message).encode()]),
        ("session-2.json", json.dumps(whole).encode()),
    ):
        path, files = chat(tmp_path, name, "/p"), Given()
        async with follow_gemini(this(tmp_path), files, told.append):
            await eventually(files.followed)
            files.takes[path](given)
            if name.endswith(".json"):
                files.takes[path](b"torn {")
                files.takes[path](b"[]")
                files.takes[path](None)
        path.unlink()

    assert [str(one.value["prompt"]) for one in told if one.fact is Fact.TURN] == ["hello"] * 2
    assert Chat(tmp_path).read([]) == ()


async def test_a_process_that_changes_to_another_file_is_followed_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iterm_mcp.agents.located_files.AGAIN_SECONDS", 0.01)
    monkeypatch.setattr("iterm_mcp.agents.located_files.SEARCH_SECONDS", 0.01)
    answers: list[Path | OSError] = [OSError(), tmp_path / "1", tmp_path / "1", tmp_path / "2"]
    followed: list[Path] = []
    files = Given()

    def find(known: Path | None) -> Path | None:
        del known
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    def follow(path: Path, began: float | None) -> Given:
        assert began is not None
        followed.append(path)
        return files

    async with following(os.getpid(), find, follow):
        await eventually(lambda: len(followed) == 2)

    assert followed == [tmp_path / "1", tmp_path / "2"]
