"""Gemini CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.acceptance.rig import SERVER, Rig, expect

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "gemini"


def connected(rig: Rig) -> str:
    """``gemini mcp list`` says that our server answers."""
    added = rig.run([PROGRAM, "mcp", "add", *rig.pairs("-e"), "iterm", SERVER])
    listed = rig.run([PROGRAM, "mcp", "list"], GEMINI_CLI_TRUST_WORKSPACE="true")
    line = next((one for one in listed.splitlines() if "iterm:" in one), "")
    expect("Connected" in line, "`gemini mcp list` does not say Connected", listed or added)
    return "Connected"


CHECKS: dict[str, Callable[[Rig], str]] = {"gemini mcp list": connected}
