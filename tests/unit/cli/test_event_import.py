"""Of a stream, the rollouts are found that tell the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.services.events.packing import packed

from iterm_mcp.cli.daemon_import import pieces_of
from iterm_mcp.cli.event_import import rollouts_of, threads_of

CODEX = Path(__file__).parents[2] / "fixtures" / "jobs" / "codex"
STREAM = CODEX / "exec.jsonl"
THREAD = "01a1ffb1-e088-7712-bea2-80b99cc4303c"
SUBAGENT = "01a1ffb1-e6a7-7ed2-9b88-5a20c97a044c"


def lay(home: Path, folder: str, thread: str, ending: str = ".jsonl") -> Path:
    path = home / folder / f"rollout-2026-11-21T20-00-09-{thread}{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_stream_tells_of_its_thread_and_of_its_subagents() -> None:
    assert threads_of(STREAM) == [THREAD, SUBAGENT]
    assert threads_of(CODEX / "rollout.jsonl") == []


@pytest.mark.parametrize("variable", ["HOME", "CODEX_HOME"])
def test_their_rollouts_are_found_where_codex_keeps_them(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CODEX_HOME", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    home = tmp_path / ".codex" if variable == "HOME" else tmp_path
    own = lay(home, "sessions/2026/11/21", THREAD)
    lay(home, "sessions/2026/11/21", THREAD, ".jsonl.zst")
    theirs = lay(home, "archived_sessions", SUBAGENT, ".jsonl.zst")
    lay(home, "archived_sessions", "another")
    assert rollouts_of(STREAM) == [own, theirs]
    assert rollouts_of(STREAM, "codex-exec") == [own, theirs]
    assert rollouts_of(STREAM, "claude") == []


def test_a_packed_stream_is_read_as_the_plain_one(tmp_path: Path) -> None:
    path = tmp_path / "exec.jsonl.zst"
    path.write_bytes(packed(STREAM.read_bytes()))
    assert threads_of(path) == [THREAD, SUBAGENT]
    assert b"".join(pieces_of(path)).splitlines() == STREAM.read_bytes().splitlines()
    path.write_bytes(packed(STREAM.read_bytes())[:-50])
    assert threads_of(path) == []


def test_what_only_looks_like_a_thread_is_none(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_bytes(
        b'{"type":"item.completed","item":{"receiver_thread_ids":["early"]}}\n'
        b'{"type":"thread.started","thread_id":"../*"}\n'
        b'{"type":"thread.started","thread_id":\n'
        b'["thread.started", "receiver_thread_ids"]\n'
        b'{"type":"thread.started","thread_id":"T"}\n'
        b'{"type":"item.completed","item":{"receiver_thread_ids":"S"}}\n'
        b'{"type":"item.completed","item":{"receiver_thread_ids":[7, "S-1"]}}\n'
    )
    assert threads_of(path) == ["T", "S-1"]
