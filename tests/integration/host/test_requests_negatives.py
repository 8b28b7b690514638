"""What a terminal without a screen answers no to; always an answer, never silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from iterm2 import api_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message
    from tests.integration.host.wire_client import WireClient

Tmux = api_pb2.TmuxRequest
StatusBar = api_pb2.StatusBarComponentRequest


@pytest.mark.answers("menu_item_request", "BAD_IDENTIFIER", source="6")
@pytest.mark.answers(
    "status_bar_component_request",
    "REQUEST_MALFORMED",
    "SESSION_NOT_FOUND",
    "INVALID_IDENTIFIER",
    source="2.24",
)
@pytest.mark.answers(
    "tmux_request", "INVALID_REQUEST", "OK", "INVALID_CONNECTION_ID", source="2.24"
)
@pytest.mark.answers(
    "register_tool_request", "REQUEST_MALFORMED", "OK", "PERMISSION_DENIED", source="2.24"
)
@pytest.mark.answers("get_prompt_request", "SESSION_NOT_FOUND", "PROMPT_UNAVAILABLE", source="2.3")
@pytest.mark.answers("list_prompts_request", "SESSION_NOT_FOUND", "OK", source="2.3")
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (api_pb2.MenuItemRequest(identifier="none"), "BAD_IDENTIFIER"),
        (StatusBar(), "REQUEST_MALFORMED"),
        (StatusBar(open_popover=StatusBar.OpenPopover(session_id="none")), "SESSION_NOT_FOUND"),
        (StatusBar(open_popover=StatusBar.OpenPopover(session_id="active")), "INVALID_IDENTIFIER"),
        (Tmux(), "INVALID_REQUEST"),
        (Tmux(list_connections=Tmux.ListConnections()), "OK"),
        (Tmux(create_window=Tmux.CreateWindow(connection_id="x")), "INVALID_CONNECTION_ID"),
        (api_pb2.RegisterToolRequest(name="n"), "REQUEST_MALFORMED"),
        (api_pb2.RegisterToolRequest(name="n", identifier="i", URL="http://localhost/"), "OK"),
        (api_pb2.RegisterToolRequest(name="n", identifier="i", URL="file:/x"), "REQUEST_MALFORMED"),
        (
            api_pb2.RegisterToolRequest(name="n", identifier="i", URL="http://["),
            "REQUEST_MALFORMED",
        ),
        (
            api_pb2.RegisterToolRequest(name="Jobs", identifier="i", URL="http://localhost/"),
            "PERMISSION_DENIED",
        ),
        (api_pb2.GetPromptRequest(session="none"), "SESSION_NOT_FOUND"),
        (api_pb2.GetPromptRequest(session="active"), "PROMPT_UNAVAILABLE"),
        (api_pb2.ListPromptsRequest(session="none"), "SESSION_NOT_FOUND"),
        (api_pb2.ListPromptsRequest(session="active"), "OK"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_each_gets_its_own_answer(wire: WireClient, asked: Message, status: str) -> None:
    await wire.open_window()
    response = await wire.ask(asked)
    field = response.DESCRIPTOR.fields_by_name["status"]
    assert field.enum_type.values_by_number[response.status].name == status


@pytest.mark.answers("get_broadcast_domains_request", source="2.16")
async def test_there_is_nobody_to_broadcast_to(wire: WireClient) -> None:
    assert not (await wire.ask(api_pb2.GetBroadcastDomainsRequest())).broadcast_domains


@pytest.mark.answers("server_originated_rpc_result_request", source="2.21")
async def test_the_result_of_a_call_that_nobody_made_is_acknowledged(wire: WireClient) -> None:
    await wire.ask(api_pb2.ServerOriginatedRPCResultRequest(request_id="none"))


@pytest.mark.behaves("every kind", source="1.4")
@pytest.mark.parametrize(
    "field",
    list(api_pb2.ClientOriginatedMessage.DESCRIPTOR.oneofs_by_name["submessage"].fields),
    ids=lambda field: str(field.name),
)
async def test_an_empty_request_of_any_kind_is_answered(
    wire: WireClient, field: FieldDescriptor
) -> None:
    message = api_pb2.ClientOriginatedMessage(id=900)
    getattr(message, field.name).SetInParent()
    await wire.socket.send(message.SerializeToString())
    answer = await wire.receive()
    assert answer.id == 900
    own = field.name.replace("_request", "_response")
    assert answer.WhichOneof("submessage") in {own, "error"}
    assert "Internal" not in answer.error
