"""Gemini CLI."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from scripts.acceptance.installed import Setup, installed
from scripts.acceptance.rig import SERVER, Rig, expect

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "gemini"


def connected(rig: Rig) -> str:
    """``gemini mcp list`` says that our server answers."""
    # It gives a server five seconds, in which on a busy machine no daemon may start for the first
    # time, its modules compiled. Its sessions wait for minutes, and do not need this.
    rig.run([SERVER, "daemon", "start"])
    added = rig.run([PROGRAM, "mcp", "add", *rig.pairs("-e"), "iterm", SERVER])
    listed = rig.run([PROGRAM, "mcp", "list"], GEMINI_CLI_TRUST_WORKSPACE="true")
    line = next((one for one in listed.splitlines() if "iterm:" in one), "")
    expect("Connected" in line, "`gemini mcp list` does not say Connected", listed or added)
    return "Connected"


SETUP = Setup(
    "gemini",
    ".gemini/settings.json",
    '// mine\n{"ui": {"theme": "Default"}, "mcpServers": {"other": {"command": "false"}}}',
    ("gemini", "mcp", "list"),
    "Connected",
    {"GEMINI_CLI_TRUST_WORKSPACE": "true"},
)

CHECKS: dict[str, Callable[[Rig], str]] = {
    "gemini mcp list": connected,
    "iterm-mcp install gemini": partial(installed, setup=SETUP),
}
