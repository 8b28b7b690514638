"""What tells of agents without being asked: their hooks' spool, and what they write down."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from iterm_mcp.agents.events.claude_hook_events import ClaudeHookEvents
from iterm_mcp.agents.events.claude_transcript_events import ClaudeTranscriptEvents
from iterm_mcp.agents.events.codex_hook_events import CodexHookEvents
from iterm_mcp.agents.events.codex_rollout_events import CodexRolloutEvents
from iterm_mcp.agents.events.gemini_chat_events import GeminiChatEvents
from iterm_mcp.agents.events.gemini_hook_events import GeminiHookEvents
from iterm_mcp.services.events.hook_events import HookEvents
from iterm_mcp.services.events.importing import Importer
from iterm_mcp.services.events.spool import Spool
from iterm_mcp.services.events.spool_draining import SpoolDrain
from iterm_mcp.services.events.told_once import ToldOnce
from iterm_mcp.services.events.transcripts import TranscriptRoot, Transcripts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from iterm_mcp.clock import Clock
    from iterm_mcp.services.approvals.hook_intake import HookObserver
    from iterm_mcp.services.events.hook_events import HookReader, Takes
    from iterm_mcp.services.events.spool_draining import StateIntake
    from iterm_mcp.services.events.told_once import Asked
    from iterm_mcp.services.events.transcripts import LineReader, Positions


LINES: Mapping[str, Callable[[], LineReader]] = {
    "claude": ClaudeTranscriptEvents,
    "claude-headless": ClaudeTranscriptEvents,
    "codex": CodexRolloutEvents,
    "codex-headless": CodexRolloutEvents,
    "gemini": GeminiChatEvents,
}
"""How what an agent writes down is read, by its kind."""
PLAIN = ".jsonl"
PACKED = ".jsonl.zst"
"""What Codex 0.169 makes of rollouts that it has not written to for long."""


@dataclass(frozen=True, slots=True)
class EventSources:
    """Where events come from by themselves.

    Attributes:
        spool: Whatever is written there is kept soon.
        importer: Brings in what nobody follows.
    """

    spool: Spool
    drain: SpoolDrain
    transcripts: Transcripts
    importer: Importer

    def problems(self) -> tuple[str, ...]:
        """Return why events cannot be kept now; empty when they can."""
        return tuple(one for one in (self.drain.problem, self.transcripts.problem) if one)


def transcript_roots(environ: Mapping[str, str]) -> tuple[TranscriptRoot, ...]:
    """Return where the user's own agents write."""
    home = environ.get("HOME") or str(Path.home())
    claude = Path(environ.get("CLAUDE_CONFIG_DIR") or f"{home}/.claude")
    codex = Path(environ.get("CODEX_HOME") or f"{home}/.codex")
    gemini = Path(environ.get("GEMINI_CLI_HOME") or home, ".gemini")
    return tuple(
        TranscriptRoot(kind, folder, LINES[kind], suffix)
        for kind, folder, suffix in (
            ("claude", claude / "projects", PLAIN),
            ("codex", codex / "sessions", PLAIN),
            ("codex", codex / "archived_sessions", PLAIN),
            ("codex", codex / "sessions", PACKED),
            ("codex", codex / "archived_sessions", PACKED),
            ("gemini", gemini / "tmp", PLAIN),
        )
    )


@asynccontextmanager
async def open_sources(
    spool_folder: str,
    intake: Takes,
    positions: Positions,
    clock: Clock,
    roots: tuple[TranscriptRoot, ...],
    *,
    store: Asked,
    states: StateIntake | None = None,
    observer: HookObserver | None = None,
) -> AsyncIterator[EventSources]:
    """Keep what hooks and transcripts tell, for the length of the block.

    Args:
        roots: Whose transcripts are followed without having been mentioned by a hook.
        store: Asked what is known already, where two sources have no ids in common.

    Raises:
        StoreError: The spool's folder cannot be made.
    """
    spool = Spool(spool_folder)
    await to_thread.run_sync(spool.make)
    once = ToldOnce(intake, store)
    transcripts = Transcripts(once, positions, clock, roots, LINES)
    hooks = HookEvents(intake, _hook_readers(), transcripts.mention)
    drain = SpoolDrain(spool, hooks, clock, states, observer)
    async with anyio.create_task_group() as group:
        group.start_soon(drain.run)
        group.start_soon(transcripts.run)
        try:
            yield EventSources(spool, drain, transcripts, Importer(once, LINES))
        finally:
            group.cancel_scope.cancel()


def _hook_readers() -> Mapping[str, HookReader]:
    claude, codex = ClaudeHookEvents(), CodexHookEvents()
    return {
        "claude": claude,
        "claude-headless": claude,
        "codex": codex,
        "codex-headless": codex,
        "gemini": GeminiHookEvents(),
    }
