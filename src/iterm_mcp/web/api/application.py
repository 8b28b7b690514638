"""The interface under ``/v1`` as one FastAPI application."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from iterm_mcp.services.events.annotations import Annotations
from iterm_mcp.services.events.filters import SavedFilters
from iterm_mcp.web.api.alertmanager import alertmanager_router
from iterm_mcp.web.api.annotations import annotation_router
from iterm_mcp.web.api.approvals import approval_router
from iterm_mcp.web.api.attention import attention_router
from iterm_mcp.web.api.backlog import backlog_router
from iterm_mcp.web.api.choosing import choosing_router
from iterm_mcp.web.api.conversations import conversation_router
from iterm_mcp.web.api.docs import document_router
from iterm_mcp.web.api.event_queries import EventFilter
from iterm_mcp.web.api.events import event_router
from iterm_mcp.web.api.exports import export_router
from iterm_mcp.web.api.filters import filter_router
from iterm_mcp.web.api.history import history_router
from iterm_mcp.web.api.opening import BASE
from iterm_mcp.web.api.probe import probe_router
from iterm_mcp.web.api.process_trees import process_tree_router
from iterm_mcp.web.api.resources import resource_router
from iterm_mcp.web.api.shared_tasks import shared_router
from iterm_mcp.web.api.shares import share_router
from iterm_mcp.web.api.shortcuts import Shortcuts
from iterm_mcp.web.api.tasks import queue_router, task_router
from iterm_mcp.web.api.tokens import token_router
from iterm_mcp.web.api.tools import tool_router
from iterm_mcp.web.api.worktrees import worktree_router
from iterm_mcp.web.errors import EXCEPTION_HANDLERS, problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from iterm_mcp.services.permissions.http_tokens import HttpTokens
    from iterm_mcp.web.api.opening import ApiServices


def make_application(services: ApiServices, tokens: HttpTokens) -> FastAPI:
    """Return the application.

    Its state knows its ``methods`` by path, its ``paths``, and ``shortcuts`` through it.
    """
    filters = SavedFilters(EventFilter, services.store.saved_filters, services.clock)
    attention = services.attention
    handlers = {
        **EXCEPTION_HANDLERS,
        RequestValidationError: _refuse_arguments,
        405: _refuse_method,
    }
    api = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=handlers,
    )
    routers = (
        approval_router(services.approvals),
        event_router(services.events.store, filters),
        filter_router(filters),
        conversation_router(services.events),
        export_router(services.events.exporter, filters),
        history_router(services.events.history),
        annotation_router(
            Annotations(services.store.annotations, services.clock, services.events.store)
        ),
        token_router(tokens),
        *([attention_router(attention)] if attention else []),
        *([alertmanager_router(attention)] if attention else []),
        *([share_router(services.shares, filters)] if services.shares else []),
        *([probe_router(services.probe)] if services.probe else []),
        *([process_tree_router(services.resources)] if services.resources else []),
        *([worktree_router(services.worktrees)] if services.worktrees else []),
        *([backlog_router(services.backlog)] if services.backlog else []),
        *([choosing_router(services.chooser)] if services.chooser else []),
        *([task_router(services.tasks), queue_router(services.tasks)] if services.tasks else []),
        *([shared_router(services.tasks)] if services.tasks else []),
        resource_router(services.tools),
        tool_router(services.tools),
        document_router(api, services.tools.facts()),
    )
    methods: defaultdict[str, set[str]] = defaultdict(set)
    routes: list[APIRoute] = []
    for router in routers:
        api.router.routes.extend(router.routes)
        routes += (one for one in router.routes if isinstance(one, APIRoute))
    for route in routes:
        methods[route.path] |= route.methods or set()
    expected = {kind: one for kind, one in handlers.items() if kind is not Exception}
    api.state.shortcuts = Shortcuts(api, routes, expected)
    api.state.methods = methods
    api.state.paths = frozenset(BASE + path for path in methods)
    return api


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
    return problem(
        400,
        "bad_arguments",
        f"{where[:200] or 'the body'}: {what}",
        hint=f"What a request takes is told in {BASE}/openapi.json, and for people in {BASE}/docs.",
    )
