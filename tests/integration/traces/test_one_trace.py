"""One trace from a client's call through a message and an agent's turn to the tools it uses."""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.integration.line_client import open_client
from tests.integration.lives.conftest import Camp, open_ground
from tests.integration.tool_client import ToolClient
from tests.integration.traces.collector import collecting
from tests.waiting import eventually

from iterm_mcp.telemetry.trace_context import read_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.line_client import LineClient
    from tests.integration.lives.conftest import Agent
    from tests.integration.traces.collector import Collector, Taken

pytestmark = pytest.mark.headless

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
META = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}


@asynccontextmanager
async def traced(
    *, soon: bool = True, **settings: str
) -> AsyncIterator[tuple[Camp, Collector, LineClient]]:
    """Make a home whose daemon exports traces to a collector of ours.

    Args:
        soon: It is told by one of OpenTelemetry's variables not to wait for more.
    """
    with collecting() as collector:
        async with open_ground() as (home, folder):
            path = os.pathsep.join([settings.pop("PATH", ""), home.environ["PATH"]]).strip(":")
            home.environ |= {"ITERM_MCP_OTLP_TRACES": collector.url, "PATH": path, **settings}
            if soon:
                home.environ["OTEL_BSP_SCHEDULE_DELAY"] = "100"
            async with open_client(home.environ) as client:
                await client.greet()
                yield Camp(home, folder, ToolClient(client.call)), collector, client


async def call(client: LineClient, tool: str, meta: dict[str, str], **arguments: Any) -> Any:  # noqa: ANN401
    """Call a tool in a trace of the client's, and return its data."""
    answer = await client.ask("tools/call", name=tool, arguments=arguments, _meta=meta)
    result = answer["result"]
    assert not result.get("isError"), result
    return result["structuredContent"]


async def started(camp: Camp, client: LineClient, **more: Any) -> Agent:  # noqa: ANN401
    agent = camp.agent()
    await call(client, "start_agent", META, **camp.order(agent, **more))
    await agent.becomes("ready")
    return agent


def is_part(inner: Taken, outer: Taken) -> None:
    assert (inner.trace, inner.parent) == (outer.trace, outer.span)
    assert inner.began <= inner.ended


async def test_a_call_a_message_a_turn_and_its_tools_are_one_trace() -> None:
    async with traced() as (camp, collector, client):
        agent = await started(camp, client, permissions="bypassPermissions")
        text = "Please [[tool Bash touch made]] and [[tool Read made]]"
        await call(client, "cascade_message", META, agents={agent.name: text})
        turn = await collector.one(f"invoke_agent {agent.name}")
        asked = await collector.one("tools/call cascade_message")
        assert (asked.trace, asked.parent, asked.kind) == (TRACE, SPAN, 2)
        assert asked.state == "vendor=1"
        message = await collector.one("deliver message")
        is_part(message, asked)
        assert message.marks[0] == "accepted"
        assert message.marks[-1] == "ended"
        assert message.attributes["messaging.destination.name"] == agent.name
        is_part(turn, message)
        assert turn.attributes["gen_ai.operation.name"] == "invoke_agent"
        assert turn.attributes["gen_ai.provider.name"] == "anthropic"
        for tool in ("Bash", "Read"):
            used = await collector.one(f"execute_tool {tool}")
            is_part(used, turn)
            assert turn.began <= used.began
            assert used.ended <= turn.ended
            assert "gen_ai.tool.call.arguments" not in used.attributes
        made = await collector.one(f"create_agent {agent.name}")
        begun = await collector.one("tools/call start_agent")
        is_part(made, begun)
        assert made.resource["service.name"] == "iterm-mcp"
        await in_its_environment(agent, made)
        await in_events(camp, agent, turn)
        assert asked.attributes["network.transport"] == "pipe"
        assert asked.attributes["mcp.method.name"] == "tools/call"
        assert asked.attributes["gen_ai.tool.name"] == "cascade_message"
        assert asked.attributes["jsonrpc.request.id"]
        assert "gen_ai.tool.call.arguments" not in asked.attributes


async def in_its_environment(agent: Agent, made: Taken) -> None:
    """What the agent traces of itself belongs to the span in which it was started."""
    environ = agent.process().environ()
    context = read_context({"traceparent": environ["TRACEPARENT"]})
    assert context is not None
    assert (context.trace_id, context.span_id, context.sampled) == (made.trace, made.span, True)
    assert environ["TRACESTATE"] == "vendor=1"
    assert not [name for name in environ if name.startswith("OTEL_EXPORTER")]


async def in_events(camp: Camp, agent: Agent, turn: Taken) -> None:
    """Events are found by the trace."""

    async def kinds() -> set[str]:
        answer = await camp.tools.data("query_events", agent=agent.name, limit=200)
        events = [one for one in answer["events"] if one.get("trace") == turn.trace]
        return {one["kind"] for one in events}

    wanted = {"PromptSubmitted", "ToolEnded", "TurnEnded", "MessageMoved", "AgentStarted"}
    await eventually(kinds, lambda found: found >= wanted, within_seconds=30)


@pytest.mark.long
async def test_a_trace_goes_on_though_the_daemon_was_killed() -> None:
    async with traced() as (camp, collector, client):
        agent = await started(camp, client)
        busy = "Please [[work 6]] [[tool Read a]]"
        await call(client, "cascade_message", META, agents={agent.name: busy})
        await agent.happens("received")
        await camp.home.kill_daemon()
        collector.spans.clear()
        # A new daemon comes with the next call, and has been told nothing of it.
        await eventually(lambda: camp.tools.result("list_agents"), _fine, within_seconds=30)
        message = await collector.one("deliver message")
        assert message.trace == TRACE
        assert message.marks[-1] == "ended"
        turn = await collector.one(f"invoke_agent {agent.name}")
        is_part(turn, message)
        is_part(await collector.one("execute_tool Read"), turn)


def _fine(result: dict[str, Any]) -> bool:
    return not result.get("isError")


async def test_what_a_client_says_wrongly_begins_a_trace_of_its_own() -> None:
    wrong = [
        "", "00-0-0-00", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-x",
    ]  # fmt: skip
    async with traced() as (_camp, collector, client):
        for one in wrong:
            await call(client, "list_agents", {"traceparent": one})
        await eventually(
            lambda: collector.named("tools/call list_agents"),
            lambda found: len(found) == len(wrong),
            within_seconds=30,
        )
        found = collector.named("tools/call list_agents")
        assert len({one.trace for one in found}) == len(wrong)
        assert {one.parent for one in found} == {""}


async def test_a_client_that_samples_nothing_is_not_exported_and_yet_known_in_events() -> None:
    async with traced() as (camp, collector, client):
        unsampled = {"traceparent": f"00-{TRACE}-{SPAN}-00"}
        await call(client, "list_agents", unsampled)
        await call(client, "list_sessions", {})
        await collector.one("tools/call list_sessions")
        assert not collector.named("tools/call list_agents")

        async def told() -> list[Any]:
            answer = await camp.tools.data("query_events", kinds=["ToolCalled"])
            return [one for one in answer["events"] if one.get("trace") == TRACE]

        (one,) = await eventually(told, bool, within_seconds=30)
        assert one["subject"] == "list_agents"
        assert len(json.loads(one["payload"])["span"]) == 16


async def test_a_refusal_is_a_failed_span_and_arguments_are_told_without_secrets_if_asked() -> None:
    async with traced(ITERM_MCP_TRACE_ARGUMENTS="1") as (_camp, collector, client):
        secret = "sk-ant-api03-" + "a" * 80
        arguments = {"session_id": "nobody", "text": f"export KEY={secret}"}
        answer = await client.ask("tools/call", name="send_text", arguments=arguments)
        assert answer["result"]["isError"]
        span = await collector.one("tools/call send_text")
        assert span.failed
        assert span.attributes["error.type"] == "tool_error"
        assert "session_id" in span.attributes["gen_ai.tool.call.arguments"]
        assert secret not in str(span.attributes)


@pytest.mark.long
async def test_a_task_its_attempt_and_what_its_agent_does_are_one_trace() -> None:
    async with traced() as (camp, collector, client):
        settings = "[admission]\nmost_load = 0\nmost_memory_pressure = 0\nleast_memory = 0\n"
        await anyio.Path(camp.home.paths.task_settings).write_text(settings)
        (camp.folder / "proj").mkdir()
        agent = {"FAKE_AGENT_TRUTH": str(camp.folder / "truth.jsonl"), "HOME": str(camp.folder)}
        task = {
            "kind": "claude", "prompt": "Please [[say done]]", "environment": agent,
            "directory": str(camp.folder / "proj"), "retry": {"attempts": 1},
        }  # fmt: skip
        document = json.dumps({"graph": "g", "tasks": {"one": task}})
        await call(client, "submit_tasks", META, document=document)
        whole = await collector.one("task")
        asked = await collector.one("tools/call submit_tasks")
        is_part(whole, asked)
        attempt = await collector.one("task attempt")
        is_part(attempt, whole)
        assert not whole.failed, (whole.attributes, attempt.attributes)
        message = await collector.one("deliver message")
        is_part(message, attempt)
        name = attempt.attributes["gen_ai.agent.name"]
        is_part(await collector.one(f"invoke_agent {name}"), message)
        is_part(await collector.one(f"create_agent {name}"), attempt)
