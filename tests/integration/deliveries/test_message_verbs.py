"""``iterm-mcp messages`` from a shell."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.integration.deliveries.crew import told

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.tool_client import ToolClient

pytestmark = pytest.mark.headless


async def messages(home: Home, *arguments: str) -> str:
    ran = await anyio.run_process(
        [sys.executable, "-m", "iterm_mcp", "messages", *arguments],
        env=home.environ,
        stderr=subprocess.STDOUT,
    )
    return ran.stdout.decode()


async def test_dead_letters_are_listed_shown_retried_and_forgotten(
    tools: ToolClient, module_home: Home
) -> None:
    async with told(tools) as agent:
        await agent.tell("[[tool Bash ls]]")
        await agent.happens("dialog_opened")
        one, two = [
            (await agent.ends(await agent.tell(text, expires_seconds=0.2)))["delivery_id"]
            for text in ("first", "second")
        ]
        waiting = (await agent.tell("third"))["delivery_id"]
        listed = await messages(module_home, "list", "--agent", agent.name)
        waits = await messages(module_home, "list", "--waiting", "--json")
        shown = await messages(module_home, "show", one)
        retried = await messages(module_home, "retry", one)
        cancelled = await messages(module_home, "cancel", waiting)
        forgotten = await messages(module_home, "purge", two)

        assert f"{one}  {agent.name}  expired: its time was over" in listed
        assert "    first" in listed
        assert waiting in waits
        assert '"stage": "expired"' in shown
        assert f"{agent.name}  accepted" in retried
        assert (cancelled, forgotten) == ("1 cancelled\n", "1 forgotten\n")
        agent.folder.order("answer allow")
        await agent.happens("received", 2)
        assert agent.received() == ["[[tool Bash ls]]", "first"]
