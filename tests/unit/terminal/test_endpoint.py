"""Which terminal is chosen, and what people are told about it."""

from __future__ import annotations

import sys

import pytest

from iterm_mcp.config import Settings
from iterm_mcp.errors import TerminalUnavailableError
from iterm_mcp.paths import find_paths
from iterm_mcp.terminal.endpoint import Endpoint, find_endpoint

APP = Endpoint("iterm2", "/somewhere/socket")
NOWHERE = find_paths({"ITERM_MCP_HOME": "/nowhere"})
HOST = Endpoint("headless", "/somewhere/socket", "cookie")


def test_each_terminal_has_a_name_and_hints_of_its_own() -> None:
    assert (APP.name, HOST.name) == ("iTerm2", "the headless host")
    assert "Enable Python API" in APP.absence_hint
    assert "iterm-mcp host status" in HOST.absence_hint
    assert "Allow automation" in APP.refusal_hint
    assert "host status" in HOST.refusal_hint


@pytest.mark.skipif(sys.platform == "darwin", reason="iTerm2 can be there")
async def test_iterm2_cannot_be_asked_for_where_it_cannot_be() -> None:
    with pytest.raises(TerminalUnavailableError, match="macOS only") as caught:
        await find_endpoint(Settings(terminal="iterm2"), NOWHERE)
    assert "ITERM_MCP_TERMINAL" in caught.value.hint
