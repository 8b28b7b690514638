"""Hooks that wait for a person's decision: what they ask, and how they are answered. Pure.

Claude Code and Codex run the hooks of ``PermissionRequest`` while their dialog stands, and obey the
first decision, a person's or a hook's (measured with Claude Code 2.1.329). No answer, or one that
decides nothing, leaves it to the person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.observations import Json

ALLOW, ALLOW_ALWAYS, DENY = "allow", "allow_always", "deny"

QUESTIONS = frozenset({"AskUserQuestion", "request_user_input"})
"""Tools that are questions: a hook could only let them be asked, so the person is asked at once."""


@dataclass(frozen=True, slots=True)
class PermissionAsked:
    """A request for permission, as a hook tells of it.

    Attributes:
        conversation: The agent's own id of its conversation.
        directory: The agent's working directory.
        suggestions: What the agent would remember with ``allow_always``, in its own form.
    """

    event: str
    tool: str
    input: Mapping[str, Json]
    conversation: str = ""
    directory: str = ""
    suggestions: tuple[Json, ...] = field(default=(), hash=False)

    @property
    def choices(self) -> tuple[str, ...]:
        """What the hook can answer."""
        return (ALLOW, ALLOW_ALWAYS, DENY) if self.suggestions else (ALLOW, DENY)

    def answer(self, choice: str, message: str = "") -> dict[str, Json]:
        """Return what the hook answers.

        Args:
            choice: One of `choices`.
            message: What the agent is told with a denial.
        """
        decision: dict[str, Json] = {"behavior": DENY if choice == DENY else ALLOW}
        if choice == DENY and message:
            decision["message"] = message
        if choice == ALLOW_ALWAYS:
            decision["updatedPermissions"] = list(self.suggestions)
        return {"hookSpecificOutput": {"hookEventName": self.event, "decision": decision}}


def permission_asked(payload: Mapping[str, Json]) -> PermissionAsked | None:
    """Return the request for permission that an event is; None when it is none to be decided."""
    event = _text(payload, "hook_event_name")
    tool = _text(payload, "tool_name")
    if event.casefold() != "permissionrequest" or not tool or tool in QUESTIONS:
        return None
    given, suggested = payload.get("tool_input"), payload.get("permission_suggestions")
    return PermissionAsked(
        event,
        tool,
        given if isinstance(given, dict) else {},
        _text(payload, "session_id"),
        _text(payload, "cwd"),
        tuple(suggested) if isinstance(suggested, list) else (),
    )


def _text(payload: Mapping[str, Json], key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""
