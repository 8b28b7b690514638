"""Calling tools of the daemon from a command line, as any client does."""

from __future__ import annotations

import json
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from iterm_mcp import __version__
from iterm_mcp.access import COMMAND_LINE, CONNECT, AccessError, take_access
from iterm_mcp.json_lines import parse, write
from iterm_mcp.paths import find_paths, make_private_folder
from iterm_mcp.processes import start_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iterm_mcp.access import Access
    from iterm_mcp.paths import Paths

START_SECONDS = 20.0
ANSWER_SECONDS = 3700.0
"""Above the longest time that a tool may take."""

Json = dict[str, Any]


class ToolCallError(Exception):
    """There is no answer; the text says why, and what to do."""


class ToolCaller:
    """A connection to the daemon; use `open_caller`."""

    def __init__(self, connection: socket.socket, access: Access) -> None:
        self._lines = connection.makefile("rb")
        self._connection = connection
        self._count = 0
        if access:
            self._ask(CONNECT, access.values())
        client = {"name": COMMAND_LINE, "version": __version__}
        self._ask(
            "initialize",
            {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client},
        )
        self._connection.sendall(write({"method": "notifications/initialized"}))

    def close(self) -> None:
        """Let go of what was read ahead; the connection is its opener's."""
        self._lines.close()

    def call(
        self,
        tool: str,
        arguments: Json,
        on_progress: Callable[[str], None] | None = None,
    ) -> Json:
        """Call a tool and return its data; text comes as ``{"text": …}``.

        Args:
            on_progress: Told in words how far it has come.

        Raises:
            ToolCallError: The tool refused, or the daemon is gone.
        """
        params: Json = {"name": tool, "arguments": arguments}
        if on_progress is not None:
            params["_meta"] = {"progressToken": tool}
        result = self._ask("tools/call", params, on_progress)
        text = "".join(str(one.get("text", "")) for one in result.get("content", []))
        if result.get("isError"):
            raise ToolCallError(text)
        found = result.get("structuredContent")
        return dict(found) if isinstance(found, dict) else {"text": text}

    def _ask(
        self, method: str, params: Json, on_progress: Callable[[str], None] | None = None
    ) -> Json:
        self._count += 1
        name = CONNECT if method == CONNECT else self._count
        try:
            self._connection.sendall(write({"id": name, "method": method, "params": params}))
            for line in self._lines:
                for message in parse(line):
                    if message.get("id") == name:
                        return _result(message)
                    if on_progress and message.get("method") == "notifications/progress":
                        told = message.get("params")
                        on_progress(str(told.get("message", "")) if isinstance(told, dict) else "")
        except OSError as error:
            raise ToolCallError(f"the daemon does not answer: {error}") from None
        raise ToolCallError("the daemon ended meanwhile; look what has been done before you repeat")


def _result(message: Json) -> Json:
    result = message.get("result")
    if isinstance(result, dict):
        return result
    error = message.get("error")
    raise ToolCallError(str(error.get("message")) if isinstance(error, dict) else "no result")


@contextmanager
def open_caller() -> Iterator[ToolCaller]:
    """Connect to the daemon, started if need be; exit with 1 and the reason if something fails.

    What `iterm_mcp.access` reads from the environment holds here too: an agent that calls us from
    its shell is the same agent.
    """
    paths = find_paths()
    try:
        access = take_access([], dict(os.environ))
        make_private_folder(paths.state)
        connection = _connect(paths)
        with connection:
            caller = ToolCaller(connection, access)
            try:
                yield caller
            finally:
                caller.close()
    except (ToolCallError, AccessError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _connect(paths: Paths) -> socket.socket:
    log = f"{paths.logs}/daemon.log"
    found = _dial(paths) or start_once(
        lambda: _dial(paths),
        lock=paths.daemon_lock,
        spawn_lock=paths.daemon_spawn_lock,
        arguments=["daemon", "run"],
        log=log,
        within_seconds=START_SECONDS,
    )
    if found is None:
        raise ToolCallError(f"the daemon did not start; its log is {log}")
    return found


def _dial(paths: Paths) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(paths.daemon_socket)
    except OSError:
        connection.close()
        return None
    connection.settimeout(ANSWER_SECONDS)
    return connection


def print_json(answer: Json) -> None:
    """Print an answer as it came."""
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
