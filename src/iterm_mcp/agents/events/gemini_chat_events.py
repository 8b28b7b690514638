"""Gemini CLI's chats as events, line by line. Pure.

Read from what 0.61 writes: a line is the head, a message, or with ``$set`` or ``$rewindTo`` a
change; what is taken back with the latter was said nevertheless. A message stands there again with
every change of it, and after a cancelled request all of them stand there once more, under other
ids. When a turn ends is told by hooks alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.gemini_calls import SOURCE, GeminiCall
from iterm_mcp.agents.events.line_events import LineEvents
from iterm_mcp.agents.events.telling import count, rows, table, time_of, word
from iterm_mcp.agents.gemini_chats import CANCELLED, CONTEXT, SLACK_SECONDS, text_of
from iterm_mcp.agents.trouble_rows import trouble_word
from iterm_mcp.models.events import Event, EventKind, Links, TokenUsage, event_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

SLACK = timedelta(seconds=SLACK_SECONDS)


class GeminiChatEvents(LineEvents):
    """Reads a chat."""

    def __init__(self) -> None:
        super().__init__()
        self._links = Links(kind="gemini")
        self._again: datetime | None = None
        self._seen: set[str] = set()

    def _line(self, line: Mapping[str, Json]) -> list[Event]:
        if conversation := word(line, "sessionId"):
            return self._head(line, conversation)
        if not self._links.conversation:
            return []
        if changed := table(line, "$set"):
            if "messages" in changed:
                self._again = None
            at = time_of(word(changed, "lastUpdated"))
            return [] if at is None else self._titled(word(changed, "summary"), at)
        at = time_of(word(line, "timestamp"))
        if at is None or self._is_again(line, at):
            return []
        return self._message(line, at)

    def _head(self, line: Mapping[str, Json], conversation: str) -> list[Event]:
        at = time_of(word(line, "startTime"))
        self._links = replace(self._links, conversation=conversation)
        if at is None:
            return []
        start = self._event(EventKind.CONVERSATION_STARTED, at, "start")
        payload: dict[str, Json] = {"source": "startup", "project": word(line, "projectHash")}
        return [replace(start, subject="startup", payload=payload)]

    def _is_again(self, line: Mapping[str, Json], at: datetime) -> bool:
        """Tell whether a message is told under another id once more; see `Chat` on live ones."""
        if word(line, "type") == "user" and text_of(line.get("content")).startswith(CONTEXT):
            self._again = at
        if self._again is not None and at - self._again > SLACK:
            self._again = None
        return self._again is not None

    def _message(self, line: Mapping[str, Json], at: datetime) -> list[Event]:
        text, name = text_of(line.get("content")), word(line, "id")
        match word(line, "type"):
            case "user" if text.strip() and name not in self._seen:  # else a tool's result
                self._seen.add(name)
                self._links = replace(self._links, turn=name)
                prompt = self._event(EventKind.PROMPT_SUBMITTED, at, "prompt", name)
                first = text.strip().partition("\n")[0]
                return [replace(prompt, subject=first, text=text, payload={"via": "user"})]
            case "info" if text == CANCELLED:
                return [self._event(EventKind.TURN_INTERRUPTED, at, "interrupted", name)]
            case "error":
                failed = self._event(EventKind.TURN_FAILED, at, "turn", name, "failed")
                error = trouble_word(text)
                return [replace(failed, subject=error, text=text, payload={"error": error})]
            case "gemini":
                return self._answered(line, at, name) + self._calls(line, at)
            case _:
                return []

    def _answered(self, line: Mapping[str, Json], at: datetime, name: str) -> list[Event]:
        usage, model = usage_of(table(line, "tokens")), word(line, "model")
        if not usage.total or not name or name in self._seen:
            return []
        self._seen.add(name)
        self._links = replace(self._links, model=model)
        answered = self._event(EventKind.MODEL_ANSWERED, at, "answer", name)
        return [replace(answered, subject=model, payload={"message": name}, usage=usage)]

    def _calls(self, line: Mapping[str, Json], at: datetime) -> list[Event]:
        told: list[Event] = []
        for call in rows(line, "toolCalls"):
            name, status = word(call, "id"), word(call, "status")
            if name and f"{name} {status}" not in self._seen:
                self._seen.add(f"{name} {status}")
                told += GeminiCall(call, replace(self._links, call=name)).events(at)
        return told

    def _titled(self, summary: str, at: datetime) -> list[Event]:
        if not summary or f"title {summary}" in self._seen:
            return []
        self._seen.add(f"title {summary}")
        named = self._event(EventKind.AGENT_NOTIFIED, at, "title", summary[:100])
        return [replace(named, subject="title", text=summary, payload={"title": summary})]

    def _event(self, kind: EventKind, at: datetime, *key: str) -> Event:
        name = event_key("gemini", self._links.conversation, *key)
        return Event(name, at, kind, SOURCE, links=self._links)


def usage_of(tokens: Mapping[str, Json]) -> TokenUsage:
    """Return tokens as Gemini counts them, each once: its input holds what was cached."""
    cached, thoughts = count(tokens, "cached"), count(tokens, "thoughts")
    return TokenUsage(
        input=max(count(tokens, "input") - cached, 0) + count(tokens, "tool"),
        cache_read=cached,
        output=count(tokens, "output") + thoughts,
        reasoning=thoughts,
    )
