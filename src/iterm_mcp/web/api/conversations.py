"""Conversations of agents over HTTP: what they came to, beside each other, and what they cost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from iterm_mcp.models.account_views import Comparison, Graph, Timeline
from iterm_mcp.models.accounts import Account
from iterm_mcp.services.events.conversations import Summary
from iterm_mcp.services.events.costs import CostBy, CostReport
from iterm_mcp.services.events.reconciling import Reconciliation
from iterm_mcp.web.api.quick_query import query_document, read_query
from iterm_mcp.web.api.routing import Given, Time, make_router, reply, told
from iterm_mcp.web.api.shapes import list_shape, shape_of

if TYPE_CHECKING:
    from iterm_mcp.services.events.questions import EventQuestions

DAYS = 7
MOST_COMPARED = 20

ConversationId = Annotated[str, Path(min_length=1, max_length=512)]
Name = Annotated[str, Field(max_length=512)]


class ConversationsQuery(Given):
    """The parameters of ``GET /v1/conversations``."""

    since: Annotated[Time | None, Field(description="A week ago if left out.")] = None
    agent: Name = ""
    agent_kind: Name = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class GraphQuery(Given):
    """The parameters of ``GET /v1/conversations/{conversation}/graph``."""

    expanded: bool = False


class CompareQuery(Given):
    """The parameters of ``GET /v1/compare``."""

    conversation: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=512)]],
        Field(min_length=1, max_length=MOST_COMPARED),
    ]


class CostsQuery(Given):
    """The parameters of ``GET /v1/costs``."""

    since: Annotated[Time | None, Field(description="A week ago if left out.")] = None
    until: Annotated[Time | None, Field(description="Now if left out.")] = None
    by: Annotated[list[CostBy], Field(max_length=5, default_factory=list)]
    agent: Name = ""
    agent_kind: Name = ""
    model: Name = ""


ConversationsBody = list_shape("ConversationsBody", "conversations", Summary)


def conversation_router(questions: EventQuestions) -> APIRouter:
    """Return the routes of conversations and costs."""
    conversations, costs, clock = questions.conversations, questions.costs, questions.clock
    router = make_router("conversations")

    @router.get("/conversations", responses=told(ConversationsBody))
    async def list_conversations(given: Annotated[ConversationsQuery, Query()]) -> Response:
        """List the conversations of which something was told, the newest first."""
        since = given.since or clock.now() - timedelta(days=DAYS)
        found = await conversations.newest(
            since, agent=given.agent, kind=given.agent_kind, limit=given.limit
        )
        return reply({"conversations": found})

    @router.get("/conversations/{conversation}", responses=told(shape_of(Account)))
    async def conversation_account(conversation: ConversationId) -> Response:
        """Tell what a conversation came to: turns, calls, tokens, costs, files, failures."""
        return reply(await conversations.account(conversation))

    @router.get("/conversations/{conversation}/cost", responses=told(shape_of(Reconciliation)))
    async def conversation_cost(conversation: ConversationId) -> Response:
        """Tell what a conversation cost by price lists, beside what its agent says that it did."""
        return reply(await conversations.reconciliation(conversation))

    @router.get("/conversations/{conversation}/timeline", responses=told(shape_of(Timeline)))
    async def conversation_timeline(conversation: ConversationId) -> Response:
        """Return a conversation as bars over time."""
        return reply(await conversations.timeline(conversation))

    @router.get("/conversations/{conversation}/graph", responses=told(shape_of(Graph)))
    async def conversation_graph(
        conversation: ConversationId, given: Annotated[GraphQuery, Query()]
    ) -> Response:
        """Return what led to what in a conversation."""
        return reply(await conversations.graph(conversation, expanded=given.expanded))

    @router.get("/compare", responses=told(shape_of(Comparison)))
    async def compare_conversations(given: Annotated[CompareQuery, Query()]) -> Response:
        """Return conversations side by side, step by step, aligned to the first."""
        return reply(await conversations.compare(given.conversation))

    @router.get(
        "/costs",
        responses=told(shape_of(CostReport)),
        openapi_extra=query_document(CostsQuery),
    )
    async def cost_report(request: Request) -> Response:
        """Tell what was spent, told apart by day, agent, kind, model or conversation."""
        given = read_query(CostsQuery, request)
        until = given.until or clock.now()
        return reply(
            await costs.report(
                given.since or until - timedelta(days=DAYS),
                until,
                given.by,
                agent=given.agent,
                kind=given.agent_kind,
                model=given.model,
            )
        )

    return router
