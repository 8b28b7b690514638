"""Sessions, agents, messages and the like as resources: each request is a call of a tool."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.web.api.bodies import read_json
from iterm_mcp.web.api.routing import bare_router
from iterm_mcp.web.api.tools import ANSWER, answer_tool, body_of, check_types, schema_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.tool_calls import ToolDoor, ToolFacts

FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Resource:
    """What a method on a path calls.

    Attributes:
        path: What stands in braces is an argument.
        fixed: Arguments that the path says.
        left_out: Arguments that mean nothing here.
    """

    method: str
    path: str
    tool: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


SESSION = "/sessions/{session_id}"
AGENT = "/agents/{name}"

RESOURCES = (
    Resource("GET", "/sessions", "list_sessions"),
    Resource("POST", "/sessions", "open_session"),
    Resource("GET", SESSION, "describe_session"),
    Resource("PATCH", SESSION, "change_session"),
    Resource("DELETE", SESSION, "close_session"),
    Resource("POST", f"{SESSION}/restart", "restart_session"),
    Resource("POST", f"{SESSION}/split", "split_session"),
    Resource("GET", f"{SESSION}/screen", "read_screen"),
    Resource("GET", f"{SESSION}/output", "read_output", left_out=("session_ids",)),
    Resource("GET", f"{SESSION}/picture", "take_screenshot"),
    Resource("POST", f"{SESSION}/text", "send_text"),
    Resource("POST", f"{SESSION}/keys", "send_keys"),
    Resource("POST", f"{SESSION}/commands", "run_command", left_out=("session_ids",)),
    Resource("POST", f"{SESSION}/interrupt", "interrupt_session"),
    Resource("POST", f"{SESSION}/wait", "wait_for"),
    Resource("POST", f"{SESSION}/lock", "lock_session"),
    Resource("POST", f"{SESSION}/unlock", "unlock_session"),
    Resource("GET", "/commands/{command_id}", "command_status"),
    Resource("GET", "/output", "search_output"),
    Resource("GET", "/agents", "list_agents"),
    Resource("POST", "/agents", "start_agent"),
    Resource("POST", "/agents/register", "register_agent"),
    Resource("POST", "/agents/wait", "wait_agents"),
    Resource("GET", f"{AGENT}/explain", "explain_agent"),
    Resource("GET", f"{AGENT}/forensics", "manage_agent", {"action": "forensics"}),
    Resource("POST", f"{AGENT}/restart", "manage_agent", {"action": "restart"}),
    Resource("POST", f"{AGENT}/interrupt", "manage_agent", {"action": "interrupt"}),
    Resource("POST", f"{AGENT}/suspend", "manage_agent", {"action": "suspend"}),
    Resource("POST", f"{AGENT}/resume", "manage_agent", {"action": "resume"}),
    Resource("DELETE", AGENT, "stop_agent"),
    Resource("POST", "/teams", "create_team"),
    Resource("PATCH", "/teams/{name}", "move_team"),
    Resource("POST", "/messages", "cascade_message"),
    Resource(
        "GET", "/messages/waiting", "manage_messages", {"action": "waiting"},
        ("delivery_ids", "confirm_unknown"),
    ),
    Resource(
        "GET", "/messages/dead", "manage_messages", {"action": "list"},
        ("delivery_ids", "confirm_unknown"),
    ),
    Resource(
        "GET", "/messages", "manage_messages", {"action": "show"}, ("agent", "confirm_unknown")
    ),
    Resource("POST", "/messages/retry", "manage_messages", {"action": "retry"}, ("agent",)),
    Resource(
        "POST", "/messages/cancel", "manage_messages", {"action": "cancel"},
        ("agent", "confirm_unknown"),
    ),
    Resource("GET", "/receipts", "wait_receipts"),
    Resource(
        "GET", "/notes", "manage_notes", {"action": "list"},
        ("key", "query", "value", "expected_version"),
    ),
    Resource(
        "GET", "/notes/search", "manage_notes", {"action": "search"},
        ("key", "value", "expected_version"),
    ),
    Resource(
        "GET", "/notes/{key}", "manage_notes", {"action": "get"},
        ("query", "value", "expected_version"),
    ),
    Resource("PUT", "/notes/{key}", "manage_notes", {"action": "set"}, ("query",)),
    Resource("DELETE", "/notes/{key}", "manage_notes", {"action": "remove"}, ("query", "value")),
    Resource("GET", "/results", "read_results"),
    Resource("POST", "/results", "share_result"),
    Resource("GET", "/layouts", "export_layout", {}, ("save_as", "replace", "forget")),
    Resource("POST", "/layouts", "apply_layout"),
    Resource("POST", "/playbooks/validate", "run_playbook", {"action": "validate"},
             ("run_id", "decision", "wait_seconds")),
    Resource("POST", "/playbooks/plan", "run_playbook", {"action": "dry_run"},
             ("run_id", "decision", "wait_seconds")),
    Resource("POST", "/playbooks/runs", "run_playbook", {"action": "run"}, ("run_id", "decision")),
    Resource("GET", "/playbooks/runs/{run_id}", "run_playbook", {"action": "status"},
             ("document", "variables", "decision")),
    Resource("POST", "/playbooks/runs/{run_id}/resume", "run_playbook", {"action": "resume"},
             ("document",)),
    Resource("POST", "/playbooks/runs/{run_id}/cancel", "run_playbook", {"action": "cancel"},
             ("document", "variables", "decision")),
)  # fmt: skip


def resource_router(door: ToolDoor) -> APIRouter:
    """Return the routes of the resources; those of tools that there are not are left out."""
    router = bare_router()
    tools = {one.name: one for one in door.facts()}
    for one in RESOURCES:
        if one.tool in tools:
            _add(router, door, one, tools[one.tool])
    return router


def _add(router: APIRouter, door: ToolDoor, resource: Resource, tool: ToolFacts) -> None:
    in_path = [part[1:-1] for part in resource.path.split("/") if part.startswith("{")]
    whole = schema_of(tool)
    properties = {
        name: schema
        for name, schema in whole.get("properties", {}).items()
        if name not in {*in_path, *resource.fixed, *resource.left_out}
    }
    required = [name for name in tool.parameters.get("required", ()) if name in properties]
    has_body = resource.method not in {"GET", "DELETE"}

    async def call(request: Request) -> Response:
        given = await read_json(request) if has_body else _from_query(request, properties)
        _check(given, properties)
        check_types(given, properties)
        return await answer_tool(
            door, resource.tool, {**given, **request.path_params, **resource.fixed}, request
        )

    extra: dict[str, Any] = {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in in_path
        ]
    }
    if has_body:
        extra["requestBody"] = body_of({
            **whole, "properties": properties, "required": required
        })  # fmt: skip
    else:
        extra["parameters"] += [
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "description": schema.get("description", ""),
                "schema": {key: part for key, part in schema.items() if key != "description"},
            }
            for name, schema in properties.items()
        ]
    router.add_api_route(
        resource.path,
        call,
        methods=[resource.method],
        name=_name(resource),
        tags=[resource.path.split("/")[1]],
        summary=f"{tool.title} ({tool.tier})",
        description=tool.description,
        responses={200: ANSWER},
        openapi_extra=extra,
    )


def _name(resource: Resource) -> str:
    parts = [part.strip("{}") for part in resource.path.split("/") if part]
    return "_".join([resource.method.lower(), *parts])


def _check(given: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
    unknown = [name for name in given if name not in properties]
    if unknown:
        raise InvalidRequestError(
            f"there is no such argument: {', '.join(unknown)[:200]}",
            hint=f"There are: {', '.join(properties) or 'none'}.",
            code="bad_arguments",
        )


def _from_query(request: Request, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a request's URL as arguments: lists are repeated."""
    given: dict[str, Any] = {}
    for name in request.query_params:
        values = request.query_params.getlist(name)
        schema = properties.get(name, {})
        if schema.get("type") == "array":
            given[name] = values
        elif len(values) > 1:
            raise InvalidRequestError(
                f"{name[:100]} is given more than once", hint="Give it once.", code="bad_arguments"
            )
        else:
            given[name] = _plain(name, values[0], schema)
    return given


def _plain(name: str, text: str, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """Return what a text stands for.

    Raises:
        InvalidRequestError: It cannot stand for what is wanted.
    """
    kind = schema.get("type")
    try:
        if kind == "boolean":
            return FLAGS[text]
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text)
    except (ValueError, KeyError, TypeError):
        raise InvalidRequestError(
            f"{name} is no {kind}", hint=f"Give a {kind}.", code="bad_arguments"
        ) from None
    return text
