"""Codex's rollouts and Gemini CLI's chats are followed as Claude Code's transcripts are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from tests.unit.services.events.packing import packed
from tests.unit.services.events.shelf import Shelf
from tests.unit.services.events.test_transcripts import Ledger

from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events import packed_lines
from iterm_mcp.services.events import transcripts as module
from iterm_mcp.services.events.accounts import make_account
from iterm_mcp.services.events.sources import LINES, transcript_roots
from iterm_mcp.services.events.transcripts import Transcripts
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from iterm_mcp.models.accounts import Account

JOBS = Path(__file__).parents[3] / "fixtures" / "jobs"
FILES = {
    "codex": (JOBS / "codex" / "rollout.jsonl", ".codex/sessions/2026/11/21/rollout-1.jsonl"),
    "gemini": (JOBS / "gemini" / "chat.jsonl", ".gemini/tmp/project/chats/session-1.jsonl"),
}


def follower(home: Path, ledger: Ledger, shelf: Shelf, clock: FakeClock) -> Transcripts:
    return Transcripts(shelf, ledger, clock, transcript_roots({"HOME": str(home)}), LINES)


def account_of(shelf: Shelf) -> Account:
    return make_account(list(shelf.events.values()))


def test_they_are_looked_for_where_the_agents_write(tmp_path: Path) -> None:
    found = transcript_roots(
        {"HOME": "/home/ann", "CODEX_HOME": "/codex", "GEMINI_CLI_HOME": str(tmp_path)}
    )
    assert [(one.kind, str(one.folder), one.suffix) for one in found] == [
        ("claude", "/home/ann/.claude/projects", ".jsonl"),
        ("codex", "/codex/sessions", ".jsonl"),
        ("codex", "/codex/archived_sessions", ".jsonl"),
        ("codex", "/codex/sessions", ".jsonl.zst"),
        ("codex", "/codex/archived_sessions", ".jsonl.zst"),
        ("gemini", f"{tmp_path}/.gemini/tmp", ".jsonl"),
    ]


@pytest.mark.parametrize("kind", FILES)
async def test_a_daemon_that_starts_amid_a_job_tells_the_rest_as_if_it_had_seen_all(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REREAD_BYTES", 12_000)
    recorded, place = FILES[kind]
    whole, path = recorded.read_bytes(), tmp_path / place
    lines = whole.splitlines(keepends=True)
    path.parent.mkdir(parents=True)
    ledger, shelf, clock = Ledger(), Shelf(), FakeClock()
    first = follower(tmp_path, ledger, shelf, clock)
    path.write_bytes(b"".join(lines[:-6]))
    first.mention(kind, str(path))
    await first.search()
    await first.look()
    path.write_bytes(whole)
    second = follower(tmp_path, ledger, shelf, clock)
    second.mention(kind, str(path))
    await second.search()
    await second.look()

    reader = LINES[kind]()
    assert set(shelf.events) == {one.key for one in reader.read(whole.splitlines())}
    late = [one for one in shelf.events.values() if one.kind is EventKind.MODEL_ANSWERED][-1]
    assert late.links.conversation == account_of(shelf).conversation != ""


async def test_a_rollout_that_is_archived_is_kept_once(tmp_path: Path) -> None:
    recorded, place = FILES["codex"]
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_bytes(recorded.read_bytes())
    ledger, shelf, clock = Ledger(), Shelf(), FakeClock()
    reading = follower(tmp_path, ledger, shelf, clock)
    reading.mention("codex", str(path))
    await reading.search()
    await reading.look()
    before = dict(shelf.events)
    archived = tmp_path / ".codex" / "archived_sessions" / path.name
    archived.parent.mkdir()
    path.rename(archived)
    reading.mention("codex", str(archived))
    await reading.search()
    await reading.look()
    assert shelf.events == before
    assert before


@pytest.mark.parametrize("restarted", [False, True], ids=["seen as it was", "seen packed alone"])
async def test_a_rollout_that_is_packed_is_kept_once(tmp_path: Path, *, restarted: bool) -> None:
    recorded, place = FILES["codex"]
    whole, path = recorded.read_bytes(), tmp_path / place
    path.parent.mkdir(parents=True)
    ledger, shelf, clock = Ledger(), Shelf(), FakeClock()
    reading = follower(tmp_path, ledger, shelf, clock)
    await reading.search()  # from now on
    if not restarted:
        path.write_bytes(whole)
        await reading.search()
        await reading.look()
    before = dict(shelf.events)
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".zst").write_bytes(packed(whole))
    if restarted:
        reading = follower(tmp_path, ledger, shelf, clock)
    await reading.search()
    await reading.look()

    told = {one.key for one in LINES["codex"]().read(whole.splitlines())}
    assert set(shelf.events) == told
    assert restarted or shelf.events == before
    (position,) = [one for name, one in ledger.kept.items() if name.endswith(".zst")]
    assert position.offset == path.with_name(path.name + ".zst").stat().st_size


async def test_of_a_torn_pack_what_can_be_read_is_kept_and_the_rest_once_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_lines, "PIECE_BYTES", 4096)
    recorded, place = FILES["codex"]
    whole = recorded.read_bytes()
    half = whole[: len(whole) // 2]
    parts = packed(half) + packed(whole[len(half) :])
    path = tmp_path / f"{place}.zst"
    path.parent.mkdir(parents=True)
    shelf = Shelf()
    reading = follower(tmp_path, Ledger(), shelf, FakeClock())
    path.write_bytes(parts[:-100])
    reading.mention("codex", str(path))
    with capture_logs() as logs:
        await reading.look()
        await reading.look()
    told = {one.key for one in LINES["codex"]().read(whole.splitlines())}
    assert set() < set(shelf.events) < told
    assert [one["event"] for one in logs] == ["transcript_unreadable"]

    path.write_bytes(parts)
    await reading.look()
    assert set(shelf.events) == told
