"""One Claude Code in a session of the headless host, real or fake, and all that it tells."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from iterm_mcp.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.terminal.iterm import ItermTerminal

SECONDS = 60.0
LOOK_SECONDS = 0.02
EDGE_SECONDS = 0.004
TAG = re.compile(r'id="[0-9a-f]{4}"')
EVENTS = (
    "SessionStart", "SessionEnd", "UserPromptSubmit", "PreToolUse", "PermissionRequest",
    "PostToolUse", "Notification", "Stop", "StopFailure",
)  # fmt: skip
IGNORED_LINES = {
    "mode", "permission-mode", "atis-latch", "file-history-snapshot", "attachment", "api-request",
    "api-request-shape", "api-request-blob", "cost-state", "last-prompt", "tools-used", "summary",
    "ai-title", "custom-title", "agent-name",
}  # fmt: skip
"""Lines of the transcript that say nothing about a turn."""

Line = dict[str, Any]


class SilentError(Exception):
    """What was waited for did not come; the text says what."""


@dataclass
class Act:
    """What one part of the script has brought about."""

    name: str
    edges: list[str] = field(default_factory=list)
    hooks: list[Line] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    titles: set[str] = field(default_factory=set)

    @property
    def prompts(self) -> list[str]:
        """Return what UserPromptSubmit was told, with the session's own tag blotted out."""
        told = [one for one in self.hooks if one["hook_event_name"] == "UserPromptSubmit"]
        return [
            "<task-notification>" if "<task-notification>" in one["prompt"]
            else TAG.sub('id="…"', one["prompt"])
            for one in told
        ]  # fmt: skip


class Subject:
    """A program under observation.

    Attributes:
        acts: What was seen, act by act.
    """

    def __init__(self, terminal: ItermTerminal, session_id: SessionId, folder: Path) -> None:
        self._terminal = terminal
        self._session_id = session_id
        self._folder = folder
        self.acts: list[Act] = [Act("start")]
        self._status = ""

    @property
    def hooks(self) -> list[Line]:
        """Return all that its hooks were told."""
        return _lines(self._folder / "hooks.jsonl")

    @property
    def transcript(self) -> list[Line]:
        """Return the conversation's lines that are about turns."""
        found = (self._folder / ".claude" / "projects").glob("*/*.jsonl")
        lines = [line for path in found for line in _lines(path)]
        return [line for line in lines if line["type"] not in IGNORED_LINES]

    def status(self) -> str:
        """Return what its registry file says, as ``waiting: permission prompt``; empty without."""
        for path in (self._folder / ".claude" / "sessions").glob("*.json"):
            try:
                entry = json.loads(path.read_text("utf-8"))
            except (OSError, ValueError):
                continue
            waiting = entry.get("waitingFor")
            status = str(entry.get("status") or "")
            return f"{status}: {waiting}" if waiting else status
        return ""

    def count(self, event: str) -> int:
        """Return how often a hook was told of an event."""
        return sum(one["hook_event_name"] == event for one in self.hooks)

    async def watch_status(self) -> None:
        """Keep the edges of the registry file, until cancelled."""
        while True:
            self._note_status()
            await anyio.sleep(EDGE_SECONDS)

    async def watch_titles(self) -> None:
        """Keep the titles, until cancelled or the session has ended."""
        while True:
            try:
                values = await self._terminal.read_variables(
                    self._session_id, ["terminalWindowName"]
                )
                self.acts[-1].titles.add(str(values["terminalWindowName"] or ""))
            except NotFoundError:
                return
            await anyio.sleep(LOOK_SECONDS)

    def close_act(self) -> None:
        """Give the act its share of hooks and lines."""
        self._note_status()
        act, before = self.acts[-1], self.acts[:-1]
        act.hooks = self.hooks[sum(len(one.hooks) for one in before) :]
        act.lines = self.transcript[sum(len(one.lines) for one in before) :]

    def _note_status(self) -> None:
        status = self.status()
        if status != self._status:
            self.acts[-1].edges.append(status or "gone")
            self._status = status

    async def type(self, text: str) -> None:
        """Type as it is."""
        await self._terminal.send_text(self._session_id, text)

    async def say(self, text: str) -> None:
        """Type a line, see it in the composer, submit it."""
        await self.type(text)
        await self.sees(text.strip()[-20:])
        await self.type("\r")

    async def paste(self, text: str, shown: str) -> None:
        """Paste in brackets, and see it."""
        await self.type(f"\x1b[200~{text}\x1b[201~")
        await self.sees(shown)

    async def sees(self, text: str) -> None:
        """Wait until a text is on the screen.

        Raises:
            SilentError: It is not, for long.
        """
        screen = ""
        with anyio.move_on_after(SECONDS):
            while True:
                shown = await self._terminal.read_screen(self._session_id)
                screen = "\n".join(shown.lines)
                if text in screen:
                    return
                await anyio.sleep(LOOK_SECONDS)
        raise SilentError(f"{text!r} is not on the screen:\n{screen}")

    async def until(self, what: str, accept: Callable[[], object]) -> None:
        """Wait until something is true.

        Raises:
            SilentError: It is not, for long.
        """
        with anyio.move_on_after(SECONDS):
            while True:
                if accept():
                    return
                await anyio.sleep(LOOK_SECONDS)
        shown = await self._terminal.read_screen(self._session_id)
        raise SilentError(f"not seen: {what}; the screen:\n" + "\n".join(shown.lines))

    async def becomes(self, status: str) -> None:
        """Wait until the registry file says so."""
        await self.until(status, lambda: self.status() == status)

    async def rests(self, turns: int = 1) -> None:
        """Wait until so many turns of this act are written down as over, and it is idle."""
        await self.until(f"{turns} turns over", lambda: self._turns_over() >= turns)
        await self.becomes("idle")

    def _turns_over(self) -> int:
        old = sum(len(one.lines) for one in self.acts[:-1])
        return sum(line.get("subtype") == "turn_duration" for line in self.transcript[old:])


def _lines(path: Path) -> list[Line]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1] if line]
