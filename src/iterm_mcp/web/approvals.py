"""Approvals over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.approvals import ApprovalId
from iterm_mcp.models.ids import LockId

if TYPE_CHECKING:
    from typing import TypeVar

    from starlette.requests import Request

    from iterm_mcp.services.approval_desk import ApprovalDesk

    Model = TypeVar("Model", bound=BaseModel)

MAX_BYTES = 64 * 1024
MAX_EXPLAINED_BYTES = 1 << 20


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ListQuery(_Given):
    """The parameters of ``GET /v1/approvals``."""

    agent: str = ""
    answered: Annotated[int, Field(ge=0, le=100)] = 0
    since: int = -1
    wait_seconds: Annotated[float, Field(ge=0, le=60)] = 0


class AnswerBody(_Given):
    """The body of ``POST /v1/approvals/{id}/answer``."""

    choice: str
    by: Annotated[str, Field(max_length=100)] = "an HTTP client"
    message: str = ""
    lock_id: str | None = None


class ExplainBody(_Given):
    """The body of ``POST /v1/approvals/explain``: a use of a tool that nobody asked for yet."""

    agent: str
    tool: str
    input: dict[str, Any] = {}
    directory: str = ""


def approval_routes(desk: ApprovalDesk) -> list[Route]:
    """Return the routes of approvals."""

    async def listed(request: Request) -> Response:
        query = _read(ListQuery, dict(request.query_params))
        return JSONResponse(
            await desk.listed(
                agent=query.agent,
                answered=query.answered,
                since=query.since,
                wait_seconds=query.wait_seconds,
            )
        )

    async def answer(request: Request) -> Response:
        body = await _body(request, AnswerBody, MAX_BYTES)
        return JSONResponse(
            await desk.answer(
                ApprovalId(request.path_params["approval_id"]),
                body.choice,
                by=body.by,
                message=body.message,
                lock_id=None if body.lock_id is None else LockId(body.lock_id),
            )
        )

    async def explain(request: Request) -> Response:
        body = await _body(request, ExplainBody, MAX_EXPLAINED_BYTES)
        found = await desk.explain(body.agent, body.tool, body.input, body.directory)
        return JSONResponse(found)

    return [
        Route("/v1/approvals", listed, methods=["GET"]),
        Route("/v1/approvals/explain", explain, methods=["POST"]),
        Route("/v1/approvals/{approval_id}/answer", answer, methods=["POST"]),
    ]


async def _body(request: Request, model: type[Model], limit: int) -> Model:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise InvalidRequestError(
                f"the body is larger than {limit} bytes", hint="Send less.", code="too_large"
            )
    return _read(model, body)


def _read(model: type[Model], given: dict[str, str] | bytes) -> Model:
    """Check what a request gives.

    Raises:
        InvalidRequestError: It does not fit; the text says which part.
    """
    try:
        if isinstance(given, bytes):
            return model.model_validate_json(given)
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise InvalidRequestError(
            f"{where}: {first['msg']}",
            hint=f"There are: {', '.join(model.model_fields)}.",
            code="bad_arguments",
        ) from None
