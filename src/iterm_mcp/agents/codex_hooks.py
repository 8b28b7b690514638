"""What Codex's hooks and its ``notify`` program are told, as sightings. Pure.

Events and fields as in Codex 0.169: those of Claude Code, with ``turn_id`` and ``model``, and
besides them ``Interrupt``. What happens in a subagent (``agent_id``) says nothing of the agent.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from typing import TYPE_CHECKING

from iterm_mcp.agents.hook_spool import plain_spool_command
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.observations import Json

EVENTS = (
    "SessionStart", "SessionEnd", "UserPromptSubmit", "PreToolUse", "PermissionRequest",
    "PostToolUse", "PreCompact", "PostCompact", "Stop", "Interrupt",
)  # fmt: skip

ASKING = "PermissionRequest"
"""The one that is answered; Codex knows no other hooks than commands."""

HOOK_SECONDS = 3600
"""How long a hook may take: one that asks a person for permission waits for the answer."""

BRIEF_SECONDS = 3
"""The same for events at whose end nobody waits; Codex gives them no more, and says so."""

_BRIEF = frozenset({"SessionEnd", "Interrupt"})
_SOURCE = "/<session-flags>/config.toml"

EVIDENCE_CHARACTERS = 300


def hook_settings(command: tuple[str, ...], spool: str = "") -> tuple[str, ...]:
    """Return the arguments with which Codex tells us of each of its events.

    They stand beside the user's own hooks, in whatever file those are.

    Args:
        command: What gets an event on stdin, and prints what is answered.
        spool: The folder in which events that nobody answers are left instead; empty for none.
    """
    words = ["-c", "features.hooks=true"]
    for event in EVENTS:
        line = json.dumps(_line(event, command, spool), ensure_ascii=False)
        hook = f"{{type='command',command={line},timeout={_seconds(event)}}}"
        words += ["-c", f"hooks.{event}=[{{hooks=[{hook}]}}]"]
    return tuple(words)


def _line(event: str, command: tuple[str, ...], spool: str) -> str:
    if spool and event != ASKING:
        return plain_spool_command(spool, "codex")
    return shlex.join(command)


def hook_trust(command: tuple[str, ...], spool: str = "") -> tuple[str, ...]:
    """Return the arguments that say, for one start, that the hooks of `hook_settings` are trusted.

    They name each of these hooks by what it runs, and no other: those of the person, of a project
    or of a plugin are asked for as ever. Nothing of it is kept by Codex.
    """
    entries = []
    for event in EVENTS:
        label = re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()
        handler: dict[str, Json] = {
            "async": False, "command": _line(event, command, spool), "timeout": _seconds(event),
            "type": "command",
        }  # fmt: skip
        identity = {"event_name": label, "hooks": [handler]}
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(text.encode()).hexdigest()
        entries.append(f'"{_SOURCE}:{label}:0:0"={{trusted_hash="sha256:{digest}"}}')
    return "-c", f"hooks.state={{{','.join(entries)}}}"


def _seconds(event: str) -> int:
    return BRIEF_SECONDS if event in _BRIEF else HOOK_SECONDS


def read_event(payload: Mapping[str, Json]) -> tuple[Sighting, ...]:
    """Return what an event tells; nothing for one that is not known."""
    if payload.get("type") == "agent-turn-complete":
        turn: dict[str, Json] = {"phase": "ended", "prompt_id": payload.get("turn-id") or ""}
        return _told("notify", turn=turn, activity="idle")
    event = str(payload.get("hook_event_name") or "")
    if payload.get("agent_id"):
        return ()
    if event == "SessionStart":
        return (*_told(event, activity="idle"), _conversation(payload, event))
    if event == "SessionEnd":
        reason = str(payload.get("reason") or "other")
        return () if reason == "clear" else (_seen(Fact.EXIT, {"reason": reason}, event),)
    if event == "PermissionRequest":
        return _asked(payload, event)
    return _of_turn(payload, event)


def _of_turn(payload: Mapping[str, Json], event: str) -> tuple[Sighting, ...]:
    turn_id = payload.get("turn_id") or ""
    match event:
        case "UserPromptSubmit":
            turn: dict[str, Json] = {
                "phase": "submitted", "prompt": payload.get("prompt") or "", "prompt_id": turn_id
            }  # fmt: skip
            return (*_told(event, turn=turn, activity="busy"), _conversation(payload, event))
        case "PreToolUse" | "PostToolUse" | "PostCompact":
            return _told(event, activity="busy")
        case "PreCompact":
            return _told(event, activity="compacting")
        case "Stop":
            return _told(event, turn={"phase": "ended", "prompt_id": turn_id}, activity="idle")
        case "Interrupt":
            turn = {"phase": "interrupted", "prompt_id": turn_id}
            return _told(event, turn=turn, activity="idle")
        case _:
            return ()


def _asked(payload: Mapping[str, Json], event: str) -> tuple[Sighting, ...]:
    tool = str(payload.get("tool_name") or "")
    dialog: dict[str, Json] = {
        "asks": "permission",
        "tool": tool,
        "input": payload.get("tool_input") or {},
        "text": f"May it use {tool}?",
    }
    for key in ("turn_id", "tool_use_id"):
        if payload.get(key):
            dialog[key] = payload[key]
    evidence = f"hook {event} {tool}"
    return (
        _seen(Fact.DIALOG, dialog, evidence),
        _seen(Fact.ACTIVITY, {"is": "waiting", "for": "permission"}, evidence),
    )


def _told(
    event: str, *, turn: dict[str, Json] | None = None, activity: str
) -> tuple[Sighting, ...]:
    """Return what ends a dialog, says what it does, and perhaps where its turn stands."""
    told = [_seen(Fact.DIALOG, {}, event), _seen(Fact.ACTIVITY, {"is": activity}, event)]
    if turn is not None:
        told.append(_seen(Fact.TURN, turn, event))
    return tuple(told)


def _conversation(payload: Mapping[str, Json], event: str) -> Sighting:
    told: dict[str, Json] = {"id": payload.get("session_id") or ""}
    for key, name in (("transcript_path", "transcript"), ("model", "model")):
        if payload.get(key):
            told[name] = payload[key]
    return _seen(Fact.CONVERSATION, told, event)


def _seen(fact: Fact, value: Mapping[str, Json], evidence: str) -> Sighting:
    if not evidence.startswith("hook "):
        evidence = f"hook {evidence}"
    return Sighting(fact, value, ObservationSource.HOOK, evidence[:EVIDENCE_CHARACTERS])
