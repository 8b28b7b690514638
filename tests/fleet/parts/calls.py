"""What clients ask for, and what is asked of the terminal for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.fleet.parts.part import Part
from tests.fleet.stories import Ill

from iterm_mcp.errors import (
    AgentError,
    ConflictError,
    InvalidRequestError,
    ItermMcpError,
    NotFoundError,
    RefusedError,
    StoreError,
    TerminalRejectedError,
    TerminalTimeoutError,
    TerminalUnavailableError,
)
from iterm_mcp.telemetry.mcp_metrics import PIPE, TCP

if TYPE_CHECKING:
    from tests.fleet.parts.part import Life
    from tests.fleet.passing import PassingTime
    from tests.fleet.stories import Moment

TOOLS = {
    # name: calls in a busy hour, median seconds, and the terminal operation inside
    "read_screen": (120, 0.002, "read_screen"),
    "send_text": (60, 0.004, "send_text"),
    "run_command": (50, 0.4, "send_text"),
    "list_sessions": (40, 0.002, "list_sessions"),
    "list_agents": (40, 0.0006, None),
    "wait_agents": (30, 8.0, None),
    "cascade_message": (25, 0.02, "send_text"),
    "wait_receipts": (25, 2.0, None),
    "query_events": (20, 0.003, None),
    "list_tasks": (15, 0.002, None),
    "submit_tasks": (8, 0.02, None),
    "search_output": (8, 0.01, "read_screen"),
    "open_session": (6, 0.03, "open_session"),
    "split_session": (4, 0.03, "split_session"),
    "close_session": (8, 0.02, "close_session"),
    "start_agent": (4, 1.8, "open_session"),
    "answer_approval": (4, 0.05, "send_text"),
    "cost_report": (2, 0.03, None),
}  # fmt: skip

MISTAKES = 0.02
FAULTS = 0.0002
"""Of a well daemon: about one call in five thousand meets a program that does not answer."""
SLOWDOWN = 30.0

CONNECTED = {"unix": 4, "http": 1}
"""Clients by transport."""

CLIENTS = {"claude-code": 6, "codex-mcp-client": 3, "gemini-cli-mcp-client": 1, "claude-ai": 1}
"""By what they call themselves, and how much they ask."""

METHODS = {"initialize": 0.05, "tools/list": 0.1, "ping": 0.2, "resources/read": 0.05}
"""What is asked besides calls of tools, beside one call."""

PIPED = 0.8
"""How many of all requests come over a relay."""


def mistakes() -> dict[ItermMcpError, float]:
    """Return how callers err."""
    return {
        InvalidRequestError("no such argument"): 5,
        NotFoundError("session", "s0"): 4,
        ConflictError("taken"): 1,
        RefusedError("not yours"): 1,
    }


def faults() -> dict[BaseException, float]:
    """Return how we, the terminal and agents fail."""
    return {
        TerminalTimeoutError("no answer"): 5,
        TerminalUnavailableError("gone"): 3,
        TerminalRejectedError("no"): 1,
        AgentError("not started"): 1,
        StoreError("disk full"): 1,
        ItermMcpError("so it is"): 0.5,
        ValueError("a bug"): 0.5,
        asyncio.CancelledError(): 1,
    }


class Calls(Part):
    """Tool calls of clients, with the terminal operations inside them."""

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        for name, (_, _, operation) in TOOLS.items():
            self.metrics.tools.declare(name)
            if operation:
                self.metrics.operations.declare(operation)
        for transport, count in CONNECTED.items():
            self.metrics.clients.labels(transport).set(count)
        for client in CLIENTS:
            self.metrics.mcp.client_seen(client, TOOLS)

    def live(self, moment: Moment, time: PassingTime) -> None:
        """Make the calls of a while."""
        for name, (hourly, median, operation) in TOOLS.items():
            for _ in range(self.chance.times(hourly * moment.busy_hours)):
                self._call(name, median, operation, moment, time)
        for _ in range(self.chance.times(3 * moment.busy_hours)):
            self.metrics.mcp.session_ended(PIPE, self.chance.seconds(600, 1.5))

    def _call(
        self, name: str, median: float, operation: str | None, moment: Moment, time: PassingTime
    ) -> None:
        error = self._error(moment)
        if moment.is_ill(Ill.SLOW):
            median *= SLOWDOWN
        if operation:
            rejected = error if isinstance(error, ItermMcpError) else None
            seconds = self.chance.seconds(median / 3)
            time.measured(self.metrics.operations, operation, seconds, rejected)
        took = self.chance.seconds(median)
        time.measured(self.metrics.tools, name, took, error)
        transport = PIPE if self.chance.happens(PIPED) else TCP
        self.metrics.mcp.called(self.chance.one_of(CLIENTS), name, TOOLS)
        self.metrics.mcp.operation("tools/call", transport).observe(took)
        for method, share in METHODS.items():
            if self.chance.happens(share):
                seconds = self.chance.seconds(0.001)
                self.metrics.mcp.operation(method, transport).observe(seconds)

    def _error(self, moment: Moment) -> BaseException | None:
        if moment.is_ill(Ill.TERMINAL_AWAY) and self.chance.happens(0.3):
            return TerminalUnavailableError("no terminal answers")
        if self.chance.happens(0.1 if moment.is_ill(Ill.FAULTS) else FAULTS):
            return self.chance.one_of(faults())
        return self.chance.one_of(mistakes()) if self.chance.happens(MISTAKES) else None
