"""Variable."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iterm_mcp.host import scopes, wire
from iterm_mcp.host.json_values import read_json

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows

Status = wire.VariableResponse.Status

_NOT_FOUND = {
    "session_id": Status.SESSION_NOT_FOUND,
    "tab_id": Status.TAB_NOT_FOUND,
    "window_id": Status.WINDOW_NOT_FOUND,
}
_SCOPES = {"session_id": scopes.SESSION, "tab_id": scopes.TAB, "window_id": scopes.WINDOW}


async def variable(context: Context, request: wire.VariableRequest) -> wire.VariableResponse:
    """Set variables, then get variables; an unknown one is null."""
    kind = request.WhichOneof("scope")
    if kind is None:
        return wire.VariableResponse(status=Status.MISSING_SCOPE)
    try:
        changes = [(_user_name(one.name), read_json(one.value)) for one in request.set]
    except ValueError:
        return wire.VariableResponse(status=Status.INVALID_NAME)
    world = context.world
    if kind == "app":
        targets = [scopes.Target(scopes.APP, "")]
    else:
        identifier = getattr(request, kind)
        targets = scopes.targets(world, _SCOPES[kind], identifier)
        if identifier == "all" and request.get:
            return wire.VariableResponse(status=Status.MULTI_GET_DISALLOWED)
        if not targets and identifier != "all":
            return wire.VariableResponse(status=_NOT_FOUND[kind])
    for name, new in changes:
        for target in targets:
            scopes.set_user(world, target, name, new)
    if changes:
        world.variables_touched()
    response = wire.VariableResponse(status=Status.OK)
    response.values.extend(_get(context, targets[0], name) for name in request.get)
    return response


def _user_name(name: str) -> str:
    prefix, _, rest = name.partition(".")
    if prefix != "user" or not rest or "." in rest:
        raise ValueError(name)
    return rest


def _get(context: Context, target: scopes.Target, name: str) -> str:
    if name == "*":
        return json.dumps(
            {key: _text(one) for key, one in scopes.all_names(context.world, target).items()}
        )
    return json.dumps(scopes.value(context.world, target, name))


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


ROWS: Rows = {"variable_request": variable}
