"""What all routers of the interface have in common."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import to_json
from starlette.responses import Response

from iterm_mcp.access import TIERS
from iterm_mcp.errors import RefusedError
from iterm_mcp.web.security import grant_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastapi.params import Depends as DependsOn

READ, MUTATE, DESTRUCTIVE = TIERS
READING = {"GET", "HEAD"}


def _as_text(value: object) -> object:
    """Leave numbers no way to be taken for times."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and value[4:5] == "-"):
        raise ValueError("give a time as ISO 8601, such as 2026-01-31T12:00:00Z")
    return value


Time = Annotated[AwareDatetime, BeforeValidator(_as_text)]
"""A moment, as text with a zone."""


Flag = Annotated[bool, Field(strict=True)]
"""Yes or no in a body, as its schema says: 0 is neither. In a URL all is text."""


class Given(BaseModel):
    """What a request gives; what is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class ProblemBody(BaseModel):
    """What is wrong, and what can be done."""

    code: str
    message: str
    hint: str | None = None


class Problem(BaseModel):
    """Why something was not done."""

    error: ProblemBody


PROBLEM = "#/components/schemas/{model}"
ERRORS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Not done.",
        "content": {
            "application/json": {"schema": {"$ref": PROBLEM.format(model=Problem.__name__)}}
        },
    }
}
"""What each route's document says; a model would be read anew for each of two hundred."""


def needs(scope: str) -> Callable[[Request], None]:
    """Return a dependency that lets those pass that may do what needs a scope."""

    async def check(request: Request) -> None:
        check_scope(request, scope)

    return check  # type: ignore[return-value]


def check_scope(request: Request, scope: str) -> None:
    """Let those pass that may do what needs a scope.

    Raises:
        RefusedError: The token may not.
    """
    if not grant_of(request.scope).allows(scope):
        raise RefusedError(
            f"this token may not do that: it needs the scope {scope}",
            hint="`iterm-mcp tokens create` makes one that may.",
            code="scope_refused",
        )


async def _by_method(request: Request) -> None:
    check_scope(request, READ if request.method in READING else MUTATE)


def make_router(tag: str) -> APIRouter:
    """Return a router that reads for those that may read, and changes for those that may type."""
    return bare_router([tag], [Depends(_by_method)])


def bare_router(tags: Sequence[str] = (), dependencies: Sequence[DependsOn] = ()) -> APIRouter:
    """Return a router whose routes are complete: an application takes them as they are.

    What includes a router makes each of its routes a second time.
    """
    return APIRouter(
        tags=[*tags],
        dependencies=dependencies,
        responses=ERRORS,
        generate_unique_id_function=_operation_id,
        strict_content_type=False,  # no page can send a token: see the gate
    )


def problem_parts() -> dict[str, Any]:
    """Return the named parts of the document that `ERRORS` refers to."""
    schema = Problem.model_json_schema(ref_template=PROBLEM, mode="serialization")
    return {**schema.pop("$defs"), Problem.__name__: schema}


def _operation_id(route: APIRoute) -> str:
    """Return the name of an operation in the document: that of its function."""
    return route.name


def reply(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return data as JSON: values, dataclasses, times, and what is made of them."""
    body = to_json(data, inf_nan_mode="null", bytes_mode="base64")
    return Response(body, status, headers, media_type="application/json")


def reply_json(body: bytes) -> Response:
    """Return JSON that has been made already."""
    return Response(body, media_type="application/json")


def told(model: Any, description: str = "As asked.") -> dict[int | str, dict[str, Any]]:  # noqa: ANN401
    """Return what the document says of an answer that is made by `reply`."""
    return {200: {"model": model, "description": description}}
