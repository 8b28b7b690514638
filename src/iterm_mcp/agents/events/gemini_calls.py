"""The events of one use of a tool by Gemini CLI. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.codex_calls import diff_lines
from iterm_mcp.agents.events.telling import (
    byte_count,
    flat,
    rows,
    subject_of,
    table,
    time_of,
    word,
)
from iterm_mcp.models.events import Event, EventKind, event_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.events import Links
    from iterm_mcp.models.observations import Json

SOURCE = "gemini.chat"
WRITERS = frozenset({"write_file", "replace", "edit", "smart_edit"})
_EXIT = re.compile(r"^Exit Code: (-?\d+)$", re.MULTILINE)
_CONTEXT = re.compile(r"</?untrusted_context>\n?|^Process Group PGID: .*$\n?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class GeminiCall:
    """One call, as a message of a chat holds it once it is over.

    Attributes:
        links: With conversation, turn and call.
    """

    told: Mapping[str, Json]
    links: Links

    @property
    def tool(self) -> str:
        """Its tool's name."""
        return word(self.told, "name")

    def events(self, asked_at: datetime) -> list[Event]:
        """Return its beginning, its end, and what it left behind.

        Args:
            asked_at: When the model called it.
        """
        started = self._event(
            EventKind.TOOL_STARTED, asked_at, "call", self.links.call, "started",
            text=f"{self.tool} {self._subject()}", input=table(self.told, "args"),
        )  # fmt: skip
        at = time_of(word(self.told, "timestamp")) or asked_at
        status, text = word(self.told, "status"), self._text()
        key = ("call", self.links.call, "ended")
        code = _EXIT.search(text) if self.tool == "run_shell_command" else None
        if status in {"error", "cancelled"} or (code is not None and code[1] != "0"):
            error = (self._error() or _CONTEXT.sub("", text) or status).strip()
            return [
                started,
                self._event(
                    EventKind.TOOL_FAILED, at, *key, text=error, error=error,
                    interrupted=status == "cancelled",
                    exit_code=None if code is None else int(code[1]),
                ),
            ]  # fmt: skip
        if status != "success":
            return [started]
        shown = self.told.get("resultDisplay")
        output: Json = {"display": shown} if isinstance(shown, (dict, list)) else text
        ended = self._event(EventKind.TOOL_ENDED, at, *key, text=text, output=output)
        return [started, ended, *self._file(at)]

    def _subject(self) -> str:
        return subject_of(self.tool, table(self.told, "args"))

    def _responses(self) -> list[dict[str, Json]]:
        parts = rows(self.told, "result")
        return [table(table(one, "functionResponse"), "response") for one in parts]

    def _text(self) -> str:
        return "\n".join(
            text for one in self._responses()
            if (text := word(one, "output") or flat(one.get("output")))
        )  # fmt: skip

    def _error(self) -> str:
        return next((text for one in self._responses() if (text := word(one, "error"))), "")

    def _file(self, at: datetime) -> list[Event]:
        shown = table(self.told, "resultDisplay")
        path = word(shown, "filePath") or word(table(self.told, "args"), "file_path")
        if self.tool not in WRITERS or not path or not word(shown, "fileDiff"):
            return []
        added, removed = diff_lines(word(shown, "fileDiff"))
        change: dict[str, Json] = {
            "path": path,
            "change": "created" if shown.get("isNewFile") is True else "modified",
            "lines_added": added,
            "lines_removed": removed,
        }
        for name, field in (("originalContent", "bytes_before"), ("newContent", "bytes_after")):
            if isinstance(content := shown.get(name), str):
                change[field] = byte_count(content)
        return [
            self._event(
                EventKind.FILE_CHANGED, at, "file", self.links.call, path, subject=path,
                text=f"{change['change']} {path}", **change,
            )
        ]  # fmt: skip

    def _event(
        self, kind: EventKind, at: datetime, *key: str, subject: str = "", text: str = "",
        **payload: Json,
    ) -> Event:  # fmt: skip
        name = event_key("gemini", self.links.conversation, *key)
        payload = {"tool": self.tool, **payload}
        subject = subject or self._subject()
        return Event(name, at, kind, SOURCE, subject, text, self.links, payload)
