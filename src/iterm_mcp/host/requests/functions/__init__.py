"""InvokeFunction: the app's own functions, and those that clients offer.

To have another function: write it, add its row to its module's table, and the table below.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from iterm_mcp.host import scopes, wire
from iterm_mcp.host.calls import CallFailedError
from iterm_mcp.host.invocations import InvocationError, Path, parse
from iterm_mcp.host.registrations import bounded
from iterm_mcp.host.requests.context import Later
from iterm_mcp.host.requests.functions import (
    absent,
    coprocesses,
    figures,
    keys,
    layouts,
    names,
    panes,
    pictures,
    recordings,
    upgrades,
)
from iterm_mcp.host.requests.functions.function import FailedError

if TYPE_CHECKING:
    from iterm_mcp.host.calls import Call, Calls
    from iterm_mcp.host.invocations import Invocation
    from iterm_mcp.host.registrations import Registration
    from iterm_mcp.host.requests.context import Context, Rows
    from iterm_mcp.host.requests.functions.function import Functions

Status = wire.InvokeFunctionResponse.Status

DEFAULT_TIMEOUT_SECONDS = 30.0


async def invoke_function(
    context: Context, request: wire.InvokeFunctionRequest
) -> wire.InvokeFunctionResponse | Later:
    """Call a built-in function, or one that a client offers."""
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
        return await _call(context, call, target, request.timeout)
    except (FailedError, InvocationError, CallFailedError) as error:
        return _error(Status.FAILED, str(error))


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


async def _call(
    context: Context, call: Invocation, target: scopes.Target, timeout_seconds: float
) -> wire.InvokeFunctionResponse | Later:
    arguments = {key: _resolve(context, target, value) for key, value in call.arguments.items()}
    function = _FUNCTIONS.get(call.signature)
    if function is not None:
        return _success(await function(context, target, arguments))
    if call.name in absent.REASONS:
        raise FailedError(absent.REASONS[call.name])
    for owner, registration in context.calls.registrations.matching(
        call.name, frozenset(arguments)
    ):
        whole = _with_defaults(context, target, registration, arguments)
        if whole is None:
            continue
        if timeout_seconds == 0:  # the app then waits for nobody
            return _success(None)
        asked = context.calls.ask(context.client, owner, registration, whole)
        seconds = min(
            bounded(timeout_seconds, DEFAULT_TIMEOUT_SECONDS), registration.timeout_seconds
        )
        return Later(partial(_result, context.calls, asked, seconds))
    raise FailedError(f"No function registered for invocation “{call.signature}”.")


def _with_defaults(
    context: Context,
    target: scopes.Target,
    registration: Registration,
    arguments: dict[str, Any],
) -> dict[str, Any] | None:
    """Return all arguments of a function; None when one's default is not defined here."""
    whole = dict(arguments)
    for name in registration.arguments:
        if name not in whole:
            path = registration.defaults[name]
            whole[name] = scopes.value(context.world, target, path.name)
            if whole[name] is None and not path.optional:
                return None
    return whole


async def _result(calls: Calls, call: Call, seconds: float) -> wire.InvokeFunctionResponse:
    try:
        return _success(await calls.wait(call, seconds))
    except TimeoutError:
        return _error(Status.TIMEOUT, "Timeout")
    except CallFailedError as error:
        return _error(Status.FAILED, str(error))


def _resolve(context: Context, target: scopes.Target, value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_resolve(context, target, one) for one in value]
    if not isinstance(value, Path):
        return value
    found = scopes.value(context.world, target, value.name)
    if found is None and not value.optional:
        raise FailedError(f"Reference to undefined variable “{value.name}”")
    return found


_FUNCTIONS: Functions = {
    **absent.FUNCTIONS,
    **coprocesses.FUNCTIONS,
    **figures.FUNCTIONS,
    **keys.FUNCTIONS,
    **layouts.FUNCTIONS,
    **names.FUNCTIONS,
    **panes.FUNCTIONS,
    **pictures.FUNCTIONS,
    **recordings.FUNCTIONS,
    **upgrades.FUNCTIONS,
}


def _success(result: Any) -> wire.InvokeFunctionResponse:  # noqa: ANN401 - any JSON
    response = wire.InvokeFunctionResponse()
    response.success.json_result = json.dumps(result)
    return response


def _error(
    status: wire.InvokeFunctionResponse.Status.ValueType, reason: str
) -> wire.InvokeFunctionResponse:
    response = wire.InvokeFunctionResponse()
    response.error.status = status
    response.error.error_reason = reason
    return response


ROWS: Rows = {"invoke_function_request": invoke_function}
