"""What Gemini CLI's hooks are told, as sightings. Pure.

Events and fields as in Gemini CLI 0.61. None of them decides a permission, and none tells that a
person answered one or interrupted a turn; the title does.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from iterm_mcp.agents.hook_spool import plain_spool_command
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.observations import Json

EVENTS = (
    "SessionStart", "SessionEnd", "BeforeAgent", "AfterAgent", "BeforeTool", "AfterTool",
    "Notification", "PreCompress",
)  # fmt: skip
HOOK_MILLISECONDS = 10_000
_ACTIVITY = {
    "SessionStart": "idle", "BeforeAgent": "busy", "AfterAgent": "idle", "BeforeTool": "busy",
    "AfterTool": "busy", "PreCompress": "compacting",
}  # fmt: skip
_PHASES = {"BeforeAgent": "started", "AfterAgent": "ended"}


def hook_settings(command: tuple[str, ...], spool: str = "") -> str:
    """Return settings, as JSON, with which it runs a command on each of its events.

    Args:
        spool: The folder in which events are left instead; empty for none.
    """
    line = plain_spool_command(spool, "gemini") if spool else shlex.join(command)
    hook = {"type": "command", "command": line, "timeout": HOOK_MILLISECONDS}
    return json.dumps({"hooks": {event: [{"hooks": [hook]}] for event in EVENTS}})


def read_event(payload: Mapping[str, Json]) -> tuple[Sighting, ...]:
    """Return what an event tells; nothing for one that is not known."""
    event = str(payload.get("hook_event_name") or "")
    activity = _ACTIVITY.get(event)
    if event == "Notification" and payload.get("notification_type") == "ToolPermission":
        return _asked(payload, event)
    if event == "SessionEnd" and payload.get("reason") != "clear":
        return (_seen(Fact.EXIT, {"reason": str(payload.get("reason") or "other")}, event),)
    if activity is None:
        return ()
    told = [_seen(Fact.DIALOG, {}, event), _seen(Fact.ACTIVITY, {"is": activity}, event)]
    if event in _PHASES:
        turn: dict[str, Json] = {"phase": _PHASES[event], "prompt": payload.get("prompt") or ""}
        told.append(_seen(Fact.TURN, turn, event))
    if payload.get("session_id"):
        told.append(_conversation(payload))
    return tuple(told)


def _asked(payload: Mapping[str, Json], event: str) -> tuple[Sighting, ...]:
    details = payload.get("details")
    details = details if isinstance(details, dict) else {}
    dialog: dict[str, Json] = {
        "asks": "permission",
        "tool": str(details.get("type") or ""),
        "input": {key: value for key, value in details.items() if key not in {"type", "title"}},
        "text": str(payload.get("message") or details.get("title") or ""),
    }
    return (
        _seen(Fact.DIALOG, dialog, event),
        _seen(Fact.ACTIVITY, {"is": "waiting", "for": "permission"}, event),
    )


def _conversation(payload: Mapping[str, Json]) -> Sighting:
    told: dict[str, Json] = {"id": payload.get("session_id") or ""}
    if payload.get("transcript_path"):
        told["transcript"] = payload["transcript_path"]
    return _seen(Fact.CONVERSATION, told, str(payload.get("hook_event_name")))


def _seen(fact: Fact, value: Mapping[str, Json], event: str) -> Sighting:
    return Sighting(fact, value, ObservationSource.HOOK, f"hook {event}")
