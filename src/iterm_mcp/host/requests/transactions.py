"""Transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host import wire

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows

Status = wire.TransactionResponse.Status


async def transaction(
    context: Context, request: wire.TransactionRequest
) -> wire.TransactionResponse:
    """Begin or end a transaction."""
    inside = context.transactions.owner is context.client
    if request.begin == inside:
        status = Status.ALREADY_IN_TRANSACTION if inside else Status.NO_TRANSACTION
        return wire.TransactionResponse(status=status)
    if request.begin:
        await context.transactions.begin(context.client)
    else:
        context.transactions.end()
    return wire.TransactionResponse(status=Status.OK)


ROWS: Rows = {"transaction_request": transaction}
