"""What is measured of tool calls, and what must never become a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from prometheus_client import CollectorRegistry

from iterm_mcp.telemetry import Meter
from iterm_mcp.tools.calls import Calls
from iterm_mcp.tools.tool import READS, StrictTool, ToolRow

if TYPE_CHECKING:
    from tests.unit.tools.conftest import Bench, Caller

SECONDS = 5


def tools_with_series(bench: Bench) -> set[str]:
    return {
        sample.labels["tool"]
        for family in bench.metrics.registry.collect()
        for sample in family.samples
        if "tool" in sample.labels
    }


@pytest.fixture
def calls() -> Calls:
    return Calls(Meter(CollectorRegistry(), "job", "jobs", "name", "jobs"))


async def test_a_tool_that_is_none_makes_no_series(caller: Caller, bench: Bench) -> None:
    before = tools_with_series(bench)
    for number in range(20):
        assert (await caller.raw(f"tool_{number}")).is_error
    assert tools_with_series(bench) == before
    listed = await caller.client.list_tools()
    assert before == {"more_tools", *(tool.name for tool in listed.tools)}


async def test_bad_arguments_are_measured_as_invalid(caller: Caller, bench: Bench) -> None:
    await caller.refusal("read_screen")
    labels = {"tool": "read_screen", "outcome": "invalid"}
    assert bench.sample("iterm_mcp_tool_calls_total", **labels) == 1
    assert bench.sample("iterm_mcp_tool_calls_in_flight", tool="read_screen") == 0


async def test_a_call_that_its_client_gave_up_is_no_longer_in_flight(
    caller: Caller, bench: Bench
) -> None:
    gate = bench.terminal.hold("list_sessions")

    def in_flight() -> float | None:
        return bench.sample("iterm_mcp_tool_calls_in_flight", tool="list_sessions")

    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as group:
            group.start_soon(caller.raw, "list_sessions")
            await gate.wait_arrived()
            assert in_flight() == 1
            group.cancel_scope.cancel()
        while in_flight():
            await anyio.lowlevel.checkpoint()
    labels = {"tool": "list_sessions", "outcome": "cancelled"}
    assert bench.sample("iterm_mcp_tool_calls_total", **labels) == 1
    assert await bench.calls.drain(0) == 0


async def test_an_argument_list_full_of_mistakes_names_the_first_few(caller: Caller) -> None:
    unknown = {f"what{number}": number for number in range(9)}
    refusal = await caller.refusal("list_sessions", **unknown)
    assert refusal["error"].count("there is no such argument") == 5
    assert refusal["error"].endswith("and 4 more")
    assert refusal["hint"] == "Its arguments are: match."


def test_a_tool_may_go_without_the_hints_for_clients_that_load_late(calls: Calls) -> None:
    async def look() -> str:
        """Look."""
        return "seen"

    plain = StrictTool.from_row(ToolRow(look, "Look", READS), calls)
    hinted = StrictTool.from_row(ToolRow(look, "Look", READS, "see", always_load=True), calls)
    assert plain.meta is None
    assert hinted.meta == {"anthropic/searchHint": "see", "anthropic/alwaysLoad": True}


async def test_a_daemon_without_calls_is_drained_at_once(calls: Calls) -> None:
    assert await calls.drain(SECONDS) == 0


async def test_a_call_that_does_not_end_is_counted_when_its_time_is_over(calls: Calls) -> None:
    with calls.measure("dig"):
        assert await calls.drain(0) == 1
