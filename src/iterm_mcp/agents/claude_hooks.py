"""Claude Code's hooks: the settings that ask for them, and what each event tells. Pure.

Payloads are as 2.1.329's own schemas have them. What hooks are silent about (a person who refuses
or interrupts, a model's service that fails) the registry file, the transcript and the screen tell.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from typing import TYPE_CHECKING, TypeAlias

from iterm_mcp.agents.claude_prompts import is_own, unwrapped
from iterm_mcp.agents.events.claude_hook_events import HOOKS, UNASKED
from iterm_mcp.agents.hook_spool import spool_command
from iterm_mcp.agents.reports import HEADERS, TOKEN
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iterm_mcp.agents.reports import Reports
    from iterm_mcp.models.observations import Json

QUICK_SECONDS = 10
ANSWER_SECONDS = 24 * 3600
"""How long Claude Code waits for the hook of a permission; the person may answer meanwhile."""

EVENTS: Mapping[str, int] = {
    "SessionStart": QUICK_SECONDS,
    "UserPromptSubmit": QUICK_SECONDS,
    "PermissionRequest": ANSWER_SECONDS,
    "Notification": QUICK_SECONDS,
    "Stop": QUICK_SECONDS,
    "StopFailure": QUICK_SECONDS,
    "PreCompact": QUICK_SECONDS,
    "PostCompact": QUICK_SECONDS,
    "Elicitation": QUICK_SECONDS,
    "ElicitationResult": QUICK_SECONDS,
    "SessionEnd": QUICK_SECONDS,
}
"""What tells what an agent is doing now, and how long it may take."""
ASKING = "PermissionRequest"
"""The one that is answered."""

EVIDENCE_CHARACTERS = 2000
QUESTION = "AskUserQuestion"
SELF_RESUMES = "quota_auto_resume_fired"

FAILURES: Mapping[str, str] = {
    "authentication_failed": "auth_failed",
    "oauth_org_not_allowed": "auth_failed",
    "account_on_hold": "auth_failed",
    "verification_required": "auth_failed",
    "cloud_credential_error": "auth_failed",
    "billing_error": "billing",
    "rate_limit": "rate_limited",
    "overloaded": "overloaded",
    "server_error": "overloaded",
}
"""What is wrong by the word of StopFailure; its other words are about one request alone."""


def hook_settings(command: Sequence[str], spool: str = "", reports: Reports | None = None) -> str:
    """Return settings, as JSON, that have us told of what happens.

    They come beside the hooks of the person's own settings.

    Args:
        command: What gets an event on stdin, and prints what is answered.
        spool: The folder in which events are left; empty for nowhere: then the command is told of
            all in `EVENTS`, and of nothing else.
        reports: Where it is asked over HTTP what is answered, and no command is run for it.
    """
    line = shlex.join(command)
    if not spool:
        told = {event: _hook(line, seconds) for event, seconds in EVENTS.items()}
        return json.dumps({"hooks": told})
    hooks = spool_hooks(spool)
    if reports is None:
        hooks[ASKING] = _hook(line, ANSWER_SECONDS)
    else:
        hooks[ASKING].append({"hooks": [_question(reports)]})
    return json.dumps({"hooks": hooks})


def _question(reports: Reports) -> Json:
    """Return the hook that waits for an answer; the event itself is left in the spool by another.

    Headers are filled in by the agent, out of its environment.
    """
    names = {"Authorization": f"Bearer ${TOKEN}"} | {
        header: f"${variable}" for header, variable in HEADERS.items()
    }
    return {
        "type": "http", "url": f"{reports.url}/v1/hooks/claude?kept=1", "timeout": ANSWER_SECONDS,
        "headers": dict(names), "allowedEnvVars": [TOKEN, *HEADERS.values()],
    }  # fmt: skip


def spool_hooks(spool: str) -> dict[str, list[dict[str, Json]]]:
    """Return settings' ``hooks`` that leave every event in a folder; see `spool_command`."""
    line = spool_command(spool, "claude")
    return {event: _hook(line, QUICK_SECONDS) for event in HOOKS if event not in UNASKED}


def _hook(line: str, seconds: int) -> list[dict[str, Json]]:
    return [{"hooks": [{"type": "command", "command": line, "timeout": seconds}]}]


def hook_sightings(payload: Mapping[str, Json]) -> tuple[Sighting, ...]:
    """Return what an event tells; nothing for those of subagents, and for unknown ones."""
    event = _text(payload, "hook_event_name")
    read = _READERS.get(event)
    if read is None or payload.get("agent_id"):
        return ()
    told = read(payload)
    evidence = f"{event} {json.dumps(_excerpt(payload), ensure_ascii=False)}"
    return tuple(
        Sighting(fact, value, ObservationSource.HOOK, evidence[:EVIDENCE_CHARACTERS])
        for fact, value in told
    )


def dialog_id(conversation: str, tool: str, tool_input: Json) -> str:
    """Return an id for a request that has none of its own: the same request has the same."""
    asked = json.dumps([conversation, tool, tool_input], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def permission_dialog(dialog: str, tool: str, tool_input: Mapping[str, Json]) -> dict[str, Json]:
    """Return `Fact.DIALOG`'s value for a tool that may not be used without a person.

    A question with one set of choices has them as options; more sets, or several answers, are for
    the person at the screen, so no options are told.
    """
    if tool != QUESTION:
        return {
            "id": dialog, "asks": "permission", "tool": tool, "input": dict(tool_input),
            "text": _summary(tool_input), "options": [],
        }  # fmt: skip
    listed = tool_input.get("questions")
    questions = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    options: list[Json] = []
    if len(questions) == 1 and not questions[0].get("multiSelect"):
        choices = questions[0].get("options")
        options += [
            _text(one, "label") if isinstance(one, dict) else str(one)
            for one in (choices if isinstance(choices, list) else ())
        ]
    return {
        "id": dialog, "asks": "question", "tool": tool, "input": dict(tool_input),
        "text": "\n".join(_text(one, "question") for one in questions), "options": options,
    }  # fmt: skip


def trouble(kind: str, details: str) -> dict[str, Json]:
    """Return `Fact.TROUBLE`'s value for the kind of a failure; empty when it is none that lasts."""
    what = FAILURES.get(kind)
    return {} if what is None else {"what": what, "text": details}


Told: TypeAlias = "list[tuple[Fact, dict[str, Json]]]"


def _session_start(payload: Mapping[str, Json]) -> Told:
    conversation: dict[str, Json] = {
        "id": _text(payload, "session_id"),
        "transcript": _text(payload, "transcript_path"),
    }
    if model := _text(payload, "model"):
        conversation["model"] = model
    return [(Fact.CONVERSATION, conversation), (Fact.GATE, {})]


def _prompt(payload: Mapping[str, Json]) -> Told:
    prompt = _text(payload, "prompt")
    if is_own(prompt) or payload.get("source") == "system":
        return [(Fact.ACTIVITY, {"is": "busy"})]
    turn: dict[str, Json] = {"phase": "submitted", "prompt": unwrapped(prompt)}
    if prompt_id := _text(payload, "prompt_id"):
        turn["prompt_id"] = prompt_id  # amid a turn it is that turn's
    return [(Fact.ACTIVITY, {"is": "busy"}), (Fact.TURN, turn)]


def _permission(payload: Mapping[str, Json]) -> Told:
    tool, given = _text(payload, "tool_name"), payload.get("tool_input")
    asked = given if isinstance(given, dict) else {}
    dialog = permission_dialog(dialog_id(_text(payload, "session_id"), tool, asked), tool, asked)
    waits = "input needed" if dialog["asks"] == "question" else "permission prompt"
    return [(Fact.DIALOG, dialog), (Fact.ACTIVITY, {"is": "waiting", "for": waits})]


def _notification(payload: Mapping[str, Json]) -> Told:
    kind, message = _text(payload, "notification_type"), _text(payload, "message")
    match kind:
        case "permission_prompt":
            return [(Fact.ACTIVITY, {"is": "waiting", "for": "permission prompt"})]
        case "elicitation_dialog" | "elicitation_url_dialog":
            return [(Fact.ACTIVITY, {"is": "waiting", "for": "input needed"})]
        case "idle_prompt":
            return [(Fact.ACTIVITY, {"is": "idle"})]
        case "quota_auto_resume_stale" | "quota_auto_resume_disabled":
            return [(Fact.TROUBLE, {"what": "rate_limited", "text": message})]
        case "auth_success" | "quota_auto_resume_fired":
            return [(Fact.TROUBLE, {})]
    return []


def _stop(payload: Mapping[str, Json]) -> Told:
    tasks = payload.get("background_tasks")
    count = len(tasks) if isinstance(tasks, list) else 0
    return [
        (Fact.TURN, _ended(payload, "ended")),
        (Fact.BACKGROUND, {"count": count} if count else {}),
        (Fact.ACTIVITY, {"is": "idle"}),
        (Fact.DIALOG, {}),
        (Fact.TROUBLE, {}),
    ]


def _stop_failure(payload: Mapping[str, Json]) -> Told:
    kind = _text(payload, "error")
    turn = _ended(payload, "failed") | {"error": kind}
    return [
        (Fact.TURN, turn),
        (Fact.ACTIVITY, {"is": "idle"}),
        (Fact.DIALOG, {}),
        (Fact.TROUBLE, trouble(kind, _text(payload, "error_details"))),
    ]


def _ended(payload: Mapping[str, Json], phase: str) -> dict[str, Json]:
    turn: dict[str, Json] = {"phase": phase}
    if prompt_id := _text(payload, "prompt_id"):
        turn["prompt_id"] = prompt_id
    if said := _text(payload, "last_assistant_message"):
        turn["said"] = said[:EVIDENCE_CHARACTERS]
    return turn


def _compacting(_payload: Mapping[str, Json]) -> Told:
    return [(Fact.ACTIVITY, {"is": "compacting"})]


def _compacted(payload: Mapping[str, Json]) -> Told:
    return [(Fact.ACTIVITY, {"is": "busy" if payload.get("trigger") == "auto" else "idle"})]


def _elicitation(payload: Mapping[str, Json]) -> Told:
    server, message = _text(payload, "mcp_server_name"), _text(payload, "message")
    dialog: dict[str, Json] = {
        "id": _text(payload, "elicitation_id")
        or dialog_id(_text(payload, "session_id"), server, message),
        "asks": "question", "tool": server, "input": {}, "text": message, "options": [],
    }  # fmt: skip
    return [(Fact.DIALOG, dialog), (Fact.ACTIVITY, {"is": "waiting", "for": "input needed"})]


def _elicited(_payload: Mapping[str, Json]) -> Told:
    return [(Fact.DIALOG, {}), (Fact.ACTIVITY, {"is": "busy"})]


def _session_end(payload: Mapping[str, Json]) -> Told:
    reason = _text(payload, "reason")
    if reason in {"clear", "resume"}:  # the process goes on with another conversation
        return []
    return [(Fact.EXIT, {"reason": reason or "other"})]


_READERS: Mapping[str, Callable[[Mapping[str, Json]], Told]] = {
    "SessionStart": _session_start,
    "UserPromptSubmit": _prompt,
    "PermissionRequest": _permission,
    "Notification": _notification,
    "Stop": _stop,
    "StopFailure": _stop_failure,
    "PreCompact": _compacting,
    "PostCompact": _compacted,
    "Elicitation": _elicitation,
    "ElicitationResult": _elicited,
    "SessionEnd": _session_end,
}


def _excerpt(payload: Mapping[str, Json]) -> dict[str, Json]:
    left_out = {"hook_event_name", "session_id", "transcript_path", "cwd", "effort"}
    return {key: value for key, value in payload.items() if key not in left_out}


def _summary(tool_input: Mapping[str, Json]) -> str:
    for key in ("command", "file_path", "url", "plan", "prompt", "pattern", "query", "path"):
        if isinstance(value := tool_input.get(key), str):
            return value
    return json.dumps(tool_input, ensure_ascii=False) if tool_input else ""


def _text(payload: Mapping[str, Json], key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""
