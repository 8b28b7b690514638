"""Codex's hooks, and what its ``notify`` program is told, as events. Pure, but for its memory.

All hooks of 0.169 are known. Its rollouts tell how a tool ended, and whether it failed, which the
hooks do not; so of a conversation that has a rollout they tell no tool's end.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.events.codex_calls import CodexUse
from iterm_mcp.agents.events.fired_hooks import FiredHook
from iterm_mcp.agents.events.telling import digest, flat, table, word
from iterm_mcp.models.events import Event, EventKind, Links

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

SOURCE = "codex.hook"
REMEMBERED = 5000
_TEAM = re.compile(r"^multi_agent_v\d+_*(?=\w)")
"""What some of its hooks put before the names of tools for subagents."""
COMMON = frozenset(
    {"session_id", "transcript_path", "cwd", "hook_event_name", "turn_id", "permission_mode",
     "agent_id", "agent_type", "model", "agent_transcript_path"}
)  # fmt: skip
NOISE = frozenset({"PreModelRequest", "PostModelRequest", "PreCompact", "PostCompact"})
"""What a rollout tells better: which answer, how many tokens, when it was compacted."""


def _use(hook: FiredHook) -> CodexUse:
    tool = _TEAM.sub("", word(hook.payload, "tool_name"))
    return CodexUse(tool, table(hook.payload, "tool_input"), hook.call_links, SOURCE)


class CodexHookEvents:
    """Reads hooks of all conversations, in the order in which each conversation's come."""

    def __init__(self) -> None:
        self._roots: OrderedDict[str, str] = OrderedDict()

    def read(
        self, payload: Mapping[str, Json], at: datetime, delivery: str, links: Links | None = None
    ) -> list[Event]:
        """Return what a hook or a notification tells.

        Args:
            payload: As Codex hands it over.
            at: When it was noticed.
            delivery: The same if the same firing is handed over again, and else another.
            links: What is known of its sender.
        """
        known = replace(links or Links(), kind="codex")
        if payload.get("type") == "agent-turn-complete":
            return self._notified(payload, at, known)
        name, conversation = word(payload, "hook_event_name"), word(payload, "session_id")
        if not name or not conversation or name in NOISE:
            return []
        subagent = word(payload, "agent_id")
        if subagent:
            self._roots[subagent] = conversation
            if len(self._roots) > REMEMBERED:
                self._roots.popitem(last=False)
        known = replace(
            known, conversation=conversation, subagent=subagent, turn=word(payload, "turn_id"),
            model=word(payload, "model"),
        )  # fmt: skip
        return _READERS.get(name, _other)(FiredHook(SOURCE, name, payload, at, delivery, known))

    def _notified(self, payload: Mapping[str, Json], at: datetime, links: Links) -> list[Event]:
        thread, turn = word(payload, "thread-id"), word(payload, "turn-id")
        last = word(payload, "last-assistant-message")
        root = self._roots.get(thread)
        if not thread or not turn:
            return []
        links = replace(links, conversation=root or thread, turn=turn)
        if root is not None:
            links = replace(links, subagent=thread)
        told: dict[str, Json] = {"hook_event_name": "Stop", "last_assistant_message": last}
        return (_stop if root is None else _subagent_stop)(
            FiredHook(SOURCE, "Stop", told, at, turn, links)
        )


def _start(hook: FiredHook) -> list[Event]:
    source = word(hook.payload, "source")
    key = ("start",) if source == "startup" else ("start", source, hook.delivery)
    return [
        hook.event(
            EventKind.CONVERSATION_STARTED, *key, subject=source, source=source,
            directory=word(hook.payload, "cwd"), transcript=word(hook.payload, "transcript_path"),
        )
    ]  # fmt: skip


def _prompt(hook: FiredHook) -> list[Event]:
    text = word(hook.payload, "prompt")
    if hook.links.subagent or not text.strip():
        return []
    return [
        hook.event(
            EventKind.PROMPT_SUBMITTED, "prompt", hook.links.turn, digest(text),
            subject=text.strip().partition("\n")[0], text=text, via="user",
        )
    ]  # fmt: skip


def _before_tool(hook: FiredHook) -> list[Event]:
    return [_use(hook).started(hook.at)] if word(hook.payload, "tool_use_id") else []


def _after_tool(hook: FiredHook) -> list[Event]:
    if word(hook.payload, "transcript_path") or not word(hook.payload, "tool_use_id"):
        return []
    output = hook.payload.get("tool_response")
    typed = output if isinstance(output, dict) else {}
    text = flat(output) or flat(typed.get("content")) or word(typed, "output")
    return [_use(hook).ended(hook.at, output, text)]


def _permission(hook: FiredHook) -> list[Event]:
    return [_use(hook).asked(hook.at)]


def _stop(hook: FiredHook) -> list[Event]:
    last = word(hook.payload, "last_assistant_message")
    return [hook.event(EventKind.TURN_ENDED, "turn", hook.links.turn, "ended", text=last)]


def _interrupt(hook: FiredHook) -> list[Event]:
    return [hook.event(EventKind.TURN_INTERRUPTED, "interrupted", hook.links.turn)]


def _subagent_stop(hook: FiredHook) -> list[Event]:
    kind, name = word(hook.payload, "agent_type"), hook.links.subagent
    return [
        hook.event(
            EventKind.SUBAGENT_ENDED, "subagent", name, "ended", hook.links.turn, subject=kind,
            text=word(hook.payload, "last_assistant_message"), type=kind, subagent=name,
            transcript=word(hook.payload, "agent_transcript_path"),
        )
    ]  # fmt: skip


def _other(hook: FiredHook) -> list[Event]:
    return hook.unknown(COMMON)


_READERS: Mapping[str, Callable[[FiredHook], list[Event]]] = {
    "SessionStart": _start,
    "SessionEnd": FiredHook.ended,
    "UserPromptSubmit": _prompt,
    "PreToolUse": _before_tool,
    "PostToolUse": _after_tool,
    "PermissionRequest": _permission,
    "Stop": _stop,
    "Interrupt": _interrupt,
    "SubagentStart": FiredHook.subagent_started,
    "SubagentStop": _subagent_stop,
}
