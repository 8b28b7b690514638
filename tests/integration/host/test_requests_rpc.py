"""Functions that clients offer and others call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from iterm2 import api_pb2
from tests.integration.host import rpc_scripts
from tests.integration.host.test_notifications import subscribe
from tests.integration.host.wire_client import open_wire, run_script

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

Offer = api_pb2.RPCRegistrationRequest
Invoke = api_pb2.InvokeFunctionRequest
Result = api_pb2.ServerOriginatedRPCResultRequest


async def offer(
    wire: WireClient,
    name: str,
    *arguments: str,
    on: bool = True,
    timeout: float = 5,  # noqa: ASYNC109
    **defaults: str,
) -> str:
    request = Offer(
        name=name,
        arguments=[Offer.RPCArgumentSignature(name=one) for one in arguments],
        defaults=[Offer.RPCArgument(name=one, path=path) for one, path in defaults.items()],
        timeout=timeout,
    )
    return await subscribe(
        wire, "NOTIFY_ON_SERVER_ORIGINATED_RPC", "all", on=on, rpc_registration_request=request
    )


def invocation(text: str, session: str = "", timeout: float | None = None) -> Invoke:
    request = Invoke(invocation=text, timeout=timeout)
    if session:
        request.session.session_id = session
    else:
        request.app.SetInParent()
    return request


def outcome(response: api_pb2.InvokeFunctionResponse) -> Any:  # noqa: ANN401 - any JSON
    """Return the result, or the status and the reason."""
    if response.WhichOneof("disposition") == "error":
        status = api_pb2.InvokeFunctionResponse.Status.Name(response.error.status)
        return status, response.error.error_reason
    return json.loads(response.success.json_result)


async def asked(wire: WireClient) -> Any:  # noqa: ANN401
    return await wire.notified(lambda _: True, "server_originated_rpc_notification")


async def answer(wire: WireClient, call: Any, **result: str) -> None:  # noqa: ANN401
    await wire.ask(Result(request_id=call.request_id, **result))


async def later(wire: WireClient, number: int) -> Any:  # noqa: ANN401
    """Return what became of an invocation that was sent."""
    message = await wire.whole_answer(number)
    return outcome(message.invoke_function_response)


@pytest.mark.answers("invoke_function_request", "success", source="2.21")
@pytest.mark.answers("server_originated_rpc_result_request", source="2.21")
@pytest.mark.notifies("NOTIFY_ON_SERVER_ORIGINATED_RPC", source="3.10")
@pytest.mark.behaves("registered", source="2.21")
async def test_a_function_is_called_and_its_result_returned(
    wire: WireClient, host_home: Home
) -> None:
    async with open_wire(host_home) as owner:
        assert await offer(owner, "add", "y", "x", "nothing") == "OK"
        number = await wire.send(invocation('add(y: [1, "a\\"b"], x: true, nothing: null)'))
        call = await asked(owner)
        assert call.rpc.name == "add"
        assert [(one.name, one.json_value) for one in call.rpc.arguments] == [
            ("nothing", ""),
            ("x", "true"),
            ("y", '[1, "a\\"b"]'),
        ]
        assert not call.rpc.arguments[0].HasField("json_value")
        await answer(owner, call, json_value='{"sum": [1.5, null]}')
        assert await later(wire, number) == {"sum": [1.5, None]}


@pytest.mark.answers("invoke_function_request", "success", "FAILED", source="2.21")
@pytest.mark.behaves("valid null", source="D")
@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({}, None),
        ({"json_value": "null"}, None),
        ({"json_value": "no JSON"}, ("FAILED", "The function's result is no JSON")),
        ({"json_exception": '{"reason": "it broke"}'}, ("FAILED", "it broke")),
        ({"json_exception": '"odd"'}, ("FAILED", "Unknown error")),
    ],
)
async def test_what_the_owner_says_is_what_the_caller_gets(
    wire: WireClient, host_home: Home, result: dict[str, str], expected: object
) -> None:
    async with open_wire(host_home) as owner:
        await offer(owner, "f")
        number = await wire.send(invocation("f()"))
        await answer(owner, await asked(owner), **result)
        assert await later(wire, number) == expected


@pytest.mark.behaves("defaults", source="2.21")
async def test_defaults_are_worked_out_where_the_function_is_called(
    wire: WireClient, host_home: Home
) -> None:
    opened = await wire.open_window()
    async with open_wire(host_home) as owner:
        await offer(owner, "f", "a", "where", "maybe", where="session.id", maybe="user.none?")
        number = await wire.send(invocation("f(a: columns)", opened.session_id))
        call = await asked(owner)
        assert [(one.name, one.json_value) for one in call.rpc.arguments] == [
            ("a", "80"),
            ("maybe", ""),
            ("where", f'"{opened.session_id}"'),
        ]
        await answer(owner, call, json_value="1")
        assert await later(wire, number) == 1
        status, reason = outcome(await wire.ask(invocation("f(a: 1)")))
        assert status == "FAILED"
        assert "No function registered" in reason


@pytest.mark.answers(
    "notification_request",
    "OK",
    "DUPLICATE_SERVER_ORIGINATED_RPC",
    "NOT_SUBSCRIBED",
    "REQUEST_MALFORMED",
    source="3.10",
)
async def test_an_identity_is_taken_once_by_anyone(wire: WireClient, host_home: Home) -> None:
    async with open_wire(host_home) as owner:
        assert await offer(owner, "f", "a") == "OK"
        assert await offer(wire, "f", "a") == "DUPLICATE_SERVER_ORIGINATED_RPC"
        assert await offer(wire, "f", "a", "b") == "OK"
        assert await offer(wire, "f", "a", on=False) == "NOT_SUBSCRIBED"
        assert await offer(wire, "f g") == "REQUEST_MALFORMED"
        assert await offer(owner, "f", "a", on=False) == "OK"
        assert await offer(wire, "f", "a") == "OK"


@pytest.mark.answers("invoke_function_request", "FAILED", source="2.21")
@pytest.mark.behaves("disconnect", source="1.4")
async def test_functions_go_with_their_client_and_calls_under_way_fail(
    wire: WireClient, host_home: Home
) -> None:
    async with open_wire(host_home) as owner:
        await offer(owner, "f")
        number = await wire.send(invocation("f()"))
        await asked(owner)
    assert await later(wire, number) == ("FAILED", "Script terminated during function call")
    status, _ = outcome(await wire.ask(invocation("f()")))
    assert status == "FAILED"


@pytest.mark.answers("invoke_function_request", "TIMEOUT", source="2.21")
async def test_who_takes_too_long_is_not_waited_for(wire: WireClient, host_home: Home) -> None:
    async with open_wire(host_home) as owner:
        await offer(owner, "slow", timeout=0.05)
        await offer(owner, "f")
        assert outcome(await wire.ask(invocation("slow()"))) == ("TIMEOUT", "Timeout")
        assert outcome(await wire.ask(invocation("f()", timeout=0.05))) == ("TIMEOUT", "Timeout")
        for _ in range(2):
            await answer(owner, await asked(owner), json_value="1")  # late, but acknowledged


async def test_nobody_is_asked_when_there_is_no_time(wire: WireClient, host_home: Home) -> None:
    async with open_wire(host_home) as owner:
        await offer(owner, "f")
        assert outcome(await wire.ask(invocation("f()", timeout=0))) is None
        await owner.ask(api_pb2.ListSessionsRequest())
        assert not owner.seen("server_originated_rpc_notification")


async def test_only_the_asked_client_can_answer(wire: WireClient, host_home: Home) -> None:
    async with open_wire(host_home) as owner:
        await offer(owner, "f")
        number = await wire.send(invocation("f()"))
        call = await asked(owner)
        await wire.send(Result(request_id=call.request_id, json_value='"stolen"'))
        message = await wire.receive()
        assert message.WhichOneof("submessage") == "server_originated_rpc_result_response"
        await answer(owner, call, json_value='"mine"')
        assert await later(wire, number) == "mine"


async def test_a_client_may_call_its_own_function_and_go_on_meanwhile(wire: WireClient) -> None:
    await offer(wire, "f")
    number = await wire.send(invocation("f()"))
    call = await asked(wire)
    await wire.ask(api_pb2.ListSessionsRequest())
    await wire.send(Result(request_id=call.request_id, json_value='"own"'))
    kinds = {}
    for _ in range(2):
        message = await wire.receive()
        kinds[message.WhichOneof("submessage")] = message
    assert kinds.keys() == {"server_originated_rpc_result_response", "invoke_function_response"}
    assert kinds["invoke_function_response"].id == number


async def test_functions_that_call_each_other_do_not_wait_for_ever(
    wire: WireClient, host_home: Home
) -> None:
    async with open_wire(host_home) as other:
        await offer(wire, "inner")
        await offer(other, "outer")
        outer = await wire.send(invocation("outer()"))
        outer_call = await asked(other)
        inner = await other.send(invocation("inner()"))
        inner_call = await asked(wire)
        await wire.ask(api_pb2.ListSessionsRequest())
        await wire.send(Result(request_id=inner_call.request_id, json_value="1"))
        assert await later(other, inner) == 1
        await other.send(Result(request_id=outer_call.request_id, json_value="2"))
        await wire.receive()  # its own result is acknowledged
        assert await later(wire, outer) == 2


async def test_a_function_answers_inside_its_callers_transaction(
    wire: WireClient, host_home: Home
) -> None:
    async with open_wire(host_home) as owner:
        await offer(owner, "f")
        await wire.ask(api_pb2.TransactionRequest(begin=True))
        number = await wire.send(invocation("f()"))
        await answer(owner, await asked(owner), json_value="1")
        assert await later(wire, number) == 1
        await wire.ask(api_pb2.TransactionRequest(begin=False))


async def test_a_caller_that_leaves_harms_nobody(wire: WireClient, host_home: Home) -> None:
    await offer(wire, "f")
    async with open_wire(host_home) as caller:
        await caller.send(invocation("f()"))
        call = await asked(wire)
    await answer(wire, call, json_value="1")


async def test_many_calls_are_answered_each_but_not_without_end(wire: WireClient) -> None:
    await offer(wire, "f", "n", timeout=60)
    numbers = [await wire.send(invocation(f"f(n: {n})")) for n in range(1001)]
    refused = await wire.whole_answer(numbers[-1])
    assert outcome(refused.invoke_function_response) == (
        "FAILED",
        "Too many function calls are under way",
    )
    calls = wire.seen("server_originated_rpc_notification")
    assert len(calls) == 1000
    for call in reversed(calls):
        await wire.send(
            Result(request_id=call.request_id, json_value=call.rpc.arguments[0].json_value)
        )
    results: dict[int, Any] = {}
    with anyio.fail_after(10):
        while len(results) < len(calls):
            message = await wire.receive()
            if message.WhichOneof("submessage") == "invoke_function_response":
                results[message.id] = outcome(message.invoke_function_response)
    assert results == {number: n for n, number in enumerate(numbers[:-1])}


@pytest.mark.notifies("NOTIFY_ON_SERVER_ORIGINATED_RPC", source="3.10")
@pytest.mark.behaves("roles", source="2.21")
@pytest.mark.parametrize(
    ("role", "attributes", "full_name"),
    [
        ("SESSION_TITLE", "session_title_attributes", "title.com_a.f"),
        ("STATUS_BAR_COMPONENT", "status_bar_component_attributes", "statusbar.com_a.f"),
        ("CONTEXT_MENU", "context_menu_attributes", "contextMenu.com_a.f"),
    ],
)
async def test_a_function_of_any_role_can_be_called(
    wire: WireClient, host_home: Home, role: str, attributes: str, full_name: str
) -> None:
    request = Offer(name="f", role=Offer.Role.Value(role))
    getattr(request, attributes).unique_identifier = "com-a"
    async with open_wire(host_home) as owner:
        kind = "NOTIFY_ON_SERVER_ORIGINATED_RPC"
        assert await subscribe(owner, kind, rpc_registration_request=request) == "OK"
        number = await wire.send(invocation(f"{full_name}()"))
        call = await asked(owner)
        assert call.rpc.name == "f"
        await answer(owner, call, json_value='"called"')
        assert await later(wire, number) == "called"
        status, _ = outcome(await wire.ask(invocation("f()")))
        assert status == "FAILED"


@pytest.mark.behaves("shutdown", source="1.4")
async def test_at_the_end_a_caller_is_not_left_waiting(own_home: Home) -> None:
    async with open_wire(own_home) as wire:
        await offer(wire, "f")
        number = await wire.send(invocation("f()"))
        await asked(wire)
        pid = int((await anyio.Path(own_home.paths.host_lock).read_text()).split()[0])
        signalled = await anyio.run_process(["kill", str(pid)])
        assert signalled.returncode == 0
        assert (await wire.whole_answer(number)).error == "The host is stopping."


@pytest.mark.usefixtures("wire")  # it closes the windows that the script has opened
@pytest.mark.parametrize("script", [one.__name__ for one in rpc_scripts.SCRIPTS])
async def test_an_unmodified_script(host_home: Home, script: str) -> None:
    await run_script(host_home, rpc_scripts.__file__, script)
