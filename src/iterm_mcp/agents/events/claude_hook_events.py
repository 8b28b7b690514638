"""Claude Code's hooks as events. Pure, but for what it remembers of calls under way.

All 33 hooks of 2.1.330 are known; one that is not is kept as `EventKind.HOOK_FIRED`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from iterm_mcp.agents.claude_prompts import is_own, unwrapped
from iterm_mcp.agents.events.claude_calls import Use
from iterm_mcp.agents.events.fired_hooks import FiredHook
from iterm_mcp.agents.events.telling import digest, seconds_of, table, word
from iterm_mcp.models.events import Event, EventKind, Links

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from iterm_mcp.models.observations import Json

SOURCE = "claude.hook"
REMEMBERED_CALLS = 5000

COMMON = frozenset(
    {"session_id", "transcript_path", "cwd", "hook_event_name", "prompt_id", "permission_mode",
     "agent_id", "agent_type"}
)  # fmt: skip
NOISE = frozenset({"MessageDisplay", "PostToolBatch"})
"""They tell again what others tell."""
UNASKED = NOISE | {"WorktreeCreate"}
"""What nobody may hook who only looks on: who hooks WorktreeCreate makes the worktree."""
HOOKS = (
    "SessionStart", "SessionEnd", "Setup", "UserPromptSubmit", "UserPromptExpansion",
    "PreToolUse", "PostToolUse", "PostToolUseFailure", "PostToolBatch", "PermissionRequest",
    "PermissionDenied", "Notification", "Stop", "StopFailure", "SubagentStart", "SubagentStop",
    "PreCompact", "PostCompact", "PreModelSwitch", "PostModelSwitch", "TaskCreated",
    "TaskCompleted", "TeammateIdle", "Elicitation", "ElicitationResult", "ConfigChange",
    "InstructionsLoaded", "CwdChanged", "DirectoryAdded", "FileChanged", "WorktreeCreate",
    "WorktreeRemove", "MessageDisplay",
)  # fmt: skip
"""All that 2.1.330 knows. The end of a compaction is kept as it is told: how many tokens it saved
stands in the transcript."""

FILE_WORDS: Mapping[str, str] = {"add": "created", "change": "modified", "unlink": "deleted"}


def _use(hook: FiredHook) -> Use:
    tool, given = word(hook.payload, "tool_name"), table(hook.payload, "tool_input")
    return Use(tool, given, hook.call_links, SOURCE)


class ClaudeHookEvents:
    """Reads hooks of all conversations, in the order in which each conversation's come."""

    def __init__(self) -> None:
        self._calls: OrderedDict[tuple[str, str, str, str], str] = OrderedDict()
        self._readers: dict[str, Callable[[FiredHook], list[Event]]] = {
            **_READERS,
            "PreToolUse": self._before_tool,
            "PostToolUse": self._after_tool,
            "PostToolUseFailure": self._failed_tool,
            "PermissionRequest": self._asked,
        }

    def read(
        self, payload: Mapping[str, Json], at: datetime, delivery: str, links: Links | None = None
    ) -> list[Event]:
        """Return what a hook tells; nothing for those that tell again what others tell.

        Args:
            payload: As Claude Code hands it over.
            at: When it was noticed.
            delivery: The same if the same firing is handed over again, and else another.
            links: What is known of its sender.
        """
        name = word(payload, "hook_event_name")
        conversation = word(payload, "session_id")
        if not name or not conversation or name in NOISE:
            return []
        known = links or Links()
        hook = FiredHook(
            SOURCE, name, payload, at, delivery,
            replace(
                known, kind="claude", conversation=conversation,
                subagent=word(payload, "agent_id"), turn=word(payload, "prompt_id"),
                model=known.model or word(payload, "model"),
            ),
        )  # fmt: skip
        return self._readers.get(name, _other)(hook)

    def _before_tool(self, hook: FiredHook) -> list[Event]:
        use = _use(hook)
        self._calls[_place(use)] = use.links.call
        if len(self._calls) > REMEMBERED_CALLS:
            self._calls.popitem(last=False)
        return [use.started(hook.at)]

    def _after_tool(self, hook: FiredHook) -> list[Event]:
        use = _use(hook)
        self._calls.pop(_place(use), None)
        seconds = seconds_of(hook.payload, "duration_ms")
        return use.ended(hook.at, hook.payload.get("tool_response"), "", seconds)

    def _failed_tool(self, hook: FiredHook) -> list[Event]:
        use = _use(hook)
        self._calls.pop(_place(use), None)
        return [
            use.failed(
                hook.at, word(hook.payload, "error"), seconds_of(hook.payload, "duration_ms"),
                interrupted=hook.payload.get("is_interrupt") is True,
            )
        ]  # fmt: skip

    def _asked(self, hook: FiredHook) -> list[Event]:
        use = _use(hook)  # which has no id of the call: what was about to be used is what is asked
        call = use.links.call or self._calls.get(_place(use), "")
        return [use.with_call(call).asked(hook.at)]


def _start(hook: FiredHook) -> list[Event]:
    source = word(hook.payload, "source")
    key = ("start",) if source == "startup" else ("start", source, hook.delivery)
    title = word(hook.payload, "session_title")
    return [
        hook.event(
            EventKind.CONVERSATION_STARTED, *key, subject=source, text=title,
            source=source, directory=word(hook.payload, "cwd"), title=title,
            transcript=word(hook.payload, "transcript_path"),
        )
    ]  # fmt: skip


def _prompt(hook: FiredHook) -> list[Event]:
    prompt = word(hook.payload, "prompt")
    if is_own(prompt) or hook.payload.get("source") == "system":
        return []
    text = unwrapped(prompt)
    return [
        hook.event(
            EventKind.PROMPT_SUBMITTED, "prompt", hook.links.turn, digest(text),
            subject=text.strip().partition("\n")[0], text=text,
            via=word(hook.payload, "source") or "user",
            title=word(hook.payload, "session_title"),
        )
    ]  # fmt: skip


def _denied(hook: FiredHook) -> list[Event]:
    return [_use(hook).denied(hook.at, "classifier", word(hook.payload, "reason"))]


def _stop(hook: FiredHook) -> list[Event]:
    last = word(hook.payload, "last_assistant_message")
    return [
        hook.event(EventKind.TURN_ENDED, "turn", hook.links.turn, "ended", digest(last), text=last)
    ]


def _stop_failure(hook: FiredHook) -> list[Event]:
    error = word(hook.payload, "error")
    return [
        hook.event(
            EventKind.TURN_FAILED, "turn", hook.links.turn, "failed", error,
            subject=error, text=word(hook.payload, "error_details"), error=error,
        )
    ]  # fmt: skip


def _subagent_stop(hook: FiredHook) -> list[Event]:
    kind, last = word(hook.payload, "agent_type"), word(hook.payload, "last_assistant_message")
    return [
        hook.event(
            EventKind.SUBAGENT_ENDED, "subagent", hook.links.subagent, "ended", digest(last),
            subject=kind, text=last, type=kind, subagent=hook.links.subagent,
            transcript=word(hook.payload, "agent_transcript_path"),
        )
    ]  # fmt: skip


def _model(hook: FiredHook) -> list[Event]:
    before, after = word(hook.payload, "from_model"), word(hook.payload, "to_model")
    return [
        hook.event(
            EventKind.MODEL_SWITCHED, "model", hook.delivery, subject=after,
            text=f"{before} → {after}", before=before, after=after,
            context_tokens=hook.payload.get("context_tokens"),
        )
    ]  # fmt: skip


def _notified(hook: FiredHook) -> list[Event]:
    kind = word(hook.payload, "notification_type")
    return [
        hook.event(
            EventKind.AGENT_NOTIFIED, "notified", hook.delivery, subject=kind,
            text=word(hook.payload, "message"), type=kind,
        )
    ]  # fmt: skip


def _question(hook: FiredHook) -> list[Event]:
    server = word(hook.payload, "mcp_server_name")
    return [
        hook.event(
            EventKind.QUESTION_ASKED, "question", hook.delivery, subject=server,
            text=word(hook.payload, "message"), server=server,
        )
    ]  # fmt: skip


def _file(hook: FiredHook) -> list[Event]:
    path = word(hook.payload, "file_path")
    change = FILE_WORDS.get(word(hook.payload, "event"), "modified")
    return [
        hook.event(
            EventKind.FILE_CHANGED, "file", hook.delivery, path, subject=path,
            text=f"{change} {path}", path=path, change=change, outside=True,
        )
    ]  # fmt: skip


def _other(hook: FiredHook) -> list[Event]:
    return hook.unknown(COMMON)


def _place(use: Use) -> tuple[str, str, str, str]:
    links = use.links
    return links.conversation, links.subagent, use.tool, digest(dict(use.input))


_READERS: Mapping[str, Callable[[FiredHook], list[Event]]] = {
    "SessionStart": _start,
    "SessionEnd": FiredHook.ended,
    "UserPromptSubmit": _prompt,
    "PermissionDenied": _denied,
    "Stop": _stop,
    "StopFailure": _stop_failure,
    "SubagentStart": FiredHook.subagent_started,
    "SubagentStop": _subagent_stop,
    "PostModelSwitch": _model,
    "Notification": _notified,
    "Elicitation": _question,
    "FileChanged": _file,
}
