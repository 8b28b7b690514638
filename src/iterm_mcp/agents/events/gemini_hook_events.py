"""Gemini CLI's hooks as events. Pure.

All 11 of 0.61 are known. They name no call of a tool and no turn, and its chats tell of both half a
second later, with ids, so hooks tell but what a chat does not: how a conversation began and ended,
when a turn ended, what was asked of a person, and notifications.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.telling import digest, table, time_of, word
from iterm_mcp.models.events import Event, EventKind, Links, event_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

SOURCE = "gemini.hook"
COMMON = frozenset({"session_id", "transcript_path", "cwd", "hook_event_name", "timestamp"})
NOISE = frozenset(
    {"BeforeAgent", "BeforeModel", "AfterModel", "BeforeToolSelection", "BeforeTool", "AfterTool"}
)
"""What a chat tells, with ids. The model's hooks hold the whole conversation, again and again."""


class GeminiHookEvents:
    """Reads hooks of all conversations."""

    def read(
        self, payload: Mapping[str, Json], at: datetime, delivery: str, links: Links | None = None
    ) -> list[Event]:
        """Return what a hook tells.

        Args:
            payload: As Gemini CLI hands it over; it says itself when it fired.
            at: When it was noticed.
            delivery: The same if the same firing is handed over again, and else another.
            links: What is known of its sender.
        """
        name, conversation = word(payload, "hook_event_name"), word(payload, "session_id")
        if not name or not conversation or name in NOISE:
            return []
        own = time_of(word(payload, "timestamp"))
        links = replace(links or Links(), kind="gemini", conversation=conversation)
        delivery = delivery if own is None else own.isoformat()
        found = _read(name, payload, delivery)
        if found is None:
            return []
        kind, key, subject, text, told = found
        return [
            Event(
                event_key("gemini", conversation, *key), own or at, kind, SOURCE, subject, text,
                links, told,
            )
        ]  # fmt: skip


Told = tuple[EventKind, tuple[str, ...], str, str, dict[str, "Json"]]


def _read(name: str, payload: Mapping[str, Json], delivery: str) -> Told | None:
    match name:
        case "SessionStart":
            source = word(payload, "source")
            key = ("start",) if source == "startup" else ("start", source, delivery)
            told: dict[str, Json] = {
                "source": source, "directory": word(payload, "cwd"),
                "transcript": word(payload, "transcript_path"),
            }  # fmt: skip
            return EventKind.CONVERSATION_STARTED, key, source, "", told
        case "SessionEnd":
            reason = word(payload, "reason")
            told = {"reason": reason}
            return EventKind.CONVERSATION_ENDED, ("end", delivery), reason, "", told
        case "AfterAgent":
            last = word(payload, "prompt_response")
            return EventKind.TURN_ENDED, ("turn", delivery, "ended"), "", last, {}
        case "Notification":
            return _notified(payload, delivery)
        case "PreCompress" if word(payload, "trigger") == "auto":
            return None  # it fires before every request, whether anything is compressed or not
        case _:
            own = {key: value for key, value in payload.items() if key not in COMMON}
            texts = [value for value in own.values() if isinstance(value, str)]
            told = {"event": name, "told": own}
            return EventKind.HOOK_FIRED, ("hook", name, delivery), name, "\n".join(texts), told


def _notified(payload: Mapping[str, Json], delivery: str) -> Told:
    kind, text = word(payload, "notification_type"), word(payload, "message")
    details = table(payload, "details")
    if kind != "ToolPermission":
        return EventKind.AGENT_NOTIFIED, ("notified", delivery, kind), kind, text, {"type": kind}
    tool = word(details, "type")
    key = ("permission", delivery, digest(details), "requested")
    told: dict[str, Json] = {"tool": tool, "input": details}
    subject = word(details, "title") or word(details, "command") or tool
    return EventKind.PERMISSION_REQUESTED, key, subject, text, told
