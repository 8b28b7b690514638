"""A job that a real Claude Code did, with what the scripted model and the disk know of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.agents.events.claude_hook_events import ClaudeHookEvents
from iterm_mcp.agents.events.claude_transcript_events import ClaudeTranscriptEvents

if TYPE_CHECKING:
    from iterm_mcp.models.events import Event

FOLDER = Path(__file__).parents[3] / "fixtures" / "claude" / "job"
NOTICED = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)


def lines(name: str) -> list[bytes]:
    return (FOLDER / name).read_bytes().splitlines()


def answered() -> list[dict[str, Any]]:
    """Return the model's own books."""
    found: list[dict[str, Any]] = json.loads((FOLDER / "model.json").read_bytes())
    return found


def from_transcripts() -> list[Event]:
    told: list[Event] = []
    for name in ("transcript.jsonl", "subagent.jsonl"):
        reader = ClaudeTranscriptEvents()
        told += reader.read(lines(name)) + reader.finish()
        assert reader.skipped == 0
    return told


def from_hooks() -> list[Event]:
    """Read the hooks as if each had fired a tenth of a second after the one before."""
    reader = ClaudeHookEvents()
    told: list[Event] = []
    for index, raw in enumerate(lines("hooks.jsonl")):
        at = NOTICED + timedelta(seconds=index / 10)
        told += reader.read(json.loads(raw), at, str(index))
    return told
