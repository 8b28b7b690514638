"""What agents write down is kept as it is written, and read on where it was left."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.unit.services.events.shelf import Shelf, until

from iterm_mcp.agents.events.claude_transcript_events import ClaudeTranscriptEvents
from iterm_mcp.errors import StoreError
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events import transcripts as module
from iterm_mcp.services.events.transcripts import FINISHED_SECONDS, TranscriptRoot, Transcripts
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from iterm_mcp.store.read_positions import ReadPosition


class Ledger:
    """Positions in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, ReadPosition] = {}

    async def load(self) -> dict[str, ReadPosition]:
        return dict(self.kept)

    async def keep(self, positions: Mapping[str, ReadPosition]) -> None:
        self.kept |= positions

    async def forget(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.kept.pop(path)


class Library:
    """A folder of transcripts, and a daemon that reads them; `restart` brings the next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.shelf = Shelf()
        self.ledger = Ledger()
        self.restart()

    def restart(self) -> None:
        root = TranscriptRoot("claude", self.folder, ClaudeTranscriptEvents)
        self.reading = Transcripts(
            self.shelf, self.ledger, self.clock, [root], {"claude": ClaudeTranscriptEvents}
        )

    async def write(self, path: Path, *lines: Mapping[str, Any], torn: str = "") -> None:
        text = "".join(json.dumps(one) + "\n" for one in lines) + torn
        async with await anyio.open_file(path, "a") as file:
            await file.write(text)
        at = self.clock.now().timestamp()
        os.utime(path, (at, at))

    async def go_round(self, seconds: float = 1.0) -> None:
        self.clock.advance(seconds)
        await self.reading.search()
        await self.reading.look()

    @property
    def prompts(self) -> list[str]:
        kept = self.shelf.events.values()
        return [one.text for one in kept if one.kind is EventKind.PROMPT_SUBMITTED]


def said(text: str, conversation: str = "c-1") -> dict[str, Any]:
    return {
        "type": "user", "sessionId": conversation, "promptId": f"p-{text}",
        "timestamp": "2026-01-01T00:00:00Z", "message": {"content": text},
    }  # fmt: skip


def answered(message: str, stop: str | None = "end_turn") -> dict[str, Any]:
    return {
        "type": "assistant", "sessionId": "c-1", "timestamp": "2026-01-01T00:00:00Z",
        "message": {
            "id": message, "model": "m", "usage": {"output_tokens": 3}, "stop_reason": stop,
            "content": [],
        },
    }  # fmt: skip


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "project" / "c-1" / "subagents").mkdir(parents=True)
    return Library(tmp_path)


@pytest.fixture
def path(library: Library) -> Path:
    return library.folder / "project" / "c-1.jsonl"


async def test_what_is_written_from_now_on_is_kept(library: Library, path: Path) -> None:
    await library.write(path.with_name("old.jsonl"), said("long ago"))
    await library.go_round()
    assert library.prompts == []
    await library.write(path, said("one"))
    await library.write(path.parent / "c-1" / "subagents" / "agent-a.jsonl", said("sub"))
    await library.write(path.with_name("notes.txt"), said("no"))
    await library.go_round()
    await library.write(path, said("two"), torn='{"type": "us')
    await library.go_round()
    assert sorted(library.prompts) == ["one", "sub", "two"]


async def test_a_conversation_that_is_taken_up_again_is_known_as_a_whole(
    library: Library, path: Path
) -> None:
    await library.write(path, said("long ago"))
    await library.go_round()
    library.clock.advance(1)
    await library.write(path, said("again"))
    await library.go_round()
    assert library.prompts == ["long ago", "again"]


async def test_the_next_daemon_goes_on_where_this_one_ended(library: Library, path: Path) -> None:
    await library.go_round()
    await library.write(path, said("one"))
    await library.go_round()
    library.restart()
    library.shelf.events.clear()
    await library.write(path, said("two"))
    await library.write(path.with_name("c-2.jsonl"), said("new", "c-2"))
    await library.go_round()
    assert sorted(library.prompts) == ["new", "two"]
    library.restart()
    await library.go_round()
    assert library.reading.count == 0  # nothing has changed


async def test_what_could_not_be_kept_is_read_again(library: Library, path: Path) -> None:
    await library.go_round()
    await library.write(path, said("one"))
    library.shelf.full = True
    with pytest.raises(StoreError):
        await library.go_round()
    library.shelf.full = False
    await library.go_round()
    assert library.prompts == ["one"]


async def test_what_the_store_refuses_for_good_keeps_nothing_else(
    library: Library, path: Path
) -> None:
    await library.go_round()
    await library.write(path, said("bad"))
    library.shelf.hated = "bad"
    await library.go_round()
    await library.write(path, said("good"))
    await library.go_round()
    assert library.prompts == ["good"]


async def test_what_is_held_back_is_told_in_the_end_also_by_the_next_daemon(
    library: Library, path: Path
) -> None:
    await library.go_round()
    await library.write(path, said("one"), answered("m-1", None))
    await library.go_round()
    kinds = {one.kind for one in library.shelf.events.values()}
    assert EventKind.MODEL_ANSWERED not in kinds
    library.restart()
    await library.go_round()
    await library.go_round(FINISHED_SECONDS + 1)
    kinds = {one.kind for one in library.shelf.events.values()}
    assert EventKind.MODEL_ANSWERED in kinds
    assert library.reading.count == 0


async def test_a_file_that_was_replaced_is_read_from_its_beginning(
    library: Library, path: Path
) -> None:
    await library.go_round()
    await library.write(path, said("one"), said("more"))
    await library.go_round()
    await anyio.Path(path).unlink()
    await library.write(path, said("other"))
    await library.go_round()
    assert library.prompts == ["one", "more", "other"]


async def test_a_file_that_is_gone_is_followed_no_more(library: Library, path: Path) -> None:
    await library.go_round()
    await library.write(path, said("one"))
    await library.go_round()
    await anyio.Path(path).unlink()
    await library.go_round(1000)
    assert library.reading.count == 0
    library.restart()
    await library.go_round()
    assert list(library.ledger.kept) == [""]


async def test_a_file_elsewhere_is_followed_once_an_agent_names_it(
    library: Library, tmp_path: Path
) -> None:
    other = tmp_path / "else.txt"
    library.reading.mention("claude", str(other))
    library.reading.mention("claude", "relative.jsonl")
    library.reading.mention("strange", str(other) + "x")
    assert library.reading.count == 1
    await library.go_round()
    await library.write(other, said("one"))
    await library.go_round()
    library.reading.mention("claude", str(other))
    assert library.prompts == ["one"]


async def test_long_files_come_in_pieces_and_endless_lines_are_left_out(
    library: Library, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE_BYTES", 400)
    monkeypatch.setattr(module, "LINE_BYTES", 1000)
    monkeypatch.setattr(module, "REREAD_BYTES", 300)
    await library.go_round()
    await library.write(path, *(said(f"{n}") for n in range(9)), said("x" * 400))
    await library.go_round()
    assert len(library.prompts) == 10
    await library.write(path, said("y" * 5000), said("last"))
    await library.go_round()
    assert library.prompts[10:] == ["last"]
    assert library.reading.skipped > 0
    library.restart()
    await library.write(path, said("end"))
    await library.go_round()
    assert library.prompts[10:] == ["last", "end"]


async def test_it_runs_on_after_trouble(
    library: Library, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOOK_SECONDS", "SEARCH_SECONDS", "AGAIN_SECONDS"):
        monkeypatch.setattr(module, name, 0.001)
    await library.go_round()
    await library.write(path, said("one"))
    library.shelf.full = True
    async with anyio.create_task_group() as group:
        group.start_soon(library.reading.run)
        await until(lambda: library.reading.problem)
        library.shelf.full = False
        await until(lambda: not (library.reading.problem or not library.prompts))
        group.cancel_scope.cancel()
