"""How a machine takes part in a shared backlog."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from iterm_mcp.clock import SystemClock
from iterm_mcp.errors import InvalidRequestError

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SCHEMES = ("redis", "rediss")


@dataclass(frozen=True, slots=True)
class FrontOptions:
    """How a machine takes part.

    Attributes:
        url: ``redis://…`` or ``rediss://…`` of one server.
        folder: Where is written down what was taken and not yet handed back.
        machine: Its name among machines, unlike any other.
        queue: Machines of another queue on the same server see nothing of each other.
        at_once: How many messages it works on at once; each is a graph. With 0 it only submits.
        alive_seconds: Without a word for so long, a machine's messages are taken by others.
        idle_seconds: After so long a message is delivered again that nobody seems to work on.
        keep_seconds: How long results are kept for those who ask.
        again_seconds: How soon is tried again what could not be done.
    """

    url: str
    folder: str
    machine: str
    queue: str = "tasks"
    at_once: int = 5
    alive_seconds: float = 60.0
    idle_seconds: float = 30.0
    keep_seconds: float = 7 * 86400.0
    again_seconds: float = 2.0
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        """Refuse what no server or no other machine would understand.

        Raises:
            InvalidRequestError: The URL or a name cannot be.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise InvalidRequestError(
                "a shared backlog needs the URL of a Redis server",
                hint="Set ITERM_MCP_TASKS_FRONT=redis://HOST:6379, or rediss:// with TLS.",
            )
        for name in (self.machine, self.queue):
            if not _NAME.fullmatch(name):
                raise InvalidRequestError(
                    f"{name[:80]!r} cannot be the name of a machine or a queue",
                    hint="Use letters, digits, '.', '_' and '-', at most 80.",
                )
