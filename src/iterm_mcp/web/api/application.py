"""The interface under ``/v1`` as one application."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.routing import Mount

from iterm_mcp.services.events.annotations import Annotations
from iterm_mcp.services.events.filters import SavedFilters
from iterm_mcp.services.permissions.http_tokens import HttpTokens
from iterm_mcp.web.api.admission import Admission
from iterm_mcp.web.api.annotations import annotation_router
from iterm_mcp.web.api.approvals import approval_router
from iterm_mcp.web.api.bodies import Bodies
from iterm_mcp.web.api.conversations import conversation_router
from iterm_mcp.web.api.docs import BASE, document_router
from iterm_mcp.web.api.etags import Etags
from iterm_mcp.web.api.event_queries import EventFilter
from iterm_mcp.web.api.events import event_router
from iterm_mcp.web.api.exports import export_router
from iterm_mcp.web.api.filters import filter_router
from iterm_mcp.web.api.history import history_router
from iterm_mcp.web.api.idempotency import Idempotency
from iterm_mcp.web.api.resources import resource_router
from iterm_mcp.web.api.routing import operation_id
from iterm_mcp.web.api.tokens import token_router
from iterm_mcp.web.api.tools import tool_router
from iterm_mcp.web.errors import EXCEPTION_HANDLERS, problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import APIRouter
    from starlette.requests import Request
    from starlette.responses import Response

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.tool_calls import ToolDoor
    from iterm_mcp.services.approvals.desk import ApprovalDesk
    from iterm_mcp.services.events.questions import EventQuestions
    from iterm_mcp.store import Store
    from iterm_mcp.store.http_answers import HttpAnswerStore

PER_SECOND = 2000.0
MOST_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """How much is let in.

    Attributes:
        per_second: Requests of one token; 0 sets no limit.
        most_at_once: Requests that are worked on, long waits left out.
    """

    per_second: float = PER_SECOND
    most_at_once: int = MOST_AT_ONCE


@dataclass(frozen=True, slots=True)
class ApiServices:
    """What the interface stands on."""

    clock: Clock
    tools: ToolDoor
    tokens: HttpTokens
    answers: HttpAnswerStore
    events: EventQuestions
    filters: SavedFilters[EventFilter]
    approvals: ApprovalDesk
    limits: ApiLimits = field(default_factory=ApiLimits)


@dataclass(frozen=True, slots=True)
class Api:
    """The interface.

    Attributes:
        mount: Where it stands, among other routes.
        application: For its document.
        tokens: Who may come in.
        admission: Counts what was let in and what was not.
        paths: As they stand in the document, in full.
    """

    mount: Mount
    application: FastAPI
    tokens: HttpTokens
    admission: Admission
    paths: frozenset[str]


def make_api(services: ApiServices, more: Sequence[APIRouter] = ()) -> Api:
    """Return the interface.

    Args:
        more: Routers of other subjects.
    """
    api = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,  # no page can send a token: see the gate
        generate_unique_id_function=operation_id,
        exception_handlers={
            **EXCEPTION_HANDLERS,
            RequestValidationError: _refuse_arguments,
            405: _refuse_method,
        },
    )
    routers = (
        approval_router(services.approvals),
        event_router(services.events.store, services.filters),
        filter_router(services.filters),
        conversation_router(services.events),
        export_router(services.events.exporter, services.filters),
        history_router(services.events.history),
        token_router(services.tokens),
        *more,
        resource_router(services.tools),
        tool_router(services.tools),
        document_router(api, services.tools.facts()),
    )
    methods: defaultdict[str, set[str]] = defaultdict(set)
    for router in routers:
        api.include_router(router)
        for route in router.routes:
            if isinstance(route, APIRoute) and route.methods:
                methods[route.path] |= route.methods
    api.state.methods = methods
    admission = Admission(
        Bodies(Etags(Idempotency(api, services.answers, services.clock))),
        services.clock,
        per_second=services.limits.per_second,
        most_at_once=services.limits.most_at_once,
    )
    paths = frozenset(BASE + path for path in methods)
    return Api(Mount(BASE, app=admission), api, services.tokens, admission, paths)


async def open_api(
    store: Store,
    clock: Clock,
    tools: ToolDoor,
    events: EventQuestions,
    approvals: ApprovalDesk,
    limits: ApiLimits,
    more: Sequence[APIRouter] = (),
) -> Api:
    """Return the interface over what the daemon has opened.

    Raises:
        StoreError: The tokens cannot be read.
    """
    tokens = HttpTokens(store.http_tokens, clock)
    await tokens.load()
    filters = SavedFilters(EventFilter, store.saved_filters, clock)
    return make_api(
        ApiServices(clock, tools, tokens, store.http_answers, events, filters, approvals, limits),
        (annotation_router(Annotations(store.annotations, clock)), *more),
    )


async def _refuse_method(request: Request, _error: Exception) -> Response:
    """Say which methods there are on all routes of a path, not on the first alone."""
    path = getattr(request.scope.get("route"), "path", "")
    allowed = ", ".join(sorted(request.app.state.methods[path]))
    return problem(405, "method_not_allowed", "Method Not Allowed", {"Allow": allowed})


async def _refuse_arguments(_request: Request, error: Exception) -> Response:
    """Say of the first argument that does not fit what is wrong, without repeating its value."""
    first: dict[str, Any] = cast("RequestValidationError", error).errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in {"query", "body"})
    unknown = first["type"] == "extra_forbidden"
    what = "there is no such argument" if unknown else first["msg"]
    return problem(400, "bad_arguments", f"{where[:200] or 'the body'}: {what}")
