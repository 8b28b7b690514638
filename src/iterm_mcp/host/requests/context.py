"""What a handler has at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message

    from iterm_mcp.host.calls import Calls
    from iterm_mcp.host.client import Client
    from iterm_mcp.host.settings import Settings
    from iterm_mcp.host.transactions import Transactions
    from iterm_mcp.host.upgrade.upgrader import Upgrader
    from iterm_mcp.host.world import World


@dataclass(frozen=True, slots=True)
class Context:
    """The world, what is kept, and who asks."""

    world: World
    client: Client
    transactions: Transactions
    settings: Settings
    calls: Calls
    upgrader: Upgrader | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """In place of a response: it will take a while, and the client's next requests come first.

    Attributes:
        rest: Returns the response. It runs outside the client's turn, so it may not touch the
            world.
    """

    rest: Callable[[], Awaitable[Message]]


@dataclass(frozen=True, slots=True)
class Serialised:
    """In place of a response: the whole answer's bytes, where a message would cost too much.

    Attributes:
        answer: Returns them, given the request's id.
    """

    answer: Callable[[int], bytes]


if TYPE_CHECKING:
    Rows = dict[str, Callable[[Context, Any], Awaitable[Message | Later | Serialised]]]
    """A module's handlers, by the name of the request's field in ClientOriginatedMessage."""

    AtOnce = dict[str, Callable[[Context, Any], bool]]
    """Of some of a module's handlers: whether a request will be answered without any waiting."""
