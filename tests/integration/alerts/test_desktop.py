"""A real daemon tells a person by the terminal's own notifications."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import anyio
import pytest

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.tool_client import ToolClient

pytestmark = pytest.mark.headless


async def verb(home: Home, *words: str) -> str:
    done = await anyio.run_process([sys.executable, "-m", "iterm_mcp", *words], env=home.environ)
    return done.stdout.decode()


async def test_a_test_is_seen_in_the_session_that_is_looked_at(
    shared_home: Home, tools: ToolClient
) -> None:
    session = (await tools.data("open_session"))["session_id"]
    listed = (await tools.data("list_sessions"))["sessions"]
    (looked_at,) = [one["session_id"] for one in listed if one.get("active")]
    await verb(shared_home, "host", "record", looked_at, "on")
    path = anyio.Path(shared_home.paths.alerts)
    await path.write_text('[sinks.here]\nform = "desktop"\nvia = "osc9"\n')
    try:
        assert await verb(shared_home, "alerts", "test", "here") == "here: sent\n"
        assert "here  desktop" in await verb(shared_home, "alerts", "sinks")
    finally:
        await path.unlink()
    await verb(shared_home, "host", "record", looked_at, "off")
    lines = (await verb(shared_home, "host", "recordings", "export", looked_at)).splitlines()
    shown = "".join(one[2] for one in map(json.loads, lines[1:]) if one[1] == "o")
    assert "\x1b]9;iterm-mcp: a test of notifications - iterm-mcp can reach you here." in shown
    await tools.data("close_session", session_id=session, confirm=True)
