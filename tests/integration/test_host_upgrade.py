"""An upgrade of the host is nothing that an MCP client notices."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.homes import REAL_ITERM2
from tests.integration.tool_client import ToolClient

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.line_client import LineClient

pytestmark = pytest.mark.skipif(REAL_ITERM2, reason="the app is no host of ours")


async def test_tools_go_on_after_the_host_was_upgraded(live_home: Home, client: LineClient) -> None:
    tools = ToolClient(client.call)
    session_id = await tools.open(command="/bin/cat", name="ann")
    await tools.data("register_agent", name="ann", session_id=session_id)
    await tools.data("send_text", session_id=session_id, text="before")
    await tools.shows(session_id, "before")
    daemon = live_home.daemon_pid()
    with anyio.fail_after(150):
        done = await anyio.run_process(
            [sys.executable, "-m", "iterm_mcp", "host", "upgrade"],
            env=live_home.environ,
            check=False,
            stderr=subprocess.STDOUT,
        )
    assert done.returncode == 0, done.stdout.decode()
    await tools.data("send_text", session_id=session_id, text="after")
    lines = await tools.shows(session_id, "after")
    assert "before" in lines
    (agent,) = (await tools.data("list_agents"))["agents"]
    assert (agent["name"], agent["alive"]) == ("ann", True)
    assert live_home.daemon_pid() == daemon
    await tools.close_opened()
