"""The messages of stream-json: what each tells, and those that we send. Pure.

As ``claude -p --input-format stream-json --output-format stream-json`` of 2.1.329 and 2.1.330
speaks it. Every message of ours has an id, by which ``command_lifecycle`` tells what became of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from iterm_mcp.agents.claude_hooks import QUESTION, permission_dialog, trouble
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterm_mcp.models.observations import Json

    Told: TypeAlias = "list[tuple[Fact, dict[str, Json]]]"

EVIDENCE_CHARACTERS = 2000
PHASES: Mapping[str, str] = {
    "queued": "queued",
    "started": "started",
    "completed": "ended",
    "cancelled": "interrupted",
}
"""Our word for each state of ``command_lifecycle``."""

ALWAYS = "allow_always"
REFUSAL = "The person refused."


def message_sightings(message: Mapping[str, Json]) -> tuple[Sighting, ...]:
    """Return what a message tells; nothing for unknown ones."""
    read = _READERS.get(_text(message, "type"))
    if read is None:
        return ()
    told = read(message)
    evidence = json.dumps(message, ensure_ascii=False)[:EVIDENCE_CHARACTERS] if told else ""
    return tuple(
        Sighting(fact, value, ObservationSource.PROTOCOL, evidence) for fact, value in told
    )


def user_message(message_id: str, text: str) -> dict[str, Json]:
    """Return the message that tells the agent something."""
    return {
        "type": "user",
        "uuid": message_id,
        "session_id": "",
        "parent_tool_use_id": None,
        "message": {"role": "user", "content": text},
    }


def control_request(request_id: str, subtype: str) -> dict[str, Json]:
    """Return a request to the program itself."""
    return {
        "type": "control_request",
        "request_id": request_id,
        "request": {"subtype": subtype},
    }


def permission_answer(
    request_id: str, request: Mapping[str, Json], choice: str, message: str = ""
) -> dict[str, Json] | None:
    """Return the answer to ``can_use_tool``; None when the choice is none of its options.

    Args:
        request: What was asked.
        choice: ``allow``, ``deny``, ``allow_always`` (what Claude Code itself suggests to allow
            from now on), or an option's text or number where a question is asked.
    """
    given = request.get("input")
    tool_input = dict(given) if isinstance(given, dict) else {}
    answer: dict[str, Json]
    if choice == "deny":
        answer = {"behavior": "deny", "message": message or REFUSAL}
    elif _text(request, "tool_name") == QUESTION:
        answers = _answers(tool_input, choice)
        if answers is None:
            return None
        answer = {"behavior": "allow", "updatedInput": {**tool_input, "answers": answers}}
    elif choice in {"allow", ALWAYS}:
        answer = {"behavior": "allow", "updatedInput": tool_input}
        if choice == ALWAYS:
            suggested = request.get("permission_suggestions")
            answer["updatedPermissions"] = suggested if isinstance(suggested, list) else []
    else:
        return None
    response: dict[str, Json] = {
        "subtype": "success", "request_id": request_id, "response": answer,
    }  # fmt: skip
    return {"type": "control_response", "response": response}


def asked_dialog(request_id: str, request: Mapping[str, Json]) -> dict[str, Json]:
    """Return `Fact.DIALOG`'s value for ``can_use_tool``."""
    given = request.get("input")
    dialog = permission_dialog(
        request_id, _text(request, "tool_name"), given if isinstance(given, dict) else {}
    )
    if dialog["asks"] == "permission":
        options: list[Json] = ["allow", "deny"]
        if request.get("permission_suggestions"):
            options.append(ALWAYS)
        dialog["options"] = options
    return dialog


def _answers(tool_input: Mapping[str, Json], choice: str) -> dict[str, Json] | None:
    """Return the answer to the one question of a dialog; any text is one."""
    dialog = permission_dialog("", QUESTION, tool_input)
    options, text = dialog["options"], dialog["text"]
    if not isinstance(options, list) or not options or not isinstance(text, str):
        return None
    if choice.isdecimal() and 0 < int(choice) <= len(options):
        return {text: options[int(choice) - 1]}
    return {text: choice}


def _lifecycle(message: Mapping[str, Json]) -> Told:
    phase = PHASES.get(_text(message, "state"))
    if phase is None:
        return []
    turn: Told = [(Fact.TURN, {"phase": phase, "message": _text(message, "command_uuid")})]
    return [*turn, (Fact.ACTIVITY, {"is": "busy"})] if phase == "started" else turn


def _system(message: Mapping[str, Json]) -> Told:
    match _text(message, "subtype"):
        case "init":
            conversation: dict[str, Json] = {"id": _text(message, "session_id")}
            if model := _text(message, "model"):
                conversation["model"] = model
            return [(Fact.CONVERSATION, conversation)]
        case "api_retry":
            return [(Fact.TROUBLE, _retry(message))]
        case "status" if message.get("status") == "compacting":
            return [(Fact.ACTIVITY, {"is": "compacting"})]
        case "status" | "compact_boundary":
            return [(Fact.ACTIVITY, {"is": "busy"})]
    return []


def _retry(message: Mapping[str, Json]) -> dict[str, Json]:
    failed = trouble(_text(message, "error"), _text(message, "message"))
    value: dict[str, Json] = failed or {"what": "api_retry"}
    for ours, theirs in (("attempt", "attempt"), ("of", "max_retries")):
        if isinstance(number := message.get(theirs), int):
            value[ours] = number
    return value


def _assistant(message: Mapping[str, Json]) -> Told:
    if message.get("parent_tool_use_id"):
        return []
    error = _text(message, "error")
    return [(Fact.TROUBLE, trouble(error, "") if error else {})]


def _result(message: Mapping[str, Json]) -> Told:
    told: Told = []
    if message.get("is_error") and message.get("subtype") == "success":
        ours = message.get("user_message_uuids")
        for one in ours if isinstance(ours, list) else ():
            if isinstance(one, str):
                failed: dict[str, Json] = {"phase": "failed", "message": one}
                told.append((Fact.TURN, {**failed, "said": _text(message, "result")}))
    return [*told, (Fact.ACTIVITY, {"is": "idle"}), (Fact.DIALOG, {})]


def _control(message: Mapping[str, Json]) -> Told:
    request = message.get("request")
    if not isinstance(request, dict) or request.get("subtype") != "can_use_tool":
        return []
    dialog = asked_dialog(_text(message, "request_id"), request)
    waits = "input needed" if dialog["asks"] == "question" else "permission prompt"
    return [(Fact.DIALOG, dialog), (Fact.ACTIVITY, {"is": "waiting", "for": waits})]


def _cancelled(_message: Mapping[str, Json]) -> Told:
    return [(Fact.DIALOG, {}), (Fact.ACTIVITY, {"is": "busy"})]


_READERS: Mapping[str, Callable[[Mapping[str, Json]], Told]] = {
    "command_lifecycle": _lifecycle,
    "system": _system,
    "assistant": _assistant,
    "result": _result,
    "control_request": _control,
    "control_cancel_request": _cancelled,
}


def _text(message: Mapping[str, Json], key: str) -> str:
    value = message.get(key)
    return value if isinstance(value, str) else ""
