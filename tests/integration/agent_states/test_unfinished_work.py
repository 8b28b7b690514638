"""What is not over is not taken for finished, whatever pauses and whoever else ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.approvals.conftest import SECONDS, Desk
from tests.integration.fake_agent.agents import open_folder
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.tool_client import ToolClient

    from iterm_mcp.terminal.iterm import ItermTerminal

pytestmark = pytest.mark.headless


async def test_an_agent_whose_subagent_has_ended_is_not_taken_for_finished(
    shared_home: Home, terminal: ItermTerminal, tools: ToolClient
) -> None:
    desk = Desk(shared_home, terminal, tools)
    with open_folder() as folder:
        asker = await desk.start(folder, "unfinished")

        sent = await tools.data(
            "cascade_message",
            agents={"unfinished": "[[subagent 0.3 scout]] [[say half-way]] [[work 4]]"},
        )
        await asker.agent.sees("half-way")
        soon = await tools.data("wait_agents", agents=["unfinished"], timeout_seconds=0.5)
        ids = [one["delivery_id"] for one in sent["receipts"]]

        async def receipt() -> str:
            found = await tools.data("wait_receipts", delivery_ids=ids, timeout_seconds=1)
            return str(found["receipts"][0]["stage"])

        amid = await receipt()
        finished = await eventually(receipt, lambda stage: stage == "ended", within_seconds=SECONDS)

        assert (soon["met"], soon["agents"][0]["state"]) == (False, "working")
        assert amid in {"submitted", "started"}
        assert finished == "ended"
        assert len(folder.truth("received")) == 1
