"""A request over HTTP is served in the trace that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iterm_mcp.telemetry.trace_context import TraceContext, current
from iterm_mcp.web.traced import Traced

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

HERE = TraceContext("a" * 32, "b" * 16, state="v=1")


async def nothing() -> Message:
    return {}


async def away(_message: Message) -> None:
    """Send nothing."""


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"traceparent": "rubbish"}, None),
        (HERE.written(), HERE),
        ({"tracestate": "v=1"}, None),
    ],
)
async def test_a_request_is_served_in_the_trace_of_its_headers(
    headers: dict[str, str], expected: TraceContext | None
) -> None:
    found: list[TraceContext | None] = []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        found.append(current())

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await Traced(app)({"type": "http", "headers": raw}, nothing, away)
    assert found == [expected]
    assert current() is None
