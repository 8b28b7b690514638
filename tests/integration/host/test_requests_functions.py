"""InvokeFunction: names, arguments, and calls that cannot be made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.host.test_requests_values import get

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient


async def invoke(wire: WireClient, invocation: str, **context: Any) -> Any:  # noqa: ANN401
    return await wire.ask(api_pb2.InvokeFunctionRequest(invocation=invocation, **context))


def of_session(session_id: str) -> Any:  # noqa: ANN401
    return api_pb2.InvokeFunctionRequest.Session(session_id=session_id)


def method(receiver: str) -> Any:  # noqa: ANN401
    return api_pb2.InvokeFunctionRequest.Method(receiver=receiver)


@pytest.mark.answers("invoke_function_request", "success", source="2.21")
@pytest.mark.behaves("iterm2.set_name", "iterm2.set_title", source="2.21")
async def test_sessions_tabs_and_windows_are_named_by_functions(wire: WireClient) -> None:
    opened = await wire.open_window()
    named = await invoke(
        wire, 'iterm2.set_name(name: "a \\"b\\"")', method=method(opened.session_id)
    )
    assert named.success.json_result == "null"
    (name,) = await get(wire, "name", session_id=opened.session_id)
    assert name.startswith('a "b"')
    for kind in ("tab_id", "window_id"):
        identifier = str(getattr(opened, kind))
        titled = await invoke(wire, f'iterm2.set_title(title: "{kind}")', method=method(identifier))
        assert titled.HasField("success")
        assert await get(wire, "titleOverride", **{kind: identifier}) == [kind]
        await invoke(wire, 'iterm2.set_title(title: "")', method=method(identifier))
        assert await get(wire, "titleOverride", **{kind: identifier}) == [None]


async def test_an_argument_may_be_a_variable(wire: WireClient) -> None:
    opened = await wire.open_window()
    await invoke(wire, "iterm2.set_name(name: session.id)", session=of_session(opened.session_id))
    (name,) = await get(wire, "name", session_id=opened.session_id)
    assert name.startswith(opened.session_id)


@pytest.mark.answers(
    "invoke_function_request", "REQUEST_MALFORMED", "FAILED", "INVALID_ID", source="2.21"
)
@pytest.mark.behaves("calls", source="2.21")
@pytest.mark.parametrize(
    ("invocation", "context", "status", "reason"),
    [
        ("f()", {}, "REQUEST_MALFORMED", "context"),
        ("f()", {"method": method("")}, "REQUEST_MALFORMED", "receiver"),
        ("f()", {"method": method("none")}, "FAILED", "not found"),
        ("f()", {"session": of_session("none")}, "INVALID_ID", "No such"),
        ("f(x: 1)", {"app": api_pb2.InvokeFunctionRequest.App()}, "FAILED", "No function"),
        ("f(", {"app": api_pb2.InvokeFunctionRequest.App()}, "FAILED", "expected"),
        ("f() f()", {"app": api_pb2.InvokeFunctionRequest.App()}, "FAILED", "more than one"),
        ("f", {"app": api_pb2.InvokeFunctionRequest.App()}, "FAILED", "not a function call"),
        (
            "iterm2.set_name(name: no.such)",
            {"session": of_session("active")},
            "FAILED",
            "undefined variable",
        ),
        (
            'iterm2.set_title(title: "x")',
            {"session": of_session("active")},
            "FAILED",
            "needs a tab or a window",
        ),
        (
            'iterm2.set_name(name: "x")',
            {"app": api_pb2.InvokeFunctionRequest.App()},
            "FAILED",
            "needs a session",
        ),
    ],
)
async def test_a_call_that_cannot_be_made_says_why(
    wire: WireClient, invocation: str, context: dict[str, Any], status: str, reason: str
) -> None:
    await wire.open_window()
    response = await invoke(wire, invocation, **context)
    assert api_pb2.InvokeFunctionResponse.Status.Name(response.error.status) == status
    assert reason in response.error.error_reason
