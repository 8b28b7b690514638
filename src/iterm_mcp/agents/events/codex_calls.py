"""The events of one use of a tool by Codex, the same from hooks and rollouts. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.telling import byte_count, line_count, subject_of, table, word
from iterm_mcp.models.events import Event, EventKind, Links, event_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

SHELLS = frozenset({"exec_command", "shell", "shell_command", "local_shell", "container.exec"})
"""What Codex's own hooks call ``Bash``."""
CHANGES: Mapping[str, str] = {"add": "created", "delete": "deleted", "update": "modified"}


@dataclass(frozen=True, slots=True)
class CodexUse:
    """One use of a tool.

    Attributes:
        links: With conversation, turn, subagent and call.
    """

    tool: str
    input: Mapping[str, Json]
    links: Links
    source: str

    def started(self, at: datetime) -> Event:
        """Return its beginning."""
        event = self._event(EventKind.TOOL_STARTED, at, "call", self.links.call, "started")
        payload: dict[str, Json] = {"tool": self.tool, "input": dict(self.input)}
        return replace(event, text=f"{self.tool} {event.subject}", payload=payload)

    def ended(self, at: datetime, output: Json, text: str, seconds: float | None = None) -> Event:
        """Return its end.

        Args:
            output: As far as it is typed.
            text: As it is read.
        """
        event = self._event(EventKind.TOOL_ENDED, at, "call", self.links.call, "ended")
        payload: dict[str, Json] = {"tool": self.tool, "output": output}
        return replace(event, text=text, payload=payload, duration_seconds=seconds)

    def failed(
        self, at: datetime, error: str, seconds: float | None = None, *,
        interrupted: bool = False, **more: Json,
    ) -> Event:  # fmt: skip
        """Return its failure, which has the key of an end."""
        event = self._event(EventKind.TOOL_FAILED, at, "call", self.links.call, "ended")
        payload: dict[str, Json] = {
            "tool": self.tool, "error": error, "interrupted": interrupted, **more,
        }  # fmt: skip
        return replace(event, text=error, payload=payload, duration_seconds=seconds)

    def asked(self, at: datetime) -> Event:
        """Return the question whether it may be used."""
        event = self._event(
            EventKind.PERMISSION_REQUESTED, at, "permission", self.links.turn, self.links.call,
            "requested",
        )  # fmt: skip
        payload: dict[str, Json] = {"tool": self.tool, "input": dict(self.input)}
        return replace(event, text=f"{self.tool} {event.subject}", payload=payload)

    def file(self, at: datetime, path: str, change: Mapping[str, Json]) -> list[Event]:
        """Return what happened to a file, as a rollout tells it; one that is moved is two."""
        kind = word(change, "type")
        if kind not in CHANGES:
            return []
        moved = word(change, "move_path")
        told = self._file(at, path, {"change": CHANGES[kind], **_sizes(kind, change)})
        if not moved or moved == path:
            return [told]
        left: dict[str, Json] = {"change": "deleted", "moved_to": moved}
        came: dict[str, Json] = {
            "change": "created", "moved_from": path,
            **{key: told.payload[key] for key in ("lines_added", "lines_removed")},
        }  # fmt: skip
        return [self._file(at, path, left), self._file(at, moved, came)]

    def touched(self, at: datetime, path: str, kind: str) -> list[Event]:
        """Return what happened to a file, where nobody tells how much of it."""
        return [self._file(at, path, {"change": CHANGES[kind]})] if path and kind in CHANGES else []

    def _file(self, at: datetime, path: str, change: Mapping[str, Json]) -> Event:
        event = self._event(EventKind.FILE_CHANGED, at, "file", self.links.call, path)
        text, payload = f"{change['change']} {path}", {"path": path, **change, "tool": self.tool}
        return replace(event, subject=path, text=text, payload=payload)

    def _event(self, kind: EventKind, at: datetime, *key: str) -> Event:
        subject = subject_of(self.tool, self.input)
        name = event_key("codex", self.links.conversation, *key)
        return Event(name, at, kind, self.source, subject, links=self.links)


def tool_of(name: str, namespace: str, arguments: str) -> tuple[str, dict[str, Json]]:
    """Return a tool and its input as Codex's own hooks name them, from what a model called.

    Args:
        arguments: JSON, or for a free-form tool its text.
    """
    try:
        given = json.loads(arguments)
    except (ValueError, RecursionError):
        given = arguments
    read: dict[str, Json] = given if isinstance(given, dict) else {"input": arguments}
    if name in SHELLS and namespace in {"", "functions"}:
        return "Bash", _command(read)
    if namespace.startswith("mcp__"):
        return f"{namespace.rstrip('_')}__{name}", read
    return name, read


def _command(given: dict[str, Json]) -> dict[str, Json]:
    command = given.get("command", given.get("cmd"))
    if isinstance(command, list):
        words = [str(one) for one in command]
        command = words[-1] if words[1:2] in (["-lc"], ["-c"]) else " ".join(words)
    rest = {key: value for key, value in given.items() if key not in {"cmd", "command"}}
    return {"command": command, **rest}


def _sizes(kind: str, change: Mapping[str, Json]) -> dict[str, Json]:
    content = word(change, "content")
    if kind == "add":
        return {
            "bytes_before": 0, "bytes_after": byte_count(content),
            "lines_added": line_count(content), "lines_removed": 0,
        }  # fmt: skip
    if kind == "delete":
        return {
            "bytes_before": byte_count(content), "lines_added": 0,
            "lines_removed": line_count(content),
        }  # fmt: skip
    added, removed = diff_lines(word(change, "unified_diff"))
    return {"lines_added": added, "lines_removed": removed}


def diff_lines(diff: str) -> tuple[int, int]:
    """Return how many lines a unified diff adds and removes."""
    added = removed = 0
    within = False
    for line in diff.split("\n"):
        within = within or line.startswith("@@")
        added += within and line.startswith("+")
        removed += within and line.startswith("-")
    return added, removed


def shown(item: Mapping[str, Json]) -> str:
    """Return what a finished item of any kind gave, as text."""
    for name in ("aggregated_output", "formatted_output", "stdout", "text"):
        if text := word(item, name):
            return text
    states = table(item, "agents_states")
    result = table(item, "result") or states
    return json.dumps(result, ensure_ascii=False) if result else ""
