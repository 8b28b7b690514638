"""What a terminal answers to the wish for a drawing."""

from __future__ import annotations

import json

import pytest
from iterm2 import api_pb2 as wire
from tests.unit.terminal.peer import Peer
from tests.unit.terminal.test_iterm import ONE, Bench

from iterm_mcp.errors import NotFoundError, TerminalRejectedError

STATUS = wire.InvokeFunctionResponse.Status


def answered(*, result: str = "", status: int | None = None) -> Peer:
    answer = wire.ServerOriginatedMessage()
    response = answer.invoke_function_response
    if status is None:
        response.success.json_result = json.dumps(result)
    else:
        response.error.status = status  # type: ignore[assignment]  # the stub's own enum
        response.error.error_reason = "no such function"
    peer = Peer()
    peer.answers["invoke_function_request"] = answer
    return peer


async def test_a_drawing_is_asked_of_the_session_itself() -> None:
    peer = answered(result="<svg/>")
    async with Bench(peer).open() as terminal:
        assert await terminal.draw_session(ONE, history=7) == "<svg/>"

    (asked,) = peer.requests("invoke_function_request")
    assert asked.session.session_id == ONE
    assert "history: 7" in asked.invocation


async def test_a_terminal_without_the_function_refuses_with_advice() -> None:
    async with Bench(answered(status=STATUS.Value("FAILED"))).open() as terminal:
        with pytest.raises(TerminalRejectedError, match="no such function") as error:
            await terminal.draw_session(ONE)
    assert "png" in error.value.hint


async def test_a_session_that_is_gone_is_not_found() -> None:
    async with Bench(answered(status=STATUS.Value("INVALID_ID"))).open() as terminal:
        with pytest.raises(NotFoundError):
            await terminal.draw_session(ONE)
