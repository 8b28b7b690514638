"""Functions of clients: offering them, and their results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host import wire

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows


def change_registration(
    context: Context, request: wire.NotificationRequest
) -> wire.NotificationResponse.Status.ValueType:
    """Offer a function of the client's, or take it back.

    Each role may be offered: none is shown anywhere, but each can be invoked by its full name.
    """
    registrations = context.calls.registrations
    change = registrations.add if request.subscribe else registrations.remove
    return change(context.client, request.rpc_registration_request)


async def rpc_result(
    context: Context, request: wire.ServerOriginatedRPCResultRequest
) -> wire.ServerOriginatedRPCResultResponse:
    """Hand a result to who waits for it; acknowledge it in any case."""
    context.calls.settle(context.client, request)
    return wire.ServerOriginatedRPCResultResponse()


ROWS: Rows = {"server_originated_rpc_result_request": rpc_result}
