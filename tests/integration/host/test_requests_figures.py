"""What the host says of itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.host.wire_client import open_wire
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

pytestmark = pytest.mark.headless

LINE = b"echo typed\r"


async def figures(wire: WireClient) -> dict[str, Any]:
    """Return what the host counts."""
    response = await wire.ask(
        api_pb2.InvokeFunctionRequest(
            invocation="iterm_mcp.figures()", app=api_pb2.InvokeFunctionRequest.App()
        )
    )
    return dict(json.loads(response.success.json_result))


@pytest.mark.behaves("iterm_mcp.figures", source="2.21")
async def test_the_host_tells_what_it_holds_and_what_has_passed_through_it(
    wire: WireClient, host_home: Home
) -> None:
    opened = await wire.open_window()
    before = await figures(wire)
    await wire.ask(api_pb2.SendTextRequest(session=opened.session_id, text=LINE.decode()))
    after = await eventually(
        lambda: figures(wire),
        lambda one: (
            one["output_bytes"] >= before["output_bytes"] + len(LINE)
            and sum(one["echoes"]) > sum(before["echoes"])
        ),
    )
    assert after["input_bytes"] >= before["input_bytes"] + len(LINE)
    assert len(after["echoes"]) == len(after["echo_bounds"]) + 1
    assert after["echo_seconds"] > 0
    assert after["sessions"] >= 1
    assert after["memory_bytes"] > 1 << 20
    assert after["cpu_seconds"] >= before["cpu_seconds"] > 0
    assert after["loop_lag_seconds"] >= 0
    async with open_wire(host_home) as other:
        assert (await figures(other))["clients"] > 1


async def test_the_output_of_who_floods_while_somebody_types_is_left_unread_for_a_while(
    wire: WireClient,
) -> None:
    typed = (await wire.open_window()).session_id
    await wire.open_window("/usr/bin/yes")
    before = (await figures(wire))["pauses"]

    async def type_on() -> dict[str, Any]:
        await wire.ask(api_pb2.SendTextRequest(session=typed, text="x"))
        return await figures(wire)

    assert (await eventually(type_on, lambda one: one["pauses"] > before))["paused_sessions"] >= 0
