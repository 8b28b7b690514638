"""What a conversation over a protocol looks like to a person who reads along. Pure.

Standard library only: the bridge prints it into the agent's pane. It knows the messages of
stream-json and of the app-server by their form; what it does not know it leaves out.
"""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

LINE_CHARACTERS = 2000
GIVEN_CHARACTERS = 300

_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def cleaned(text: str) -> str:
    """Return a line without what would command a terminal, and not endless."""
    text = _UNFIT.sub("\ufffd", text)
    return text if len(text) <= LINE_CHARACTERS else f"{text[:LINE_CHARACTERS]} …"


def account_said(message: Mapping[str, Any]) -> list[str]:
    """Return what a message of the agent tells a person, in lines."""
    if "method" in message:
        return _app_server_said(str(message["method"]), _object(message.get("params")))
    kind = message.get("type")
    if kind == "control_request":
        request = _object(message.get("request"))
        if request.get("subtype") == "can_use_tool":
            return [f"? {request.get('tool_name')} {_given(request.get('input'))}"]
    if kind == "result" and message.get("is_error"):
        return [f"! {message.get('result') or message.get('subtype')}"]
    return list(said_in(message))


def account_told(message: Mapping[str, Any]) -> list[str]:
    """Return what a message to the agent tells a person, in lines."""
    if message.get("type") == "user":
        content = _object(message.get("message")).get("content")
        return _quoted(content if isinstance(content, str) else _given(content))
    method = str(message.get("method"))
    if method in {"turn/start", "turn/steer"}:
        parts = _list(_object(message.get("params")).get("input"))
        texts = [str(_object(one).get("text", "")) for one in parts]
        return _quoted("\n".join(texts))
    request = _object(message.get("request"))
    if request.get("subtype") == "interrupt" or method == "turn/interrupt":
        return ["[interrupted]"]
    answer: object = None
    if message.get("type") == "control_response":
        answer = _object(_object(message.get("response")).get("response")).get("behavior")
    elif "id" in message and "result" in message and "method" not in message:
        answer = message["result"]
    if answer is None:
        return []
    return [f"[answered: {answer if isinstance(answer, str) else _given(answer)}]"]


def said_in(message: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a message of stream-json shows to a person, in lines."""
    if message.get("type") != "assistant" or message.get("parent_tool_use_id"):
        return ()
    lines: list[str] = []
    for one in _list(_object(message.get("message")).get("content")):
        block = _object(one)
        if block.get("type") == "text":
            lines += str(block.get("text") or "").splitlines()
        elif block.get("type") == "tool_use":
            lines.append(
                f"{block.get('name')} {json.dumps(block.get('input'), ensure_ascii=False)}"
            )
    return tuple(lines)


def lines_of(item: object) -> list[str]:
    """Return what an item of the app-server says to a person."""
    known = _object(item)
    match known.get("type"):
        case None | "userMessage":
            return []
        case "agentMessage":
            text = str(known.get("text") or "")
        case "commandExecution":
            text = f"$ {known.get('command')}\n{known.get('aggregatedOutput') or ''}"
        case kind:
            text = f"({kind})"
    return text.strip("\n").split("\n")


def _app_server_said(method: str, params: Mapping[str, Any]) -> list[str]:
    if method == "item/completed":
        return lines_of(params.get("item"))
    if method == "error":
        return [f"! {_object(params.get('error')).get('message')}"]
    if method.endswith(("/requestApproval", "/requestUserInput", "/request")):
        what = params.get("command") or params.get("questions") or params.get("message")
        return [f"? {what if isinstance(what, str) else _given(what or params.get('reason'))}"]
    if method == "turn/completed":
        status = _object(params.get("turn")).get("status")
        return [] if status == "completed" else [f"[the turn was {status}]"]
    return []


def _quoted(text: str) -> list[str]:
    return ["", *(f"> {line}" for line in text.splitlines()), ""]


def _given(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= GIVEN_CHARACTERS else f"{text[:GIVEN_CHARACTERS]} …"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
