"""A server with one toy tool of each kind, under rules that a test sets."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from mcp import Client
from mcp.types import ElicitResult, Implementation
from pydantic import Field
from tests.unit.tools.conftest import Caller

from iterm_mcp.access import Access
from iterm_mcp.errors import NotFoundError
from iterm_mcp.telemetry import Metrics
from iterm_mcp.testing import FakeClock
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.clients import CURRENT, Clients, Rules
from iterm_mcp.tools.server import build_server
from iterm_mcp.tools.tool import ADDS, ENDS, READS, TYPES, ToolRow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from mcp.client import ClientRequestContext
    from mcp.types import ElicitRequestParams, ErrorData

Sure = Annotated[bool, Field(description="Sure?")]


class Heard:
    """An audit log that a test can read.

    Attributes:
        entries: What was recorded, each with the arguments.
    """

    def __init__(self) -> None:
        self.entries: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.problem: str | None = None

    def record(self, entry: Mapping[str, object], arguments: Mapping[str, object]) -> None:
        self.entries.append((dict(entry), dict(arguments)))

    def outcomes(self) -> list[str]:
        return [f"{entry['tool']} {entry['outcome']}" for entry, _ in self.entries]


class User:
    """Who answers questions, if the client shows any.

    Attributes:
        answers: What is answered, in turn.
        questions: What was asked.
    """

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.questions: list[str] = []

    async def ask(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult | ErrorData:
        del context
        self.questions.append(params.message)
        answer: Any = self.answers.pop(0)
        return ElicitResult(action=answer)


class Toys:
    """Tools that do nothing, and remember it.

    Attributes:
        text: What `look_around` returns.
        ended: What `end_thing` was called with.
        agreed: What `end_all` heard.
        waiting: Set once `wait_long` waits, which it does for ever.
    """

    def __init__(self) -> None:
        self.text = "seen"
        self.ended: list[str] = []
        self.agreed: list[bool] = []
        self.waiting = anyio.Event()

    def rows(self) -> list[ToolRow]:
        return [
            ToolRow(self.look_around, "Look", READS),
            ToolRow(self.list_sessions, "List", READS),
            ToolRow(self.make_thing, "Make", ADDS),
            ToolRow(self.type_thing, "Type", TYPES),
            ToolRow(self.wait_long, "Wait", TYPES),
            ToolRow(self.end_thing, "End thing", ENDS, about=self.about),
            ToolRow(self.end_all, "End all", ENDS),
        ]

    async def look_around(self) -> str:
        """Look.

        In every corner.
        """
        return self.text

    async def list_sessions(self) -> dict[str, Any]:
        """List."""
        return {"text": self.text}

    async def make_thing(self) -> str:
        """Make."""
        return "made"

    async def type_thing(self) -> str:
        """Type."""
        return "typed"

    async def wait_long(self) -> str:
        """Wait."""
        self.waiting.set()
        await anyio.sleep_forever()
        return "never"

    async def about(self, values: dict[str, Any]) -> str:
        if values["thing"] == "nothing":
            raise NotFoundError("thing", "nothing", hint="Name another.")
        return f"the thing called {values['thing']}"

    async def end_thing(self, thing: str = "it", text: str = "") -> str:
        """End one."""
        self.ended.append(thing + text)
        return "ended"

    async def end_all(self, *, confirm: Sure = False) -> str:
        """End all of them."""
        self.agreed.append(confirm)
        return "ended"


class Ruled:
    """The server, and all that may be looked at around it."""

    def __init__(self, rules: Rules) -> None:
        self.clock = FakeClock()
        self.heard = Heard()
        self.toys = Toys()
        self.clients = Clients(rules, self.clock)
        self.metrics = Metrics()
        self.calls = Calls(self.metrics.tools, self.clients, self.heard)
        self.server = build_server(self.toys.rows(), self.calls)

    @asynccontextmanager
    async def caller(
        self, mode: str, *, user: User | None = None, wish: Access | None = None, name: str = "test"
    ) -> AsyncIterator[Caller]:
        """Come in as a client of its own."""
        one = self.clients.connect("unix")
        self.clients.allow(one, wish or Access())
        before = CURRENT.set(one)
        try:
            async with Client(
                self.server,
                mode=mode,
                client_info=Implementation(name=name, version="9"),
                elicitation_callback=user.ask if user else None,
            ) as client:
                yield Caller(client)
        finally:
            CURRENT.reset(before)


async def names(caller: Caller) -> list[str]:
    return [tool.name for tool in (await caller.client.list_tools()).tools]
