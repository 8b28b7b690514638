"""InvokeFunction: the built-in functions that mean something without a screen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iterm_mcp.host import profiles, scopes, wire
from iterm_mcp.host.invocations import InvocationError, Path, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.host.invocations import Invocation
    from iterm_mcp.host.requests.context import Context, Rows

Status = wire.InvokeFunctionResponse.Status


class FailedError(Exception):
    """The function cannot do it; the text is the reason that the caller sees."""


async def invoke_function(
    context: Context, request: wire.InvokeFunctionRequest
) -> wire.InvokeFunctionResponse:
    """Call a built-in function."""
    kind = request.WhichOneof("context")
    if kind is None:
        return _error(Status.REQUEST_MALFORMED, "Invalid context")
    if kind == "method" and not request.method.receiver:
        return _error(Status.REQUEST_MALFORMED, "No receiver")
    target = _target(context, request, kind)
    if target is None and kind != "method":
        return _error(Status.INVALID_ID, "No such tab/window/session")
    try:
        if target is None:
            receiver = request.method.receiver
            raise FailedError(f"Object with identifier “{receiver}” not found")  # noqa: TRY301
        call = parse(request.invocation)
        result = _call(context, call, target)
    except (FailedError, InvocationError) as error:
        return _error(Status.FAILED, str(error))
    response = wire.InvokeFunctionResponse()
    response.success.json_result = json.dumps(result)
    return response


def _target(
    context: Context, request: wire.InvokeFunctionRequest, kind: str
) -> scopes.Target | None:
    world = context.world
    if kind == "app":
        return scopes.Target(scopes.APP, "")
    tried = {
        "session": [(scopes.SESSION, request.session.session_id)],
        "tab": [(scopes.TAB, request.tab.tab_id)],
        "window": [(scopes.WINDOW, request.window.window_id)],
        "method": [
            (scope, request.method.receiver)
            for scope in (scopes.SESSION, scopes.TAB, scopes.WINDOW)
        ],
    }[kind]
    for scope, identifier in tried:
        if identifier != "all" and (found := scopes.targets(world, scope, identifier)):
            return found[0]
    return None


def _call(context: Context, call: Invocation, target: scopes.Target) -> Any:  # noqa: ANN401
    function = _FUNCTIONS.get(call.signature)
    if function is None:
        raise FailedError(f"No function registered for invocation “{call.signature}”.")
    arguments = {key: _resolve(context, target, value) for key, value in call.arguments.items()}
    return function(context, target, arguments)


def _resolve(context: Context, target: scopes.Target, value: Any) -> Any:  # noqa: ANN401
    if not isinstance(value, Path):
        return value
    found = scopes.value(context.world, target, value.name)
    if found is None and not value.optional:
        raise FailedError(f"Reference to undefined variable “{value.name}”")
    return found


def _set_name(context: Context, target: scopes.Target, arguments: dict[str, Any]) -> None:
    session = context.world.sessions.get(target.identifier)
    if target.scope != scopes.SESSION or session is None:
        raise FailedError("set_name needs a session")
    name = _text(arguments, "name")
    session.set_name(name)
    session.profile = profiles.own_copy(session.profile, {"Name": name})
    context.world.variables_touched()


def _set_title(context: Context, target: scopes.Target, arguments: dict[str, Any]) -> None:
    if target.scope not in {scopes.TAB, scopes.WINDOW}:
        raise FailedError("set_title needs a tab or a window")
    key = scopes.user_key(target)
    title = _text(arguments, "title")
    if title:
        context.world.titles[key] = title
    else:
        context.world.titles.pop(key, None)
    context.world.variables_touched()


def _text(arguments: dict[str, Any], name: str) -> str:
    text = arguments[name]
    if not isinstance(text, str):
        raise FailedError(f"{name} must be a string")
    return text


_FUNCTIONS: dict[str, Callable[[Context, scopes.Target, dict[str, Any]], Any]] = {
    "iterm2.set_name(name)": _set_name,
    "iterm2.set_title(title)": _set_title,
}


def _error(
    status: wire.InvokeFunctionResponse.Status.ValueType, reason: str
) -> wire.InvokeFunctionResponse:
    response = wire.InvokeFunctionResponse()
    response.error.status = status
    response.error.error_reason = reason
    return response


ROWS: Rows = {"invoke_function_request": invoke_function}
