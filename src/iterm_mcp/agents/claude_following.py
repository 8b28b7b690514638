"""Following one Claude Code by what it writes: its registry file, and the transcript it names."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio.to_thread

from iterm_mcp.agents.claude_registry import (
    process_start,
    read_entry,
    registry_path,
    registry_sightings,
    transcript_path,
)
from iterm_mcp.agents.claude_transcript import TAIL_BYTES, ClaudeTranscript

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from iterm_mcp.agents.claude_registry import Entry
    from iterm_mcp.agents.files import Files, Following
    from iterm_mcp.agents.kind import Occupant
    from iterm_mcp.models.observations import Sighting


@asynccontextmanager
async def follow_claude(
    occupant: Occupant, files: Files, see: Callable[[Sighting], None]
) -> AsyncIterator[None]:
    """Follow one process for the length of the block; see `AgentKind.follow`."""
    start = await anyio.to_thread.run_sync(process_start, occupant.pid)
    trail = _Trail(occupant, start, files, see)
    try:
        yield
    finally:
        trail.close()


class _Trail:
    """The two files of a process; the transcript is another after ``/clear`` and ``/resume``."""

    def __init__(
        self, occupant: Occupant, start: str, files: Files, see: Callable[[Sighting], None]
    ) -> None:
        self._occupant = occupant
        self._start = start
        self._files = files
        self._see = see
        self._told: Entry | None = None
        self._path: Path | None = None
        self._transcript: Following | None = None
        path = registry_path(occupant.environment, occupant.pid)
        self._registry = files.follow_content(path, self._take_entry)

    def close(self) -> None:
        """Follow nothing more."""
        self._registry.close()
        if self._transcript is not None:
            self._transcript.close()

    def _take_entry(self, content: bytes | None) -> None:
        entry = read_entry(content)
        if entry is None or entry == self._told:
            return
        if not entry.belongs_to(self._occupant.pid, self._start):
            return  # a former process with this pid wrote it
        self._told = entry
        directory = entry.directory or self._occupant.directory
        path = transcript_path(self._occupant.environment, directory, entry.conversation)
        for sighting in registry_sightings(entry, str(path)):
            self._see(sighting)
        self._follow_transcript(path, entry.conversation)

    def _follow_transcript(self, path: Path, conversation: str) -> None:
        if self._path is not None and self._path.stem == conversation:
            return  # a change of directory moves no transcript
        if self._transcript is not None:
            self._transcript.close()
        reader = ClaudeTranscript()

        def take(lines: list[bytes]) -> None:
            for sighting in reader.read(lines):
                self._see(sighting)

        self._path = path
        self._transcript = self._files.follow_lines(path, take, tail_bytes=TAIL_BYTES)
