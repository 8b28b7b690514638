"""Every call is a span where calls are traced, however it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

import anyio
import pytest
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context
from tests.unit.tools.ruled import Ruled, User

from iterm_mcp.access import Access
from iterm_mcp.telemetry.trace_context import TraceContext, current, within
from iterm_mcp.telemetry.tracing import Span, Tracer
from iterm_mcp.tools.call_spans import CallSpans
from iterm_mcp.tools.calls import Call, Calls
from iterm_mcp.tools.clients import Rules
from iterm_mcp.tools.server import build_server

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import RequestParamsMeta

ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])
TURN = TraceContext("a" * 32, "b" * 16)
CLIENT = TraceContext("c" * 32, "d" * 16, state="v=1")


class Agents:
    """One agent works, and uses one tool."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def working_in(self, agent: str, call: str) -> TraceContext | None:
        self.asked.append((agent, call))
        return TURN.child("e" * 16) if call else TURN


class Traced(Ruled):
    """A server whose calls are traced."""

    def __init__(self, rules: Rules, *, arguments: bool = False) -> None:
        super().__init__(rules)
        self.spans: list[Span] = []
        self.agents = Agents()
        self.inside: list[TraceContext | None] = []
        spans = self.spans_of = CallSpans(
            Tracer(self, arguments=arguments), self.clock, self.agents
        )
        self.calls = Calls(self.metrics.tools, self.clients, self.heard, spans=spans)
        self.server = build_server(self.toys.rows(), self.calls)
        record = self.heard.record

        def recorded(*words: Any) -> None:  # noqa: ANN401
            self.inside.append(current())
            record(*words)

        self.heard.record = recorded  # type: ignore[method-assign, assignment]

    def take(self, span: Span) -> None:
        self.spans.append(span)


async def call(client: Client, tool: str, meta: dict[str, Any], **arguments: Any) -> None:  # noqa: ANN401
    await client.call_tool(tool, arguments, meta=cast("RequestParamsMeta", meta))


@ERAS
async def test_a_call_is_part_of_what_its_client_names(mode: str) -> None:
    traced = Traced(Rules())
    async with traced.caller(mode) as caller:
        await call(caller.client, "look_around", dict(CLIENT.written()))
    (span,) = traced.spans
    assert span.name == "tools/call look_around"
    assert (span.context.trace_id, span.parent) == (CLIENT.trace_id, CLIENT.span_id)
    assert span.context.state == "v=1"
    assert span.error is None
    assert traced.inside == [span.context], "what is written down of it is written down in it"
    assert current() is None
    told = span.attributes
    assert told["mcp.method.name"] == "tools/call"
    assert told["gen_ai.operation.name"] == "execute_tool"
    assert told["gen_ai.tool.name"] == "look_around"
    assert told["mcp.protocol.version"] == ("2026-07-28" if mode == "auto" else "2025-11-25")
    assert told["jsonrpc.request.id"]
    assert not traced.agents.asked


async def test_an_agents_call_is_part_of_the_use_of_a_tool_that_makes_it_else_of_its_turn() -> None:
    traced = Traced(Rules())
    async with traced.caller("auto", wish=Access(agent="ada")) as caller:
        await call(caller.client, "look_around", {"claudecode/toolUseId": "toolu_1"})
        await call(caller.client, "look_around", {"claudecode/toolUseId": 7})
        await call(caller.client, "look_around", dict(CLIENT.written()))
    assert [one.parent for one in traced.spans] == ["e" * 16, TURN.span_id, CLIENT.span_id]
    assert traced.agents.asked == [("ada", "toolu_1"), ("ada", "")]
    assert traced.spans[0].attributes["iterm_mcp.sender"] == "ada"


async def test_what_goes_wrong_is_told_and_a_question_is_not_wrong() -> None:
    traced = Traced(Rules(), arguments=True)
    async with traced.caller("legacy", user=User("accept")) as caller:
        await caller.refusal("look_around", what=1)
        await caller.refusal("dig_hole")
        await caller.text("end_thing", thing="a", text="sk-ant-api03-" + "s3cr3t" * 12)
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(caller.raw, "wait_long")
                await traced.toys.waiting.wait()
                group.cancel_scope.cancel()
            while len(traced.spans) < 4:
                await anyio.lowlevel.checkpoint()
    told = [(one.error, one.attributes.get("error.type")) for one in traced.spans]
    assert told == [
        ("bad_arguments", "tool_error"), ("tool_not_found", "tool_error"), (None, None),
        ("cancelled", "cancelled"),
    ]  # fmt: skip
    shown = str(traced.spans[2].attributes["gen_ai.tool.call.arguments"])
    assert '"thing": "a"' in shown
    assert "s3cr3t" not in shown


class Request:
    """A request over HTTP."""

    headers: ClassVar = {"mcp-session-id": "session"}


@pytest.mark.parametrize(
    ("outcome", "code", "error"),
    [("ok", "", None), ("not_found", "no_session", "no_session")],
)
def test_a_reading_of_a_resource_over_http_is_a_span_too(
    outcome: str, code: str, error: str | None
) -> None:
    traced = Traced(Rules())
    client = traced.clients.connect("http")
    request: ServerRequestContext[Any, Any] = ServerRequestContext(
        session=cast("Any", None), lifespan_context={}, protocol_version="2026-07-28",
        method="resources/read", request=Request(),
    )  # fmt: skip
    one = Call("read_resource", "", "read", {"uri": "session://x"}, client, "never")
    span = traced.spans_of.begin(one, Context(request_context=request))
    one.outcome, one.code = outcome, code
    span.end()
    (taken,) = traced.spans
    assert (taken.name, taken.error, taken.parent) == ("resources/read", error, "")
    assert taken.attributes.get("error.type") == error
    assert taken.attributes["mcp.resource.uri"] == "session://x"
    assert taken.attributes["mcp.session.id"] == "session"
    assert taken.attributes["network.transport"] == "tcp"


def test_a_call_that_is_no_request_of_mcps_is_a_span_where_it_stands() -> None:
    traced = Traced(Rules())
    one = Call("look", "", "read", {}, traced.clients.connect("inside"), "never", outcome="ok")
    with within(CLIENT):
        traced.spans_of.begin(one, Context()).end()
        assert current() == CLIENT
    (taken,) = traced.spans
    assert taken.parent == CLIENT.span_id
    assert not {"network.transport", "jsonrpc.request.id"} & set(taken.attributes)
