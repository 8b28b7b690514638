"""Errors over HTTP: one shape for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from iterm_mcp.errors import ItermMcpError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

log = structlog.get_logger()

STATUSES = {
    "invalid": 400,
    "refused": 403,
    "not_found": 404,
    "conflict": 409,
    "agent": 502,
    "store": 503,
    "unavailable": 503,
    "rejected": 409,
    "timeout": 504,
}
"""By the family of an expected error."""

STATUS_OF_CODES = {
    "rate_limited": 429,
    "output_budget": 429,
    "stopping": 503,
    "too_large": 413,
    "wrong_type": 415,
    "key_reused": 422,
}
"""Of errors whose code says more than their family."""

RETRY_SECONDS = 1
"""What is told with 429 and 503."""

INCIDENT = "iterm_mcp.incident"

SHED = "iterm_mcp.shed"
"""Set in an ASGI scope whose request is sent away because there is too much at once."""


HELD = "iterm_mcp.held"
"""Set in an ASGI scope whose request waits for a person, so that it is compared with no other."""


def problem(
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    *,
    hint: str = "",
) -> JSONResponse:
    """Return an error in the one shape that all HTTP errors have.

    Args:
        hint: What to do next, if anything can be done.
    """
    error = {"code": code, "message": message, **({"hint": hint} if hint else {})}
    told = dict(headers or {})
    if status in {429, 503}:
        told.setdefault("Retry-After", str(RETRY_SECONDS))
    return JSONResponse({"error": error}, status, told)


def overloaded(scope: Scope, message: str) -> JSONResponse:
    """Return what says that there is too much at once, and mark the request as sent away."""
    scope[SHED] = True
    return problem(503, "overloaded", message)


def refusal(error: ItermMcpError) -> JSONResponse:
    """Return what could not be done."""
    status = STATUS_OF_CODES.get(error.code) or STATUSES.get(error.outcome, 500)
    return problem(status, error.code, str(error), hint=error.hint)


def http_problem(error: HTTPException) -> JSONResponse:
    """Return what is wrong with a request as such."""
    code = error.detail.lower().replace(" ", "_")
    return problem(error.status_code, code, error.detail, error.headers)


async def _http_error(_request: Request, error: Exception) -> Response:
    return http_problem(cast("HTTPException", error))


async def _refuse(_request: Request, error: Exception) -> Response:
    return refusal(cast("ItermMcpError", error))


async def _crash(request: Request, error: Exception) -> Response:
    """Answer for a bug of ours: the HTTP boundary; of an inner application too, but once."""
    incident = request.scope.get(INCIDENT)
    if incident is None:
        incident = request.scope[INCIDENT] = uuid4().hex[:12]
        log.error("http_crashed", path=request.url.path, incident=incident, exc_info=error)
    return problem(500, "internal", f"internal error {incident}")


EXCEPTION_HANDLERS: dict[Any, Any] = {
    HTTPException: _http_error,
    ItermMcpError: _refuse,
    Exception: _crash,
}
"""For every application of ours."""
