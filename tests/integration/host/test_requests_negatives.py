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


async def test_there_is_nobody_to_broadcast_to(wire: WireClient) -> None:
    assert not (await wire.ask(api_pb2.GetBroadcastDomainsRequest())).broadcast_domains


async def test_the_result_of_a_call_that_nobody_made_is_acknowledged(wire: WireClient) -> None:
    await wire.ask(api_pb2.ServerOriginatedRPCResultRequest(request_id="none"))


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
