"""Codex's rollouts and Gemini CLI's chats are followed as Claude Code's transcripts are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.events.shelf import Shelf
from tests.unit.services.events.test_transcripts import Ledger

from iterm_mcp.models.events import EventKind
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
    assert [(one.kind, str(one.folder)) for one in found] == [
        ("claude", "/home/ann/.claude/projects"),
        ("codex", "/codex/sessions"),
        ("codex", "/codex/archived_sessions"),
        ("gemini", f"{tmp_path}/.gemini/tmp"),
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
