"""What is said while no descriptor is left for those who connect: once, not at every try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    import asyncio

log = structlog.get_logger()

_MESSAGE = "socket.accept() out of system resource"
_CALM_SECONDS = 10.0  # the loop tries again every second


class AcceptErrors:
    """Logs the first of each row of failures to accept; all else goes the loop's own way."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take what the loop reports (`asyncio.loop.set_exception_handler`)."""
        if context.get("message") != _MESSAGE:
            loop.default_exception_handler(context)
            return
        now = loop.time()
        calm = now - self._last > _CALM_SECONDS
        self._last = now
        if calm:
            log.error(
                "callers_wait",
                reason=str(context.get("exception", "")),
                remedy="close sessions or connections; `iterm-mcp host status` names the limit",
            )
