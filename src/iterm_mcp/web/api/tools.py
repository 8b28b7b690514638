"""Every tool, as it is: its schema is the request's, and all that holds for calls holds here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.tool_calls import ToolAnswer, ToolCaller
from iterm_mcp.web.api.bodies import read_json
from iterm_mcp.web.api.routing import bare_router, reply, reply_json
from iterm_mcp.web.security import grant_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.models.tool_calls import ToolDoor, ToolFacts

ANSWER = {
    "description": "What the tool answers: its JSON; or its text, and pictures in base 64.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


def tool_router(door: ToolDoor) -> APIRouter:
    """Return the routes of the tools."""
    router = bare_router(["tools"])
    facts = door.facts()

    async def list_tools() -> Response:
        """List the tools with their schemas and tiers."""
        return reply({
            "tools": [
                {
                    "name": one.name,
                    "title": one.title,
                    "tier": one.tier,
                    "description": one.description,
                    "input_schema": one.parameters,
                }
                for one in facts
            ]
        })  # fmt: skip

    router.add_api_route("/tools", list_tools, methods=["GET"], responses={200: ANSWER})
    for one in facts:
        _add(router, door, one)
    return router


def _add(router: APIRouter, door: ToolDoor, tool: ToolFacts) -> None:
    async def call(request: Request) -> Response:
        given = await read_json(request)
        check_types(given, tool.parameters.get("properties", {}))
        return await answer_tool(door, tool.name, given, request)

    router.add_api_route(
        f"/tools/{tool.name}",
        call,
        methods=["POST"],
        name=f"tool_{tool.name}",
        summary=f"{tool.title} ({tool.tier})",
        description=tool.description,
        responses={200: ANSWER},
        openapi_extra={"requestBody": body_of(schema_of(tool))},
    )


async def answer_tool(
    door: ToolDoor, name: str, arguments: Mapping[str, Any], request: Request
) -> Response:
    """Call a tool for whoever made a request."""
    grant = grant_of(request.scope)
    told = await door.call(name, arguments, ToolCaller(f"http:{grant.name}", grant.access))
    return reply_json(told.encoded) if told.encoded else reply(_body(told))


JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def check_types(given: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
    """Let arguments pass that are of the types that the document says.

    Tools themselves also take null for what is left out, and 1 for true: models say it so.

    Raises:
        InvalidRequestError: One is not.
    """
    for name, value in given.items():
        schema = properties.get(name, {})
        kind = schema.get("type")
        wrong = kind in JSON_TYPES and (
            not isinstance(value, JSON_TYPES[kind])
            or (isinstance(value, bool) and kind != "boolean")
        )
        if wrong or (value is None and "$ref" in schema):
            raise InvalidRequestError(
                f"{name[:100]} is no {kind or 'value'}", hint="Or leave it out.",
                code="bad_arguments",
            )  # fmt: skip


def body_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the document says of a body with this schema."""
    return {
        "required": bool(schema.get("required")),
        "content": {"application/json": {"schema": schema}},
    }


def schema_of(tool: ToolFacts) -> dict[str, Any]:
    """Return a tool's schema with its parts where the document has them; see `parts_of`."""
    schema = {key: value for key, value in tool.parameters.items() if key != "$defs"}
    return dict(_moved(schema, tool.name))


def parts_of(tools: Iterable[ToolFacts]) -> dict[str, Any]:
    """Return the named parts of tools' schemas, for the document's components."""
    return {
        f"{tool.name}.{name}": _moved(part, tool.name)
        for tool in tools
        for name, part in tool.parameters.get("$defs", {}).items()
    }


def _moved(schema: Any, tool: str) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(schema, list):
        return [_moved(one, tool) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.replace("#/$defs/", f"#/components/schemas/{tool}.")
        if key == "$ref"
        else _moved(value, tool)
        for key, value in schema.items()
    }


def _body(told: ToolAnswer) -> dict[str, Any]:
    if told.data is not None:
        return dict(told.data)
    body: dict[str, Any] = {"text": told.text}
    if told.pictures:
        body["pictures"] = [{"mime_type": one.mime_type, "data": one.data} for one in told.pictures]
    return body
