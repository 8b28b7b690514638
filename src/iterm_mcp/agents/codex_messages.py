"""The messages of Codex's app-server: what they tell, and how its questions are answered. Pure.

Names and fields are those of the schemas that Codex 0.169 generates. Its requests ask a person:
for permission to run a command, to change files or to get more permissions, or for answers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iterm_mcp.agents.codex_permissions import read_permissions
from iterm_mcp.agents.strokes import option_index, options_of
from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.agents.kind import StartRequest
    from iterm_mcp.models.observations import Json

EVIDENCE_CHARACTERS = 500

COMMAND = "item/commandExecution/requestApproval"
CHANGE = "item/fileChange/requestApproval"
PERMISSIONS = "item/permissions/requestApproval"
INPUT = "item/tool/requestUserInput"
ELICITATION = "mcpServer/elicitation/request"
QUESTIONS = frozenset({COMMAND, CHANGE, PERMISSIONS, INPUT, ELICITATION})
"""Requests of the server that a person answers; it has others, which we refuse."""

_ALLOW, _SESSION, _DENY, _CANCEL = "Yes", "Yes, for this session", "No", "Cancel the turn"
_DECISIONS = {
    _ALLOW: "accept", _SESSION: "acceptForSession", _DENY: "decline", _CANCEL: "cancel"
}  # fmt: skip
_LIMITS = {"usageLimitExceeded", "rateLimitExceeded", "sessionBudgetExceeded"}
_STATUS = {"completed": "ended", "interrupted": "interrupted", "failed": "failed"}


def decode(message: Mapping[str, Json]) -> tuple[Sighting, ...]:
    """Return what one message tells; nothing for one that is not known."""
    method, params = str(message.get("method") or ""), _object(message.get("params"))
    evidence = json.dumps(message, ensure_ascii=False)[:EVIDENCE_CHARACTERS]
    if "id" in message and method in QUESTIONS:
        return (_seen(Fact.DIALOG, dialog_of(message), evidence),)
    reader = _READERS.get(method)
    return reader(params, evidence) if reader else ()


def conversation_of(thread: Json, model: Json = None) -> dict[str, Json]:
    """Return the value of `Fact.CONVERSATION` for a thread."""
    found = _object(thread)
    told: dict[str, Json] = {"id": found.get("id") or ""}
    if found.get("path"):
        told["transcript"] = found["path"]
    if model:
        told["model"] = model
    return told


def _resolved(params: Mapping[str, Json], evidence: str) -> tuple[Sighting, ...]:
    del params
    return (_seen(Fact.DIALOG, {}, evidence),)


def _opened(params: Mapping[str, Json], evidence: str) -> tuple[Sighting, ...]:
    return (_seen(Fact.CONVERSATION, conversation_of(params.get("thread")), evidence),)


def _erred(params: Mapping[str, Json], evidence: str) -> tuple[Sighting, ...]:
    return (_seen(Fact.TROUBLE, _trouble(params), evidence),)


def _status(params: Mapping[str, Json], evidence: str) -> tuple[Sighting, ...]:
    status = _object(params.get("status"))
    flags = status.get("activeFlags")
    flags = flags if isinstance(flags, list) else []
    activity: dict[str, Json]
    if status.get("type") == "active":
        if "waitingOnApproval" in flags:
            activity = {"is": "waiting", "for": "permission"}
        elif "waitingOnUserInput" in flags:
            activity = {"is": "waiting", "for": "input needed"}
        else:
            activity = {"is": "busy"}
    elif status.get("type") in {"idle", "systemError"}:
        activity = {"is": "idle"}
    else:
        return ()
    told = [_seen(Fact.ACTIVITY, activity, evidence)]
    if activity["is"] == "idle" or activity == {"is": "busy"}:
        told.append(_seen(Fact.DIALOG, {}, evidence))
    return tuple(told)


def _turn(params: Mapping[str, Json], evidence: str) -> tuple[Sighting, ...]:
    """Return what a turn's start or end tells; a start names no message yet, an item does."""
    turn = _object(params.get("turn"))
    phase = _STATUS.get(str(turn.get("status")))
    if phase is None:
        return (
            _seen(Fact.ACTIVITY, {"is": "busy"}, evidence),
            _seen(Fact.TROUBLE, {}, evidence),
        )
    told = [_seen(Fact.TURN, {"phase": phase, "prompt_id": turn.get("id") or ""}, evidence)]
    if phase == "failed":
        told.insert(0, _seen(Fact.TROUBLE, _trouble({"error": turn.get("error")}), evidence))
    return (*told, _seen(Fact.ACTIVITY, {"is": "idle"}, evidence))


def _item_started(params: Mapping[str, Json], evidence: str) -> tuple[Sighting, ...]:
    item = _object(params.get("item"))
    if item.get("type") == "contextCompaction":
        return (_seen(Fact.ACTIVITY, {"is": "compacting"}, evidence),)
    if item.get("type") != "userMessage":
        return ()
    turn: dict[str, Json] = {
        "phase": "started", "prompt": text_of(item), "prompt_id": params.get("turnId") or ""
    }  # fmt: skip
    if item.get("clientId"):
        turn["message"] = item["clientId"]
    return (_seen(Fact.TURN, turn, evidence),)


def _item_completed(params: Mapping[str, Json], evidence: str) -> tuple[Sighting, ...]:
    if _object(params.get("item")).get("type") != "contextCompaction":
        return ()
    return (_seen(Fact.ACTIVITY, {"is": "busy"}, evidence),)


_READERS = {
    "serverRequest/resolved": _resolved,
    "thread/status/changed": _status,
    "thread/started": _opened,
    "turn/started": _turn,
    "turn/completed": _turn,
    "item/started": _item_started,
    "item/completed": _item_completed,
    "error": _erred,
}


def text_of(item: Mapping[str, Json]) -> str:
    """Return the text of a user's message."""
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part["text"]) for part in map(_object, parts) if "text" in part)


def _trouble(params: Mapping[str, Json]) -> dict[str, Json]:
    error = _object(params.get("error"))
    info = error.get("codexErrorInfo")
    word = next(iter(info), "") if isinstance(info, dict) else str(info or "")
    code = next(iter(_object(info[word]).values()), None) if isinstance(info, dict) else None
    what = "api_retry"
    if word in _LIMITS or code == 429:  # noqa: PLR2004 - HTTP
        what = "rate_limited"
    elif word == "unauthorized" or code in {401, 403}:
        what = "auth_failed"
    elif word == "serverOverloaded":
        what = "overloaded"
    return {"what": what, "text": str(error.get("message") or "")}


def thread_request(request: StartRequest) -> tuple[str, dict[str, Json]]:
    """Return the method and the parameters that begin or resume a thread.

    Raises:
        InvalidRequestError: What is asked for cannot be.
    """
    asked: dict[str, Json] = {"cwd": request.directory}
    if request.model:
        asked["model"] = request.model
    asked |= read_permissions(request.permissions).fields()
    if not request.resume and request.conversation:
        raise InvalidRequestError(
            "Codex chooses the ids of its conversations itself",
            hint="Start without conversation; its id is told at once.",
            code="start_not_possible",
        )
    if not request.resume:
        return "thread/start", asked
    return "thread/resume", {"threadId": request.conversation, **asked}


# Questions, and their answers.


def dialog_of(request: Mapping[str, Json]) -> dict[str, Json]:
    """Return the value of `Fact.DIALOG` for a request of the server; its id is the request's."""
    params = _object(request.get("params"))
    dialog: dict[str, Json] = {"id": dialog_id(request.get("id")), "asks": "permission"}
    match request.get("method"):
        case "item/commandExecution/requestApproval":
            dialog |= _command(params)
        case "item/fileChange/requestApproval":
            root = params.get("grantRoot")
            dialog |= {"tool": "Edit", "input": {"grant_root": root} if root else {}}
            dialog["options"] = [*_DECISIONS]
        case "item/permissions/requestApproval":
            dialog |= {"tool": "Permissions", "input": _object(params.get("permissions"))}
            dialog["options"] = [_ALLOW, _SESSION, _DENY]
        case "item/tool/requestUserInput":
            dialog |= _question(params)
        case _:
            dialog |= {"asks": "question", "tool": str(params.get("serverName") or "")}
            dialog |= {"text": str(params.get("message") or ""), "options": [_ALLOW, _DENY]}
    dialog.setdefault("text", str(params.get("reason") or f"May it use {dialog['tool']}?"))
    return dialog


def dialog_id(request_id: Json) -> str:
    """Return the id of a request's dialog; JSON's 1 and "1" are two."""
    return json.dumps(request_id)


def _command(params: Mapping[str, Json]) -> dict[str, Json]:
    given: dict[str, Json] = {"command": params.get("command") or ""}
    if params.get("cwd"):
        given["directory"] = params["cwd"]
    options = [*_DECISIONS]
    if params.get("kind") == "humanCommand":
        options.remove(_SESSION)
    return {"tool": "Bash", "input": given, "options": [*options]}


def _question(params: Mapping[str, Json]) -> dict[str, Json]:
    asked = params.get("questions")
    questions = [_object(one) for one in asked] if isinstance(asked, list) else []
    texts = [str(one.get("question") or "") for one in questions]
    told: dict[str, Json] = {"asks": "question", "tool": "", "text": "\n".join(texts)}
    if len(questions) == 1:
        offered = questions[0].get("options")
        labels = [_object(one).get("label") for one in offered] if isinstance(offered, list) else []
        told["options"] = labels
    else:
        told["questions"] = [str(one.get("id") or "") for one in questions]
    return told


def result_of(request: Mapping[str, Json], choice: str) -> dict[str, Json]:
    """Return the result that answers a request of the server.

    Args:
        choice: As `AgentKind.answer` takes it. For a question also a text of one's own; where
            there are several questions, a JSON object of answers by the questions' ids.

    Raises:
        InvalidRequestError: It is no answer to this.
    """
    params = _object(request.get("params"))
    method = request.get("method")
    if method == INPUT:
        return {"answers": _answers(request, choice)}
    dialog = dialog_of(request)
    chosen = options_of(dialog)[option_index(dialog, choice)]
    if method == PERMISSIONS:
        granted = {} if chosen == _DENY else _object(params.get("permissions"))
        return {"permissions": granted, "scope": "session" if chosen == _SESSION else "turn"}
    if method == ELICITATION:
        accepted: dict[str, Json] = {"action": "accept", "content": {}}
        return accepted if chosen == _ALLOW else {"action": "decline"}
    return {"decision": _DECISIONS[chosen]}


def _answers(request: Mapping[str, Json], choice: str) -> dict[str, Json]:
    asked = _object(request.get("params")).get("questions")
    questions = [_object(one) for one in asked] if isinstance(asked, list) else []
    names = [str(one.get("id") or "") for one in questions]
    if len(names) == 1:
        dialog = dialog_of(request)
        try:
            choice = options_of(dialog)[option_index(dialog, choice)]
        except InvalidRequestError:
            if not questions[0].get("isOther", True):
                raise
        return {names[0]: {"answers": [choice]}}
    try:
        given = json.loads(choice)
    except ValueError:
        given = None
    if not isinstance(given, dict) or set(given) != set(names):
        raise InvalidRequestError(
            f"it asks {len(names)} questions at once",
            hint=f"Answer with a JSON object of texts for {', '.join(names)}.",
        )
    return {name: {"answers": [str(given[name])]} for name in names}


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _seen(fact: Fact, value: Mapping[str, Json], evidence: str) -> Sighting:
    return Sighting(fact, value, ObservationSource.PROTOCOL, evidence)
