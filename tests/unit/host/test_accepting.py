"""Failures to accept: said once for as long as they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from structlog.testing import capture_logs

from iterm_mcp.host.accepting import AcceptErrors

if TYPE_CHECKING:
    import asyncio

FAILURE = {
    "message": "socket.accept() out of system resource",
    "exception": OSError(24, "Too many open files"),
}


class Loop:
    """A clock, and what came to the loop's own handler."""

    def __init__(self) -> None:
        self.now = 0.0
        self.passed_on: list[dict[str, Any]] = []

    def time(self) -> float:
        return self.now

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.passed_on.append(context)


def test_each_row_of_failures_is_said_once() -> None:
    loop, errors = Loop(), AcceptErrors()
    with capture_logs() as logs:
        for now in [0.0] * 100 + [1.0] * 100 + [9.0, 18.0, 60.0, 61.0]:
            loop.now = now
            errors.handle(cast("asyncio.AbstractEventLoop", loop), FAILURE)
    assert [one["event"] for one in logs] == ["callers_wait"] * 2
    assert "Too many open files" in logs[0]["reason"]
    assert loop.passed_on == []


def test_all_else_goes_the_loops_own_way() -> None:
    loop, errors = Loop(), AcceptErrors()
    other = {"message": "Task exception was never retrieved"}
    with capture_logs() as logs:
        errors.handle(cast("asyncio.AbstractEventLoop", loop), other)
    assert (logs, loop.passed_on) == ([], [other])
