"""One MCP tool: strict arguments, measured, with errors that say what to do."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import structlog
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import ConfigDict, Field, PrivateAttr, ValidationError

from iterm_mcp.errors import InvalidRequestError, ItermMcpError, shown
from iterm_mcp.tools import confirming
from iterm_mcp.tools.calls import Call, Calls
from iterm_mcp.tools.tiers import DESTRUCTIVE, tier_of

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context
    from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase

log = structlog.get_logger()

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
"""Changes nothing. Clients run these in parallel, and the others one by one."""

ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
"""Makes something new and harms nothing that stands."""

TYPES = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)
"""Types into a session: whatever runs there may do anything."""

ENDS = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
"""Ends something that cannot be had back."""


About = Callable[[dict[str, Any]], Awaitable[str]]

ASKED = "asked"
"""The outcome of a call whose answer is a question to the user."""

COMPLAINTS = 5
"""How many bad arguments an error names; a list of a thousand is bad in a thousand places."""


@dataclass(frozen=True, slots=True)
class ToolRow:
    """A tool as its module declares it: the function's signature is the request model.

    Attributes:
        call: An async function that returns text, a value that is sent as JSON, or a whole
            result. Its name is the tool's name and its docstring is the model's manual.
        annotations: Also say the tool's tier; what is destructive takes a ``confirm``.
        search_hint: Words by which a client that loads schemas late finds the tool.
        always_load: Ask such a client to have the schema at hand from the start.
        tier: Another tier than the annotations say.
        ends: Values of ``action`` with which a call is destructive, whatever the tool is otherwise.
        about: Tells a person who is asked what a call's arguments mean, given these.
    """

    call: Callable[..., Awaitable[object]]
    title: str
    annotations: ToolAnnotations
    search_hint: str = ""
    always_load: bool = False
    tier: str = ""
    ends: frozenset[str] = frozenset()
    about: About | None = None
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a function's signature and docstring say of the tool, whoever the function belongs to.

    Attributes:
        values: The tool's own, but for those that its row says.
        own_confirm: The function has such an argument itself.
    """

    values: dict[str, Any]
    own_confirm: bool


_shapes: dict[tuple[object, bool], _Shape] = {}
"""By function: making the models of all tools takes a third of a second."""


def _shape_of(call: Callable[..., Awaitable[object]], *, confirmed: bool) -> _Shape:
    """Return the shape of a tool.

    Args:
        confirmed: It takes a ``confirm``, whether the function does or not.
    """
    key = getattr(call, "__func__", call), confirmed
    if key not in _shapes:
        _shapes[key] = _make_shape(call, confirmed=confirmed)
    return _shapes[key]


def _make_shape(call: Callable[..., Awaitable[object]], *, confirmed: bool) -> _Shape:
    plain = Tool.from_function(call, description=_manual(call), structured_output=False)
    loose = plain.fn_metadata.arg_model
    own_confirm = confirming.ARGUMENT in loose.model_fields
    body: dict[str, Any] = {"model_config": ConfigDict(extra="forbid")}
    if confirmed and not own_confirm:
        body["__annotations__"] = {confirming.ARGUMENT: bool}
        body[confirming.ARGUMENT] = Field(default=False, description=confirming.DESCRIPTION)
    strict = cast("type[ArgModelBase]", type(loose.__name__, (loose,), body))
    plain.fn_metadata.arg_model = strict
    of_row = {"fn", "title", "annotations", "meta"}
    values = {name: getattr(plain, name) for name in Tool.model_fields if name not in of_row}
    values["parameters"] = _terse(strict.model_json_schema(by_alias=True))
    return _Shape(values, own_confirm)


@dataclass(frozen=True, slots=True)
class _Own:
    """What a tool has beside what the SDK knows of it, in one: pydantic is slow to hand it out."""

    calls: Calls
    tier: str
    ends: frozenset[str]
    about: About | None
    own_confirm: bool

    def tier_with(self, arguments: dict[str, Any]) -> str:
        """Return the tier of a call. Arguments are as they came, perhaps with quotes around."""
        action = str(arguments.get("action", ""))
        return DESTRUCTIVE if any(one in action for one in self.ends) else self.tier


class StrictTool(Tool):
    """A tool that refuses unknown arguments and tells expected errors from bugs."""

    _own: _Own = PrivateAttr()

    @classmethod
    def from_row(cls, row: ToolRow, calls: Calls) -> StrictTool:
        """Make the tool that a row declares."""
        meta: dict[str, Any] = {}
        if row.search_hint:
            meta["anthropic/searchHint"] = row.search_hint
        if row.always_load:
            meta["anthropic/alwaysLoad"] = True
        tier = row.tier or tier_of(row.annotations)
        shape = _shape_of(row.call, confirmed=tier == DESTRUCTIVE)
        calls.meter.declare(shape.values["name"])
        tool = cls(
            **shape.values,
            fn=row.call,
            title=row.title,
            annotations=row.annotations,
            meta=meta or None,
        )
        tool._own = _Own(calls, tier, row.ends, row.about, own_confirm=shape.own_confirm)
        return tool

    @property
    def tier(self) -> str:
        """Return how much harm most calls can do; see `iterm_mcp.tools.tiers`."""
        return self._own.tier

    async def run(
        self,
        arguments: dict[str, Any],
        context: Context[Any, Any],
        convert_result: bool = False,
    ) -> CallToolResult | InputRequiredResult:
        """Run the tool; every failure becomes a result that the model can read.

        Raises:
            MCPError: The protocol has an error of its own for it.
        """
        del convert_result
        try:
            return await self.perform(arguments, context)
        except ItermMcpError as error:
            return failure(error)
        except MCPError:  # the protocol's own, such as a capability that the client lacks
            raise
        except Exception:  # the tool boundary
            incident = uuid4().hex[:12]
            log.exception("tool_crashed", tool=self.name, incident=incident)
            return _failure({
                "error": f"internal error {incident}",
                "code": "internal",
                "hint": "This is a bug in iterm-mcp; the daemon's log has it under that id.",
            })  # fmt: skip

    async def perform(
        self, arguments: dict[str, Any], context: Context[Any, Any]
    ) -> CallToolResult | InputRequiredResult:
        """Run the tool, let in, measured and written down as every call.

        Raises:
            ItermMcpError: It was refused, or could not do what was asked.
            MCPError: The protocol has an error of its own for it.
        """
        with self.served(arguments, context) as call:
            result = success(await self.value(call, context))
            return (
                result
                if isinstance(result, InputRequiredResult)
                else (call.client.limits.fit(result))
            )

    @contextmanager
    def served(self, arguments: dict[str, Any], context: Context[Any, Any]) -> Iterator[Call]:
        """Let a call be measured and written down as it ends; the block makes it."""
        own, name = self._own, self.name
        with (
            own.calls.serve(
                name, own.tier_with(arguments), arguments, context, self.title or ""
            ) as call,
            own.calls.measure(name),
        ):
            yield call
            call.outcome = call.outcome if call.outcome == ASKED else "ok"

    async def value(self, call: Call, context: Context[Any, Any]) -> object:
        """Make a call that is served, and return what the function does, or a question to the user.

        Raises:
            ItermMcpError: It was refused, or could not do what was asked.
        """
        own = self._own
        own.calls.let_in(call)
        await own.calls.permit(call)
        values = self._values(call.arguments)
        if own.tier == DESTRUCTIVE:
            question = await self._agreed(call, context, values)
            if question is not None:
                call.outcome = ASKED
                return question
        if self.context_kwarg is not None:
            values[self.context_kwarg] = context
        return await self.fn(**values)

    def _values(self, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            if any(map(_may_be_json, arguments.values())):
                return self.fn_metadata.validate_arguments(arguments)
            return self.fn_metadata.arg_model.model_validate(arguments).model_dump_one_level()
        except ValidationError as error:
            raise _bad_arguments(self.name, self.parameters, error) from None

    async def _agreed(
        self, call: Call, context: Context[Any, Any], values: dict[str, Any]
    ) -> InputRequiredResult | None:
        """Have the call agreed to; a function with a ``confirm`` of its own hears that it was."""
        given = values[confirming.ARGUMENT]
        own = self._own
        about = None if own.about is None else partial(own.about, values)
        question = await confirming.confirm(call, context, given=given, about=about)
        if not own.own_confirm:
            del values[confirming.ARGUMENT]
        elif call.confirmed != "policy":
            values[confirming.ARGUMENT] = True
        return question


def _may_be_json(value: object) -> bool:
    """Tell whether an argument may be JSON in a text, which some clients send for what it means.

    All other texts stand for themselves, and need not be tried.
    """
    if not isinstance(value, str):
        return False
    text = value.strip()
    return text[:1] in {"[", "{"} or text == "null"


def failure(error: ItermMcpError) -> CallToolResult:
    """Return an expected error as a result that the model can read."""
    return _failure({"error": str(error), "code": error.code, "hint": error.hint})


def success(value: object) -> CallToolResult | InputRequiredResult:
    """Send text as text, and data as JSON both ways: some clients read only one of them."""
    if isinstance(value, CallToolResult | InputRequiredResult):
        return value
    if isinstance(value, str):
        return CallToolResult(content=[TextContent(type="text", text=value)])
    data = cast("dict[str, Any]", value)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=data)


def _failure(body: dict[str, str]) -> CallToolResult:
    text = body["error"]
    if body["hint"]:
        text += f"\n{body['hint']}"
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content={key: value for key, value in body.items() if value},
        is_error=True,
    )


def _bad_arguments(
    tool: str, parameters: dict[str, Any], error: ValidationError
) -> InvalidRequestError:
    """Say per argument what is wrong, without repeating the values."""
    complaints: list[str] = []
    for one in error.errors(include_url=False, include_input=False):
        where = shown(".".join(str(part) for part in one["loc"])) or "arguments"
        unknown = one["type"] == "extra_forbidden"
        complaints.append(f"{where}: {'there is no such argument' if unknown else one['msg']}")
    if len(complaints) > COMPLAINTS:
        complaints[COMPLAINTS:] = [f"and {len(complaints) - COMPLAINTS} more"]
    known = ", ".join(parameters.get("properties", {})) or "none"
    return InvalidRequestError(
        f"{tool} was called with bad arguments: {'; '.join(complaints)}",
        hint=f"Its arguments are: {known}.",
        code="bad_arguments",
    )


def _manual(call: Callable[..., object]) -> str:
    """Return the docstring as one paragraph per paragraph, without the source's line breaks."""
    paragraphs = (call.__doc__ or "").strip().split("\n\n")
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _terse(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """Drop what says nothing to a model: a third of a schema's tokens.

    That is the titles that pydantic derives from names, that what may be left out may also be
    null, which is still understood, and that it is empty, false or 0 then.
    """
    if isinstance(schema, list):
        return [_terse(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _terse(one) for name, one in value.items()}
        if key in {"properties", "$defs"}
        else _terse(value)
        for key, value in _without_null(schema).items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and not value)
    }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an argument that is null when it is left out, without that."""
    choices = schema.get("anyOf", [])
    if schema.get("default", ...) is not None or {"type": "null"} not in choices:
        return schema
    kept = [one for one in choices if one != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
    return {**kept[0], **rest} if len(kept) == 1 else {"anyOf": kept, **rest}
