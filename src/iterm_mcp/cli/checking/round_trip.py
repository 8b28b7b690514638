"""A client's whole way: relay, daemon, terminal, shell, and back."""

from __future__ import annotations

import os
from time import perf_counter
from typing import TYPE_CHECKING, Any

import anyio

from iterm_mcp.access import TIER_VARIABLE, TOOLS_VARIABLE
from iterm_mcp.cli.checking.finding import Finding
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp import Client

    from iterm_mcp.paths import Paths

SECONDS = 60.0
PART = "round trip"
NEEDED = {"open_session", "run_command", "close_session"}


class _ToolError(Exception):
    """A tool's answer was an error; the text is the answer's."""


def _expected() -> tuple[type[Exception], ...]:
    """Return what goes wrong without a bug of ours."""
    from mcp import MCPError

    return (TimeoutError, OSError, MCPError, _ToolError)


def check_round_trip(paths: Paths, command: Sequence[str], *, start: bool) -> Iterator[Finding]:
    """Open a session through the relay, run `true` in it, and close it.

    Args:
        command: What starts the relay.
        start: Permit that a daemon and a host are started for it.
    """
    running = None not in {lock_holder(paths.daemon_lock), lock_holder(paths.host_lock)}
    if not running and not start:
        text = "not tried: not everything runs, and --no-start was given"
        yield Finding("warn", PART, text, "Run `iterm-mcp doctor`.")
        return
    hint = f"See {paths.logs}/daemon.log; `iterm-mcp daemon run` shows what stops a daemon."
    expected: tuple[type[Exception], ...] = (*_expected(), ExceptionGroup)
    try:
        yield Finding("ok", PART, anyio.run(_walk, command))
    except expected as error:
        yield Finding("fail", PART, "; ".join(_reasons(error)), hint)


async def _walk(command: Sequence[str]) -> str:
    """Return in words how it went."""
    from mcp import Client, StdioServerParameters

    limits = {TIER_VARIABLE, TOOLS_VARIABLE}  # the doctor's own client needs all that it calls
    environ = {key: value for key, value in os.environ.items() if key not in limits}
    relay = StdioServerParameters(command=command[0], args=list(command[1:]), env=environ)
    began = perf_counter()
    with anyio.fail_after(SECONDS):
        async with Client(relay) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            if not tools >= NEEDED:
                return f"{len(tools)} tools; {TIER_VARIABLE} keeps them from opening a session"
            opened = await _call(client, "open_session", name="doctor", wait_ready=True)
            session = opened["session_id"]
            try:
                ran = await _call(client, "run_command", session_id=session, command="true")
            finally:
                with anyio.CancelScope(shield=True), anyio.move_on_after(SECONDS / 4):
                    await _call(client, "close_session", session_id=session, confirm=True)
    if ran.get("exit_code") != 0:
        raise _ToolError(f"`true` did not end with 0: {ran}")
    return f"{len(tools)} tools; a session opened, ran and closed in {perf_counter() - began:.1f} s"


async def _call(client: Client, tool: str, **arguments: object) -> dict[str, Any]:
    from mcp.types import TextContent

    result = await client.call_tool(tool, arguments)
    if result.is_error:
        text = " ".join(one.text for one in result.content if isinstance(one, TextContent))
        raise _ToolError(f"{tool}: {' '.join(text.split())}")
    return dict(result.structured_content or {})


def _reasons(error: Exception) -> list[str]:
    """Return what went wrong in words; raise the error if it is a bug of ours."""
    if isinstance(error, ExceptionGroup):
        return [reason for one in error.exceptions for reason in _reasons(one)]
    if not isinstance(error, _expected()):
        raise error
    if isinstance(error, TimeoutError):
        return [f"no end after {SECONDS:.0f} s"]
    return [str(error) or type(error).__name__]
