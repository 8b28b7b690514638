"""What a handler has at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message

    from iterm_mcp.host.client import Client
    from iterm_mcp.host.settings import Settings
    from iterm_mcp.host.transactions import Transactions
    from iterm_mcp.host.world import World


@dataclass(frozen=True, slots=True)
class Context:
    """The world, what is kept, and who asks."""

    world: World
    client: Client
    transactions: Transactions
    settings: Settings


if TYPE_CHECKING:
    Rows = dict[str, Callable[[Context, Any], Awaitable[Message]]]
    """A module's handlers, by the name of the request's field in ClientOriginatedMessage."""
