"""How the headless host is, asked when somebody wants to know, over the link that stands anyway."""

from __future__ import annotations

import asyncio
import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import anyio
from iterm2 import rpc

from iterm_mcp.errors import TerminalError
from iterm_mcp.models.hosts import HostFigures, HostReport

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock
    from iterm_mcp.terminal.connection import Connection
    from iterm_mcp.terminal.link import TerminalLink

INVOCATION = "iterm_mcp.figures()"

NEW_SECONDS = 0.5
"""What is not older is not asked for again."""

PATIENCE_SECONDS = 0.2
"""So long a scrape waits for an answer; a host that is well answers in a millisecond."""

ANSWER_SECONDS = 3.0
"""A host that has not answered by then is not up."""


class HostWatch:
    """Asks the host, one question at a time; while `run` runs.

    It costs nothing while nobody wants to know.

    Args:
        expected: The terminal is our host, also while none is connected. Where it may be iTerm2,
            it is our host once that was connected.
    """

    def __init__(self, link: TerminalLink, clock: Clock, *, expected: bool) -> None:
        self._link = link
        self._clock = clock
        self._expected = expected
        self._loop = asyncio.get_running_loop()
        self._wanted = anyio.Event()
        self._told = anyio.Event()
        self._asked: Connection | None = None
        self._answers = True
        self._figures: HostFigures | None = None
        self._at = float("-inf")

    def report(self) -> HostReport | None:
        """Return what is known; None where the terminal is not our host. From any thread.

        What is old is asked for anew, so that whoever reads often is never far behind.
        """
        connection = self._link.connection
        if connection is None:
            return HostReport(up=False) if self._expected else None
        self._expected = connection.endpoint.kind == "headless"
        if not self._expected:
            return None
        if self._is_old(connection):
            self._loop.call_soon_threadsafe(self._want)
        if connection is not self._asked:
            return HostReport(up=True)
        return HostReport(self._answers, self._figures)

    async def fresh(self) -> None:
        """Have figures that are new, if the host gives them within `PATIENCE_SECONDS`."""
        connection = self._host()
        if connection is not None and self._is_old(connection):
            told = self._told
            self._want()
            with anyio.move_on_after(PATIENCE_SECONDS):
                await told.wait()

    async def run(self) -> None:
        """Ask whenever somebody wants to know, until cancelled."""
        while True:
            await self._wanted.wait()
            connection = self._host()
            # Who wanted it while it was asked for has it by now.
            if connection is not None and self._is_old(connection):
                await self._ask(connection)
            self._wanted = anyio.Event()
            self._told.set()
            self._told = anyio.Event()

    def _host(self) -> Connection | None:
        connection = self._link.connection
        headless = connection is not None and connection.endpoint.kind == "headless"
        return connection if headless else None

    def _want(self) -> None:
        self._wanted.set()

    def _is_old(self, connection: Connection) -> bool:
        return connection is not self._asked or self._clock.monotonic() - self._at > NEW_SECONDS

    async def _ask(self, connection: Connection) -> None:
        """Ask once; a host that is older than this question is up, and tells nothing."""
        found, answers = None, True
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                reply = await rpc.async_invoke_function(
                    connection, INVOCATION, timeout=ANSWER_SECONDS
                )
            answer = reply.invoke_function_response
            if answer.HasField("success"):
                found = read_figures(json.loads(answer.success.json_result))
        except TimeoutError:
            answers = False
        except (TerminalError, rpc.RPCException):
            return  # the link knows
        self._asked, self._answers, self._figures = connection, answers, found
        self._at = self._clock.monotonic()


def read_figures(told: dict[str, Any]) -> HostFigures | None:
    """Return what a host told; None if it is of another version, and tells something else."""
    try:
        given = {one.name: told[one.name] for one in fields(HostFigures)}
    except KeyError:
        return None
    for name in ("echo_bounds", "echoes"):
        given[name] = tuple(given[name])
    return HostFigures(**given)
