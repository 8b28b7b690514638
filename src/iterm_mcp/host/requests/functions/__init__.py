"""InvokeFunction: the built-in functions that mean something without a screen.

To have another function: write it, add its row to its module's table, and the table below.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iterm_mcp.host import scopes, wire
from iterm_mcp.host.invocations import InvocationError, Path, parse
from iterm_mcp.host.requests.functions import names
from iterm_mcp.host.requests.functions.function import FailedError

if TYPE_CHECKING:
    from iterm_mcp.host.invocations import Invocation
    from iterm_mcp.host.requests.context import Context, Rows
    from iterm_mcp.host.requests.functions.function import Functions

Status = wire.InvokeFunctionResponse.Status


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
        result = await _call(context, call, target)
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


async def _call(context: Context, call: Invocation, target: scopes.Target) -> Any:  # noqa: ANN401
    function = _FUNCTIONS.get(call.signature)
    if function is None:
        raise FailedError(f"No function registered for invocation “{call.signature}”.")
    arguments = {key: _resolve(context, target, value) for key, value in call.arguments.items()}
    return await function(context, target, arguments)


def _resolve(context: Context, target: scopes.Target, value: Any) -> Any:  # noqa: ANN401
    if not isinstance(value, Path):
        return value
    found = scopes.value(context.world, target, value.name)
    if found is None and not value.optional:
        raise FailedError(f"Reference to undefined variable “{value.name}”")
    return found


_FUNCTIONS: Functions = {**names.FUNCTIONS}


def _error(
    status: wire.InvokeFunctionResponse.Status.ValueType, reason: str
) -> wire.InvokeFunctionResponse:
    response = wire.InvokeFunctionResponse()
    response.error.status = status
    response.error.error_reason = reason
    return response


ROWS: Rows = {"invoke_function_request": invoke_function}
