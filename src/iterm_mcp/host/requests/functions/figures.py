"""The function, of our own and not of the app's, that tells how the host is."""

from __future__ import annotations

import asyncio
from time import process_time
from typing import TYPE_CHECKING, Any

import psutil

from iterm_mcp.host.figures import ECHO_BOUNDS, Figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.host import scopes
    from iterm_mcp.host.requests.context import Context
    from iterm_mcp.host.requests.functions.function import Functions

_PROCESS = psutil.Process()  # it is the same one after an upgrade


async def figures(
    context: Context, _target: scopes.Target, _arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is counted since the host was started or upgraded; it takes microseconds."""
    counted = Figures.of(asyncio.get_running_loop())
    sessions = context.world.sessions.values()
    return {
        "sessions": len(sessions),
        "clients": counted.clients,
        "paused_sessions": sum(one.pty.held for one in sessions if not one.exited),
        "pauses": counted.pauses,
        "output_bytes": counted.output_bytes,
        "input_bytes": counted.input_bytes,
        "echo_bounds": ECHO_BOUNDS,
        "echoes": counted.echoes,
        "echo_seconds": counted.echo_seconds,
        "loop_lag_seconds": counted.lag.worst(),
        "memory_bytes": _PROCESS.memory_info().rss,
        "cpu_seconds": process_time(),
    }


FUNCTIONS: Functions = {"iterm_mcp.figures()": figures}
