"""The interface under ``/v1``, opened at once and made when somebody first asks.

Its application is half a second of work that most daemons never need: agents and clients of MCP
do not come this way.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
from starlette.routing import Mount

from iterm_mcp.services.permissions.http_tokens import HttpTokens
from iterm_mcp.web.api.admission import Admission
from iterm_mcp.web.api.bodies import Bodies
from iterm_mcp.web.api.etags import Etags
from iterm_mcp.web.api.idempotency import Idempotency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from iterm_mcp.clock import Clock
    from iterm_mcp.models.tool_calls import ToolDoor
    from iterm_mcp.services.alerts.opening import Attention
    from iterm_mcp.services.approvals.desk import ApprovalDesk
    from iterm_mcp.services.backlog.opening import BacklogDesk
    from iterm_mcp.services.choosing.chooser import Chooser
    from iterm_mcp.services.events.questions import EventQuestions
    from iterm_mcp.services.probing.service import Probe
    from iterm_mcp.services.resources.opening import Resources
    from iterm_mcp.services.shares.book import Shares
    from iterm_mcp.services.tasks.service import TaskService
    from iterm_mcp.services.worktrees.service import Worktrees
    from iterm_mcp.store import Store

BASE = "/v1"
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
    """What the interface stands on.

    Attributes:
        attention: Budgets and alerts; without them their routes are left out.
        shares: Links to files; likewise.
        resources: What agents take of the machine; likewise.
        backlog: What is left undone in repositories; likewise.
        chooser: How work was done, and how that went; likewise.
        tasks: Durable work; likewise.
        probe: What tries the whole way; likewise.
        worktrees: Those of git repositories; likewise.
    """

    store: Store
    clock: Clock
    tools: ToolDoor
    events: EventQuestions
    approvals: ApprovalDesk
    attention: Attention | None = None
    limits: ApiLimits = field(default_factory=ApiLimits)
    shares: Shares | None = None
    resources: Resources | None = None
    backlog: BacklogDesk | None = None
    chooser: Chooser | None = None
    worktrees: Worktrees | None = None
    tasks: TaskService | None = None
    probe: Probe | None = None


class LateApplication:
    """ASGI: the application of the interface, made in a thread for the first request."""

    def __init__(self, services: ApiServices, tokens: HttpTokens) -> None:
        self._services = services
        self._tokens = tokens
        self._lock = anyio.Lock()
        self._made: FastAPI | None = None

    @property
    def paths(self) -> frozenset[str]:
        """What it serves, as far as it has been made."""
        return self._made.state.paths if self._made else frozenset()

    async def made(self) -> FastAPI:
        """Return the application."""
        async with self._lock:
            if self._made is None:
                self._made = await anyio.to_thread.run_sync(self._make)
        return self._made

    def _make(self) -> FastAPI:
        with _kept():
            from iterm_mcp.web.api.application import make_application

            return make_application(self._services, self._tokens)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        application = self._made or await self.made()
        await application.state.shortcuts(scope, receive, send)


@contextmanager
def _kept() -> Iterator[None]:
    """Make what a daemon keeps to its end: each look for garbage there would be a pause for all.

    A process that has not set aside its imports is none, and may make many.
    """
    if not gc.get_freeze_count():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@dataclass(frozen=True, slots=True)
class Api:
    """The interface.

    Attributes:
        mount: Where it stands, among other routes.
        application: Made when it is first asked.
        tokens: Who may come in.
        admission: Counts what was let in and what was not.
    """

    mount: Mount
    application: LateApplication
    tokens: HttpTokens
    admission: Admission

    def paths(self) -> frozenset[str]:
        """Return the paths that are known by now, in full, as they stand in the document."""
        return self.application.paths


async def open_api(services: ApiServices) -> Api:
    """Return the interface over what the daemon has opened.

    Raises:
        StoreError: The tokens cannot be read.
    """
    clock, limits = services.clock, services.limits
    tokens = HttpTokens(services.store.http_tokens, clock)
    await tokens.load()
    application = LateApplication(services, tokens)
    admission = Admission(
        Bodies(Etags(Idempotency(application, services.store.http_answers, clock))),
        clock,
        per_second=limits.per_second,
        most_at_once=limits.most_at_once,
    )
    return Api(Mount(BASE, app=admission), application, tokens, admission)
