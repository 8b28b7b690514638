"""The whole HTTP side over a fake terminal and real stores, asked in memory."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from tests.unit.laid_stores import lay_store
from tests.unit.tasks.services import nothing_asked
from tests.unit.web.asgi import Answer, ask

from iterm_mcp.app import make_services, tool_rows
from iterm_mcp.services.events.exporting import Exporter
from iterm_mcp.services.events.questions import make_questions
from iterm_mcp.services.resources.opening import make_resources
from iterm_mcp.services.shares.book import Shares
from iterm_mcp.services.shares.shelf import Shelf
from iterm_mcp.store import Store, open_store
from iterm_mcp.store.events import EventStore, open_event_store
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock, FakeTerminal
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.direct_calls import DirectCalls
from iterm_mcp.tools.server import build_server
from iterm_mcp.web.api.opening import Api, ApiLimits, ApiServices, open_api
from iterm_mcp.web.routes import open_web
from iterm_mcp.web.shares import share_routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.types import ASGIApp

    from iterm_mcp.services.alerts.opening import Attention
    from iterm_mcp.services.backlog.opening import BacklogDesk
    from iterm_mcp.services.choosing.chooser import Chooser
    from iterm_mcp.services.events.exporting.recordings import Recordings
    from iterm_mcp.services.probing.service import Probe
    from iterm_mcp.services.tasks.service import TaskService

TOKEN = "the-root-token"


class Ready:
    def problems(self) -> list[str]:
        return []

    def health(self) -> dict[str, object]:
        return {"status": "ok"}


@dataclass
class Side:
    app: ASGIApp
    api: Api
    events: EventStore
    terminal: FakeTerminal
    clock: FakeClock
    metrics: Metrics
    store: Store

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *headers: tuple[str, str],
        token: str | None = TOKEN,
        kind: str = "application/json",
    ) -> Answer:
        given = b"" if body is None else body
        raw = given if isinstance(given, bytes) else json.dumps(given).encode()
        path, _, query = path.partition("?")
        told = [*headers, ("content-length", str(len(raw)))]
        told += [("content-type", kind)] if raw else []
        return await ask(
            self.app, path, *told, method=method, token=token, body=raw, query=query.encode()
        )

    async def get(self, path: str, *headers: tuple[str, str], token: str = TOKEN) -> Answer:
        return await self.ask("GET", path, None, *headers, token=token)

    async def post(
        self, path: str, body: object = None, *headers: tuple[str, str], token: str = TOKEN
    ) -> Answer:
        return await self.ask("POST", path, {} if body is None else body, *headers, token=token)

    async def token(self, scope: str, name: str = "") -> str:
        """Make a token and return its text."""
        made = await self.post("/v1/tokens", {"name": name or scope, "scope": scope})
        assert made.status == 200, made.body
        return str(made.json()["token"])


@asynccontextmanager
async def open_side(
    folder: Path,
    limits: ApiLimits | None = None,
    clock: FakeClock | None = None,
    recordings: Recordings | None = None,
    backlog: BacklogDesk | None = None,
    chooser: Chooser | None = None,
    tasks: TaskService | None = None,
    attention: Attention | None = None,
    probe: Probe | None = None,
) -> AsyncIterator[Side]:
    terminal, metrics = FakeTerminal(), Metrics()
    clock = clock or FakeClock()
    async with (
        open_store(await lay_store(folder / "state.db"), clock) as store,
        open_event_store(str(folder / "events"), clock) as events,
        nothing_asked(folder) as never,
    ):
        services = make_services(terminal, store, clock, metrics)
        questions = make_questions(events, clock, UTC)
        calls = Calls(metrics.tools)
        tasks = tasks or never
        rows = tool_rows(services, questions, tasks)
        door = DirectCalls(rows, calls)
        desk = services.approvals.desk
        exporter = Exporter(events, clock, recordings)
        shares = Shares(store.shares, exporter, Shelf(str(folder / "shares")), clock)
        given = ApiServices(
            store, clock, door, questions, desk, attention, limits or ApiLimits(0), shares,
            backlog=backlog, chooser=chooser, resources=make_resources(clock, str(folder)),
            worktrees=services.worktrees, tasks=tasks, probe=probe,
        )  # fmt: skip
        api = await open_api(given)
        server = build_server(rows, calls)
        enter = calls.clients.enter_http
        more = share_routes(shares, clock)
        async with (
            shares.running(),
            open_web(
                server, metrics, Ready(), TOKEN, enter, more, api=api, tokens=api.tokens,
                health=Ready(),
            ) as app,
        ):  # fmt: skip
            yield Side(app, api, events, terminal, clock, metrics, store)


def error_of(answer: Answer) -> tuple[int, str]:
    """Return the status and the code; the shape must be the one that all errors have."""
    body: Any = answer.json()
    assert set(body) == {"error"}
    assert {"code", "message"} <= set(body["error"]) <= {"code", "message", "hint"}
    return answer.status, body["error"]["code"]
